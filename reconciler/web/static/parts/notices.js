// What is wrong, in words: a project that is broken now, an answer that did not come.
import { html } from "../html.js";
import { count, showText } from "../words.js";

const MOST_SHOWN = 8; // on the board
const FEW_SHOWN = 2; // above pages of other things
const OF_FAULTS = [404, 409]; // there is no such edit, no plan can be made

/** What `validate` says now; the page stays as it was before, if it was there. */
export function Faults({ faults, hasCards, isBoard }) {
  if (!faults.length) return null;
  const most = isBoard ? MOST_SHOWN : FEW_SHOWN;
  const more = faults.length - most;
  return html`
    <section class="notice" data-kind="fault" aria-label="Faults" role="alert">
      <h2>The project cannot be read now: ${count(faults.length, "fault")}</h2>
      <p>
        ${hasCards && "What you see is how it was before. "}
        It is looked at again at every save.
      </p>
      <ul class="faults">
        ${faults.slice(0, most).map(({ place, message }) => html`
          <li>${place && html`<code>${showText(place)}</code> `}${showText(message)}</li>`)}
        ${more > 0 && html`
          <li>and ${count(more, "more", "more")}: <code>cutlist validate</code> shows all</li>`}
      </ul>
    </section>`;
}

/** An answer that did not come; not where the faults of the project, above, say why. */
export function TroubleNotice({ trouble, faults = [] }) {
  if (!trouble || (faults.length && OF_FAULTS.includes(trouble.status))) return null;
  return html`
    <section class="notice" data-kind="trouble" role="alert">
      <h2>
        ${trouble.place && html`<code>${showText(trouble.place)}</code> `}
        ${showText(trouble.message)}
      </h2>
      ${trouble.hint && html`<p>${showText(trouble.hint)}</p>`}
    </section>`;
}
