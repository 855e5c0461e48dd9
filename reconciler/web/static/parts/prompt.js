// The prompt, and what became of it since an earlier take.
import { diffWords } from "../diff.js";
import { html, useMemo } from "../html.js";
import { showText } from "../words.js";

/** `against` is the number of a take, or null; `onAgainst` chooses another. */
export function Prompt({ prompt, takes, against, onAgainst }) {
  const take = takes.find((one) => one.number === against);
  return html`
    <section class="panel" aria-labelledby="prompt">
      <div class="panel-head">
        <h2 id="prompt">Prompt</h2>
        ${takes.length > 0 && html`
          <label class="choice">beside
            <select value=${against ?? ""}
              onChange=${(event) => onAgainst(Number(event.target.value) || null)}>
              <option value="">nothing</option>
              ${[...takes].reverse().map(({ number }) => html`
                <option value=${number}>take ${number}</option>`)}
            </select>
          </label>`}
      </div>
      ${take ? html`<${Changes} before=${take.prompt} after=${prompt} />`
        : html`
          <p class="prose" dir="auto">
            ${showText(prompt) || html`<span class="quiet">There is none.</span>`}
          </p>`}
    </section>`;
}

export function Changes({ before, after }) {
  const runs = useMemo(() => diffWords(showText(before), showText(after)), [before, after]);
  const isSame = runs.every((run) => run.kind === "same");
  return html`
    <p class="prose" dir="auto">${runs.map(({ kind, text }) => {
      if (kind === "gone") return html`<del>${text}</del>`;
      return kind === "new" ? html`<ins>${text}</ins>` : text;
    })}</p>
    ${isSame && html`<p class="quiet">The same words.</p>`}`;
}
