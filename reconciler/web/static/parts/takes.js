// Every take of an edit: its picture, what it cost, who agreed; one of them can be picked.
import { html } from "../html.js";
import { count, formatMoment, formatPrice, formatSeconds, shorten, showText } from "../words.js";
import { Picture } from "./picture.js";

export function Takes({ takes, currency, watched, compared, onWatch, onCompare, onPick, note }) {
  if (!takes.length) return null;
  return html`
    <section class="panel" aria-labelledby="takes">
      <h2 id="takes">${count(takes.length, "take")}</h2>
      ${note && html`<p class="quiet">${note}</p>`}
      <ol class="takes" reversed>
        ${[...takes].reverse().map((take) => html`
          <li class="take" key=${take.digest} data-current=${take.current} data-number=${take.number}>
            <button type="button" class="still" aria-pressed=${take.number === watched} onClick=${() => onWatch(take.number)}
              aria-label=${`Watch take ${take.number}`}>
              <${Picture} source=${take.poster} />
              <span class="length">${formatSeconds(take.duration_s)}</span>
            </button>
            <div class="take-words">
              <p class="take-head"><b>Take ${take.number}</b>${take.current && html`<span class="tag">current</span>`}
                ${!take.made_by_present_request && html`<span class="tag">of an earlier request</span>`}</p>
              <p><time datetime=${take.stored_at}>${formatMoment(take.stored_at)}</time></p>
              <p>${describePrice(take, currency)}${take.seed != null && ` · seed ${take.seed}`}</p>
              <p class="take-who">${describeWho(take)}</p>
              <p class="take-buttons">
                <button type="button" aria-pressed=${take.number === compared} disabled=${take.number === watched}
                  onClick=${() => onCompare(take.number === compared ? null : take.number)}>Compare</button>
                ${onPick && !take.current && html`
                  <button type="button" onClick=${() => onPick(take)}>Pick take ${take.number}</button>`}
              </p>
            </div>
          </li>`)}
      </ol>
    </section>`;
}

function describePrice(take, currency) {
  return take.price === null ? formatSeconds(take.billed_s) : formatPrice(take.price, currency);
}

function describeWho({ author, commit, approved_by: yes }) {
  const told = [];
  if (commit) told.push(`${shorten(commit, 7)}${author ? ` by ${showText(author)}` : ""}`);
  if (yes) told.push(`agreed: ${showText(yes)}`);
  return told.join(" · ");
}
