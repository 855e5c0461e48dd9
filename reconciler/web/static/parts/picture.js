// A poster. It may still be in the making when it is first asked for.
import { html, useEffect, useRef, useState } from "../html.js";

const WAITS_MS = [700, 1500, 3000, 6000];

export function Picture({ source, alt = "", instead = "no picture", lazy = true }) {
  const [tries, setTries] = useState(0);
  const [isGone, setGone] = useState(false);
  const [isThere, setThere] = useState(false);
  const timer = useRef(0);
  useEffect(() => {
    setTries(0);
    setGone(false);
    setThere(false);
    return () => clearTimeout(timer.current);
  }, [source]);
  if (!source || isGone) return html`<span class="no-picture">${instead}</span>`;
  const again = () => {
    if (tries >= WAITS_MS.length) setGone(true);
    else timer.current = setTimeout(() => setTries(tries + 1), WAITS_MS[tries]);
  };
  return html`
    ${tries > 0 && !isThere && html`<span class="no-picture"></span>`}
    <img data-there=${isThere} onLoad=${() => setThere(true)} src=${tries ? `${source}?try=${tries}` : source} alt=${alt} width="640" height="360"
      loading=${lazy ? "lazy" : "eager"} decoding="async" draggable=${false} onError=${again} />`;
}
