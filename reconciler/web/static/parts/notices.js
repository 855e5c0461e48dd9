// What is wrong, in words: a project that is broken now, an answer that did not come.
import { html } from "../html.js";
import { count, showText } from "../words.js";

const MOST_SHOWN = 8;

/** What `validate` says now; the page stays as it was before, if it was there. */
export function Faults({ faults, hasCards }) {
  if (!faults.length) return null;
  const more = faults.length - MOST_SHOWN;
  return html`
    <section class="notice" data-kind="fault" aria-label="Faults" role="alert">
      <h2>The project cannot be read now: ${count(faults.length, "fault")}</h2>
      <p>
        ${hasCards && "What you see is how it was before. "}
        It is looked at again at every save.
      </p>
      <ul class="faults">
        ${faults.slice(0, MOST_SHOWN).map(({ place, message }) => html`
          <li>${place && html`<code>${showText(place)}</code> `}${showText(message)}</li>`)}
        ${more > 0 && html`
          <li>and ${count(more, "more", "more")}: <code>cutlist validate</code> shows all</li>`}
      </ul>
    </section>`;
}

export function TroubleNotice({ trouble }) {
  if (!trouble) return null;
  return html`
    <section class="notice" data-kind="trouble" role="alert">
      <h2>
        ${trouble.place && html`<code>${showText(trouble.place)}</code> `}
        ${showText(trouble.message)}
      </h2>
      ${trouble.hint && html`<p>${showText(trouble.hint)}</p>`}
    </section>`;
}
