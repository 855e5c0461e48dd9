// One edit on the board: its picture first, then how it is.
import { html, useEffect, useRef, useState } from "../html.js";
import { href } from "../router.js";
import {
  count, formatAge, formatMoment, formatPrice, formatSeconds, nameHealth, showText,
} from "../words.js";
import { Mark } from "./mark.js";
import { Picture } from "./picture.js";

const PREVIEW_AFTER_MS = 250;
const TRY_AFTER_MS = 1000;
const MOST_TRIES = 8;
const NO_RESULT = "no result yet"; // as a plan says it
const isStill = matchMedia("(prefers-reduced-motion: reduce)");

export function Card({ card, currency, isStop, now }) {
  const [moving, setMoving] = useState(null); // the poster that its film is shown in place of
  const timer = useRef(0);
  const enter = () => {
    if (isStill.matches || !card.poster) return;
    timer.current = setTimeout(() => setMoving(card.poster), PREVIEW_AFTER_MS);
  };
  const leave = () => {
    clearTimeout(timer.current);
    setMoving(null);
  };
  useEffect(() => () => clearTimeout(timer.current), [card.poster]);
  const isMoving = moving && moving === card.poster;
  const isOut = card.sync !== "Synced";
  return html`
    <a class="card" data-page href=${href("edit", card.name, "", card.asked)}
      data-name=${card.name} tabindex=${isStop ? 0 : -1}
      onPointerEnter=${enter} onPointerLeave=${leave}>
      <span class="still">
        <${Picture} source=${card.poster} instead=${card.digest ? "no picture" : NO_RESULT} />
        ${isMoving && html`<${Preview} key=${moving} card=${card} />`}
        ${card.duration_s != null && html`
          <span class="length">${formatSeconds(card.duration_s)}</span>`}
      </span>
      <span class="card-name"><bdi>${showText(card.name)}</bdi></span>
      <span class="card-state">
        ${card.needs_person
          ? html`<${Mark} kind="Degraded">needs a person<//>`
          : html`<${Mark} kind=${nameHealth(card)} />`}
        ${isOut && html`<${Mark} kind="OutOfSync">OutOfSync<//>`}
      </span>
      <span class="card-why">${showText(describeWhy(card))}</span>
      <span class="card-foot">
        <span>
          ${isOut && card.price !== 0
            ? formatPrice(card.price, currency)
            : count(card.takes, "take")}
          ${card.environment && html` · <bdi>${showText(card.environment)}</bdi>`}
        </span>
        <time datetime=${card.since} title=${formatMoment(card.since)}>
          ${formatAge(card.since, now)}
        </time>
      </span>
    </a>`;
}

/** In a review what has changed; else why it is not as it should be; else what was asked for. */
function describeWhy(card) {
  const isWell = card.sync === "Synced" && nameHealth(card) === "Healthy";
  const isSaid = !card.digest && card.reason === NO_RESULT; // in the place of its picture
  return card.change ?? (isWell || isSaid ? card.prompt : card.reason);
}

/** A small moving copy, while the pointer rests on the card. It may still be in the making when it
 * is asked for.
 */
function Preview({ card }) {
  const [isThere, setThere] = useState(false);
  const [tries, setTries] = useState(0);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const again = () => {
    if (tries < MOST_TRIES) timer.current = setTimeout(() => setTries(tries + 1), TRY_AFTER_MS);
  };
  const source = card.poster.replace(/poster\.webp$/, "preview.mp4");
  return html`
    <video class="preview" data-there=${isThere} src=${tries ? `${source}?try=${tries}` : source}
      muted loop autoplay playsinline disablepictureinpicture aria-hidden="true" tabindex="-1"
      onPlaying=${() => setThere(true)} onError=${again} />`;
}
