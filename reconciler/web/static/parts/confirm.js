// Asks before something is done that costs or changes something.
import { html, useEffect, useRef, useState } from "../html.js";
import { showText } from "../words.js";

/** `act` does it, and may throw Trouble: then the dialog says so and stays. While it is done
 * nothing can be pressed, and what was pressed keeps the focus.
 */
export function Confirm({ title, children, yes, act, onClose }) {
  const dialog = useRef(null);
  const [trouble, setTrouble] = useState(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  const leave = () => {
    if (!isBusy) dialog.current.close();
  };
  const agree = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setTrouble(null);
    try {
      await act();
      dialog.current.close();
    } catch (error) {
      setTrouble(error);
      setBusy(false);
    }
  };
  return html`
    <dialog class="confirm" ref=${dialog} aria-labelledby="confirm-title" onClose=${onClose}
      onCancel=${(event) => isBusy && event.preventDefault()}>
      <form onSubmit=${agree}>
        <h2 id="confirm-title">${title}</h2>
        ${children}
        ${trouble && html`
          <p class="refusal" role="alert">
            ${showText(trouble.message)} ${showText(trouble.hint)}
          </p>`}
        <p class="confirm-buttons">
          <button type="button" aria-disabled=${isBusy} onClick=${leave}>
            ${trouble ? "Close" : "Cancel"}
          </button>
          <button class="primary" aria-disabled=${isBusy}>${yes}</button>
        </p>
      </form>
    </dialog>`;
}
