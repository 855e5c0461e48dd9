// Which cards are shown: by text, by how they are, by label; and of which environment.
import { EVERY } from "../api.js";
import { html, useMemo } from "../html.js";
import { href } from "../router.js";
import { formatPrice, nameHealth, showText } from "../words.js";
import { Mark } from "./mark.js";

const HEALTH = ["Healthy", "Progressing", "Degraded", "Missing", "Outdated", "Suspended"];
const PERSON = "needs a person";

/** Whether a card is what somebody wishes to see. */
export function matchCard(card, { text, state, label }) {
  if (state && !listStates(card).includes(state)) return false;
  if (label && !listLabels(card).includes(label)) return false;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const said = `${card.name} ${card.prompt} ${card.reason} ${card.output}`.toLowerCase();
  return words.every((word) => said.includes(word));
}

function listStates(card) {
  const states = [nameHealth(card)];
  if (card.sync !== "Synced") states.push("OutOfSync");
  if (card.needs_person) states.push(PERSON);
  return states;
}

function listLabels(card) {
  return Object.entries(card.labels).map(([key, value]) => `${key}: ${value}`);
}

function tally(cards, list) {
  const counts = new Map();
  for (const card of cards) for (const one of list(card)) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

export function Filters({ cards, summary, wish, onChange, search, currency, project, environment, onEnvironment }) {
  const states = useMemo(() => tally(cards, listStates), [cards]);
  const labels = useMemo(() => [...tally(cards, listLabels)].sort(), [cards]);
  const offered = [...HEALTH, "OutOfSync", PERSON].filter((state) => states.has(state) || state === wish.state);
  return html`
    <div class="filters">
      <input class="search" type="search" ref=${search} value=${wish.text} placeholder="Name, prompt or reason"
        aria-label="Find edits by name, prompt or reason" aria-keyshortcuts="/"
        onInput=${(event) => onChange({ text: event.target.value })} />
      <div class="chips" role="group" aria-label="How they are">
        <${Chip} isOn=${!wish.state} onPick=${() => onChange({ state: "" })} number=${cards.length}>All<//>
        ${offered.map((state) => html`
          <${Chip} key=${state} isOn=${wish.state === state} number=${states.get(state) ?? 0}
            onPick=${() => onChange({ state: wish.state === state ? "" : state })}>
            <${Mark} kind=${state === PERSON ? "Degraded" : state}>${state}<//>
          <//>`)}
      </div>
      ${project?.mode !== "sync" && project?.environments.length > 1 && html`
        <select aria-label="Environment" value=${environment || project.environment}
          onChange=${({ target }) => onEnvironment(target.value === project.environment ? "" : target.value)}>
          ${project.environments.map((name) => html`<option value=${name}>${showText(name)}</option>`)}
          <option value=${EVERY}>every environment</option>
        </select>`}
      ${labels.length > 0 && html`
        <select aria-label="Label" value=${wish.label} onChange=${(event) => onChange({ label: event.target.value })}>
          <option value="">every label</option>
          ${labels.map(([label, number]) => html`<option value=${label}>${showText(label)} (${number})</option>`)}
        </select>`}
      <select aria-label="Order" value=${wish.sort} onChange=${(event) => onChange({ sort: event.target.value })}>
        <option value="">in order of name</option>
        <option value="age">newest first</option>
        <option value="price">dearest first</option>
      </select>
      ${summary && html`<${Ahead} cost=${summary.cost} currency=${currency} />`}
    </div>`;
}

function Chip({ isOn, onPick, number, children }) {
  return html`
    <button type="button" class="chip" aria-pressed=${isOn} onClick=${onPick}>
      ${children}<span class="chip-number">${number.toLocaleString("en")}</span>
    </button>`;
}

/** What the plan would cost now, as the way to it. */
function Ahead({ cost, currency }) {
  if (!cost?.billable_s && !cost?.at_most_billable_s) return null;
  return html`
    <a class="ahead" data-page href=${href("plan")}>
      to render: <b>${formatPrice(cost.at_most_price, currency)}</b>
    </a>`;
}
