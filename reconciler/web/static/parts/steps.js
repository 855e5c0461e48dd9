// The steps of a plan as people read them: what happens to which edit, why, and for how much.
import { html } from "../html.js";
import { href } from "../router.js";
import { count, formatPrice, formatSeconds, showText } from "../words.js";
import { Picture } from "./picture.js";

// In the order in which they matter; `keep` is left out, as in the terminal.
const ACTIONS = [
  ["blocked", "!", ["needs a person", "need a person"]],
  ["render", "+", ["to render", "to render"]],
  ["resume", ">", ["to resume", "to resume"]],
  ["settle", ">", ["to settle", "to settle"]],
  ["wait", ".", ["waiting", "waiting"]],
  ["write", "~", ["to write", "to write"]],
  ["prune", "-", ["to prune", "to prune"]],
];
const FREE = ["write", "prune"];
const MOST_SHOWN = 200; // of one action
const CHANGE = /\[([^[\]→]*)→([^[\]]*)\]/g;

export function Steps({ plan, posters }) {
  return ACTIONS.map(([action, sign, words]) => {
    const steps = plan.steps.filter((step) => step.action === action);
    if (!steps.length) return null;
    const more = steps.length - MOST_SHOWN;
    return html`
      <section class="panel" aria-labelledby=${`do-${action}`} data-action=${action}>
        <h2 id=${`do-${action}`}>
          <span class="sign" aria-hidden="true">${sign}</span> ${count(steps.length, ...words)}
        </h2>
        <ul class="steps">
          ${steps.slice(0, MOST_SHOWN).map((step) => html`
            <${Step} key=${step.name + step.output} step=${step} poster=${posters.get(step.name)}
              currency=${plan.cost.currency} />`)}
        </ul>
        ${more > 0 && html`
          <p class="quiet">
            and ${count(more, "more", "more")}: <code>cutlist plan</code> shows all
          </p>`}
      </section>`;
  });
}

function Step({ step, poster, currency }) {
  return html`
    <li class="step">
      <span class="still"><${Picture} source=${poster} instead="" /></span>
      <div class="step-words">
        <p class="step-head">
          <a data-page href=${href("edit", step.name)}><bdi>${showText(step.name)}</bdi></a>
          <span class="quiet"><bdi>${showText(step.output)}</bdi></span>
        </p>
        <p>${showText(step.reason)}</p>
        <${Details} lines=${step.details} />
      </div>
      <p class="step-price">
        <${Price} step=${step} currency=${currency} />
        <span class="quiet">${showText(step.place)}</span>
      </p>
    </li>`;
}

function Price({ step, currency }) {
  const { billable_s: seconds, price } = step.cost;
  if (!seconds) return FREE.includes(step.action) && html`<b>free</b>`;
  const most = { wait: "at most ", blocked: "paying again: " }[step.action] ?? "";
  const end = ["resume", "settle"].includes(step.action) ? " when it ends" : "";
  return html`
    <b>${most}${formatPrice(price, currency)}${end}</b>
    <span class="quiet">${formatSeconds(seconds)} billable</span>`;
}

/** What has changed of a request, a line for each part of it. */
export function Details({ lines }) {
  return lines.map((line) => html`
    <p class="detail" dir="auto">${markChanges(showText(line))}</p>`);
}

/** `[old→new]`, as a plan writes it, as what is gone and what is new. */
export function markChanges(line) {
  const parts = [];
  let end = 0;
  for (const match of line.matchAll(CHANGE)) {
    parts.push(line.slice(end, match.index));
    if (match[1]) parts.push(html`<del>${match[1]}</del>`);
    if (match[2]) parts.push(html`<ins>${match[2]}</ins>`);
    end = match.index + match[0].length;
  }
  return [...parts, line.slice(end)];
}
