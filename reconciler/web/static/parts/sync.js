// How a Sync of a controller is, in words: who leads it, what waits, what went wrong.
import { order } from "../api.js";
import { html, useState } from "../html.js";
import { href } from "../router.js";
import { formatMoment, formatPrice, shorten, showText } from "../words.js";
import { Confirm } from "./confirm.js";

const ORDERS = {
  suspend: {
    name: "Suspend",
    words: "Nothing is begun from now on, and the pass that runs is ended; what is at the service "
      + "goes on there.",
  },
  resume: { name: "Resume", words: "It goes on with what is committed, within its limits." },
  reconcile: {
    name: "Reconcile now",
    words: "It looks now, and what failed before is tried again, within its limits.",
  },
};

/** What can be had done with a Sync, by whoever is let in; each asks once more. */
export function SyncButtons({ sync }) {
  const [asked, setAsked] = useState(null);
  if (!sync.leads) return null;
  const offered = sync.suspended ? ["resume"] : ["reconcile", "suspend"];
  return html`
    <p class="sync-buttons">
      ${offered.map((what) => html`
        <button type="button" onClick=${() => setAsked(what)}>${ORDERS[what].name}</button>`)}
    </p>
    ${asked && html`
      <${Confirm} title=${`${ORDERS[asked].name}: ${showText(sync.name)}`}
        yes=${`Yes, ${ORDERS[asked].name.toLowerCase()}`}
        act=${() => order(sync.name, asked)} onClose=${() => setAsked(null)}>
        <p>${ORDERS[asked].words}</p>
      <//>`}`;
}

/** What a person should know of the Sync whose page this is; nothing where all is well. */
export function SyncNotice({ sync, page }) {
  if (!sync.leads) {
    return html`
      <section class="notice" role="status">
        <h2>This controller does not lead ${showText(sync.name)}.</h2>
        <p>${showText(sync.leader)} What you see is of before, and nothing can be changed here.</p>
      </section>`;
  }
  if (sync.suspended) {
    return html`
      <section class="notice" role="status"><h2>${showText(sync.name)} is suspended.</h2>
        <p>Nothing is begun before somebody has it go on.</p></section>`;
  }
  if (sync.waiting_plan && page !== "plan") {
    return html`
      <section class="notice" role="status"><h2>A plan waits for a yes.</h2>
        <p><a data-page href=${href("plan")}>Look at the plan</a></p></section>`;
  }
  if (sync.ready === "False" && !sync.waiting_plan) {
    return html`
      <section class="notice" data-kind="trouble" role="alert">
        <h2>The last pass did not go well: ${showText(sync.reason)}</h2>
        <p>${showText(sync.message)}</p>
      </section>`;
  }
  return null;
}

/** The last passes of a Sync, the newest first, and what can be had done with it. */
export function Passes({ sync }) {
  const { passes, pass_started: started } = sync;
  return html`
    <section class="panel" aria-labelledby="passes">
      <div class="panel-head">
        <h2 id="passes">Passes</h2>
        <${SyncButtons} sync=${sync} />
      </div>
      ${started && html`<p class="quiet">One runs since ${formatMoment(started)}.</p>`}
      <ol class="lines">
        ${passes.map((pass) => html`
          <li key=${pass.started}>
            <time datetime=${pass.ended}>${formatMoment(pass.ended)}</time>${" "}
            <b>${pass.end}</b> <code>${shorten(pass.revision, 7)}</code> ${describePass(pass)}
          </li>`)}
      </ol>
    </section>`;
}

function describePass({ message, counts, cost, currency, times }) {
  const told = Object.entries(counts).filter(([, number]) => number);
  const parts = told.map(([what, number]) => `${number} ${what}`);
  if (cost === null || cost > 0) parts.push(formatPrice(cost, currency));
  const done = parts.length ? ` ${parts.join(", ")}.` : "";
  return `${showText(message)}${times > 1 ? ` (${times} times)` : ""}${done}`;
}
