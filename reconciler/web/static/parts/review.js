// What changes from one revision to another, above the cards of a review.
import { html } from "../html.js";
import { Details } from "./steps.js";
import { describeUnpriced, formatPlanned, showText } from "../words.js";

/** The cards, each with what has changed of its edit. */
export function nameChanges(cards, diff) {
  if (!diff) return cards;
  const changes = new Map(diff.changes.map((change) => [change.name, change]));
  return cards.map((card) => {
    const change = changes.get(card.name);
    return change ? { ...card, change: `${change.kind}: ${change.reason}` } : card;
  });
}

export function Review({ diff }) {
  const { from, to, summary, cost, changes } = diff;
  const counts = Object.entries(summary).filter(([, number]) => number);
  const told = counts.map(([kind, number]) => `${number} ${kind}`).join(", ");
  const removed = changes.filter((change) => change.kind === "removed");
  return html`
    <header class="review">
      <h1>From <bdi>${showText(from.name)}</bdi> to <bdi>${showText(to.name)}</bdi></h1>
      <p>${told || "nothing has changed"}. ${describePrice(cost)}</p>
      ${removed.length > 0 && html`
        <p>No longer asked for: ${removed.map(({ name }) => showText(name)).join(", ")}.</p>`}
    </header>`;
}

/** What has changed of one edit, in the words of the comparison. */
export function Change({ change }) {
  if (!change) return null;
  return html`
    <section class="panel" aria-labelledby="change">
      <h2 id="change">What changed</h2>
      <p>${showText(change.reason)}</p>
      <${Details} lines=${change.details} />
      ${change.paid && html`<p class="quiet">${showText(change.paid)}</p>`}
    </section>`;
}

function describePrice(cost) {
  if (!cost.at_most_billable_s) return "Nothing is to be paid.";
  const planned = formatPlanned(cost.at_most_price, cost.at_most_known_price, cost.currency);
  const most = cost.at_most_price === null ? "To render" : "At most, to render";
  return `${most}: ${planned}. ${describeUnpriced(cost)}`;
}
