// A poster. It may still be in the making when it is first asked for.
import { html, useEffect, useRef, useState } from "../html.js";

const WAITS_MS = [700, 1500, 3000, 6000];

/** The picture at `source`, or the words `instead` where there is none. */
export function Picture({ source, alt = "", instead = "no picture", lazy = true }) {
  if (!source) return html`<span class="no-picture">${instead}</span>`;
  return html`
    <${Awaited} key=${source} source=${source} alt=${alt} instead=${instead} lazy=${lazy} />`;
}

function Awaited({ source, alt, instead, lazy }) {
  const [tries, setTries] = useState(0);
  const [isThere, setThere] = useState(false);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  if (tries > WAITS_MS.length) return html`<span class="no-picture">${instead}</span>`;
  const again = () => {
    timer.current = setTimeout(() => setTries(tries + 1), WAITS_MS[tries] ?? 0);
  };
  return html`
    ${tries > 0 && !isThere && html`<span class="no-picture"></span>`}
    <img src=${tries ? `${source}?try=${tries}` : source} alt=${alt} width="640" height="360"
      data-there=${isThere} loading=${lazy ? "lazy" : "eager"} decoding="async" draggable=${false}
      onLoad=${() => setThere(true)} onError=${again} />`;
}
