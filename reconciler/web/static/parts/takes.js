// Every take of an edit: its picture, what it cost, who agreed; one of them can be picked.
import { html } from "../html.js";
import { count, describeWho, formatMoment, formatPrice, formatSeconds } from "../words.js";
import { Picture } from "./picture.js";

export function Takes({ takes, note, ...rest }) {
  if (!takes.length) return null;
  return html`
    <section class="panel" aria-labelledby="takes">
      <h2 id="takes">${count(takes.length, "take")}</h2>
      ${note && html`<p class="quiet">${note}</p>`}
      <ol class="takes" reversed>
        ${[...takes].reverse().map((take) => html`
          <${Take} key=${take.digest} take=${take} ...${rest} />`)}
      </ol>
    </section>`;
}

function Take({ take, currency, watched, compared, onWatch, onCompare, onPick }) {
  const { number } = take;
  const isCompared = number === compared;
  return html`
    <li class="take" data-current=${take.current} data-number=${number}>
      <button type="button" class="still" aria-pressed=${number === watched}
        onClick=${() => onWatch(number)} aria-label=${`Watch take ${number}`}>
        <${Picture} source=${take.poster} />
        <span class="length">${formatSeconds(take.duration_s)}</span>
      </button>
      <div class="take-words">
        <p class="take-head">
          <b>Take ${number}</b>
          ${take.current && html`<span class="tag">current</span>`}
          ${!take.made_by_present_request && html`<span class="tag">of an earlier request</span>`}
        </p>
        <p><time datetime=${take.stored_at}>${formatMoment(take.stored_at)}</time></p>
        <p>${describePrice(take, currency)}${take.seed != null && ` · seed ${take.seed}`}</p>
        <p class="take-who">${describeWho(take)}</p>
        <p class="take-buttons">
          <button type="button" aria-pressed=${isCompared} disabled=${number === watched}
            onClick=${() => onCompare(isCompared ? null : number)}>Compare</button>
          ${onPick && !take.current && html`
            <button type="button" onClick=${() => onPick(take)}>Pick take ${number}</button>`}
        </p>
      </div>
    </li>`;
}

function describePrice(take, currency) {
  return take.price === null ? formatSeconds(take.billed_s) : formatPrice(take.price, currency);
}
