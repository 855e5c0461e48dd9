// Asks before something is done that costs or changes something.
import { html, useLayoutEffect, useRef, useState } from "../html.js";
import { showText } from "../words.js";

/** `act` does it, and may throw Trouble: then the dialog says so and stays. While it is done
 * nothing can be pressed, and what was pressed keeps the focus.
 */
export function Confirm({ title, children, yes, act, onClose }) {
  const dialog = useRef(null);
  const [trouble, setTrouble] = useState(null);
  const [isBusy, setBusy] = useState(false);
  // At once: a key that is pressed next is for the question.
  useLayoutEffect(() => {
    dialog.current.showModal();
  }, []);
  // Told at once: when the browser tells it, the same question may have been asked again.
  const close = () => {
    dialog.current?.close();
    onClose();
  };
  const hear = () => dialog.current && onClose(); // closed by the browser alone
  const leave = (event) => {
    event.preventDefault();
    if (!isBusy) close();
  };
  const agree = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setTrouble(null);
    try {
      await act();
      close();
    } catch (error) {
      setTrouble(error);
      setBusy(false);
    }
  };
  return html`
    <dialog class="confirm" ref=${dialog} aria-labelledby="confirm-title" onClose=${hear}
      onCancel=${leave}>
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
