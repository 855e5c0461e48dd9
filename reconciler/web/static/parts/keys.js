// Which keys do what; shown by one of them.
import { html, useEffect, useRef } from "../html.js";

const KEYS = [
  ["Everywhere", [
    [["?"], "this list"],
    [["Tab"], "to the next link, button or field; with Shift to the one before"],
  ]],
  ["On the board", [
    [["/"], "to the search"],
    [["←", "→", "↑", "↓"], "from card to card"],
    [["Home", "End"], "to the first card, to the last"],
    [["Enter"], "opens the edit of the card"],
  ]],
  ["In the player of an edit, while it has the focus", [
    [["Space", "k"], "play, pause"],
    [[",", "."], "one frame back, one on; so do ← and →"],
    [["i", "o"], "repeat from here, to here"],
    [["x"], "the whole again"],
    [["[", "]"], "move the line between before and after"],
  ]],
];

/** The button that shows the list, wherever one is. */
export function Keys() {
  const dialog = useRef(null);
  const show = () => {
    if (!document.querySelector("dialog[open]")) dialog.current.showModal();
  };
  useEffect(() => {
    const press = (event) => {
      const isText = event.target.closest?.("input:not([type=range]), select, textarea");
      if (event.key !== "?" || isText) return;
      event.preventDefault();
      show();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  return html`
    <button type="button" class="keys-button" aria-label="Keys" aria-keyshortcuts="?"
      onClick=${show}>?</button>
    <dialog class="keys" ref=${dialog} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      ${KEYS.map(([place, keys]) => html`
        <h3>${place}</h3>
        <dl>
          ${keys.map(([names, words]) => html`
            <dt>${names.map((name) => html`<kbd>${name}</kbd>`)}</dt>
            <dd>${words}</dd>`)}
        </dl>`)}
      <form method="dialog"><button>Close</button></form>
    </dialog>`;
}
