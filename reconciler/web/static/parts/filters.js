// Which cards are shown: by text, by how they are, by label; and of which environment.
import { EVERY } from "../api.js";
import { html, useMemo } from "../html.js";
import { href } from "../router.js";
import { formatPlanned, nameHealth, showText } from "../words.js";
import { Mark } from "./mark.js";

const HEALTH = ["Healthy", "Progressing", "Degraded", "Missing", "Outdated", "Suspended"];
const PERSON = "needs a person";
const ALL_STATES = [...HEALTH, "OutOfSync", PERSON];

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
  for (const one of cards.flatMap(list)) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

export function Filters({ isEmpty, project, environment, onEnvironment, ...rest }) {
  const choice = html`
    <${Environments} project=${project} environment=${environment} onChoose=${onEnvironment} />`;
  return html`
    <div class="filters">${isEmpty ? choice : html`<${Wish} ...${rest}>${choice}<//>`}</div>`;
}

function Wish({ cards, summary, wish, onChange, search, currency, children }) {
  const labels = useMemo(() => [...tally(cards, listLabels)].sort(), [cards]);
  return html`
    <input class="search" type="search" ref=${search} value=${wish.text}
      placeholder="Name, prompt or reason"
      aria-label="Find edits by name, prompt or reason" aria-keyshortcuts="/"
      onInput=${({ target }) => onChange({ text: target.value })} />
    <${States} cards=${cards} chosen=${wish.state} onChoose=${(state) => onChange({ state })} />
    ${children}
    ${labels.length > 0 && html`
      <select aria-label="Label" value=${wish.label}
        onChange=${({ target }) => onChange({ label: target.value })}>
        <option value="">every label</option>
        ${labels.map(([label, number]) => html`
          <option value=${label}>${showText(label)} (${number})</option>`)}
      </select>`}
    <select aria-label="Order" value=${wish.sort}
      onChange=${({ target }) => onChange({ sort: target.value })}>
      <option value="">in order of name</option>
      <option value="age">newest first</option>
      <option value="price">dearest first</option>
    </select>
    ${summary && html`<${Ahead} cost=${summary.cost} currency=${currency} />`}`;
}

/** How many cards there are of each state; one of them can be chosen, and let go again. */
function States({ cards, chosen, onChoose }) {
  const states = useMemo(() => tally(cards, listStates), [cards]);
  const offered = ALL_STATES.filter((state) => states.has(state) || state === chosen);
  return html`
    <div class="chips" role="group" aria-label="How they are">
      <${Chip} isOn=${!chosen} onPick=${() => onChoose("")} number=${cards.length}>All<//>
      ${offered.map((state) => html`
        <${Chip} key=${state} isOn=${chosen === state} number=${states.get(state) ?? 0}
          onPick=${() => onChoose(chosen === state ? "" : state)}>
          <${Mark} kind=${state === PERSON ? "Degraded" : state}>${state}<//>
        <//>`)}
    </div>`;
}

/** Which environment is looked at, where a project has several. */
function Environments({ project, environment, onChoose }) {
  if (!project || project.mode === "sync" || project.environments.length < 2) return null;
  const choose = (name) => onChoose(name === project.environment ? "" : name);
  return html`
    <select aria-label="Environment" value=${environment || project.environment}
      onChange=${({ target }) => choose(target.value)}>
      ${project.environments.map((name) => html`<option value=${name}>${showText(name)}</option>`)}
      <option value=${EVERY}>every environment</option>
    </select>`;
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
      to render: <b>${formatPlanned(cost.at_most_price, cost.at_most_known_price, currency)}</b>
    </a>`;
}
