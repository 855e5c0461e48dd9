// The focus of the keyboard is never lost: when what has it goes, what was nearest to it has it.

const FOCUSABLE = "a[href], button:enabled, input:enabled, select:enabled";
let outside = []; // what had the focus last, of what is in no dialog, and all that it was in
let chain = []; // the same in a dialog, before that

/** Look after the focus in an element, whatever comes and goes there. */
export function keepFocus(page) {
  document.addEventListener("focusin", ({ target }) => {
    const isInDialog = target.closest("dialog");
    if (!isInDialog) outside = listAround(target);
    chain = isInDialog ? [target, ...outside] : outside;
  });
  // Whoever points at something that takes no focus has let go of it.
  document.addEventListener("pointerdown", () => {
    chain = [];
  });
  new MutationObserver(restore).observe(page, { childList: true, subtree: true });
}

function restore() {
  const isLost = chain.length > 0 && !chain[0].isConnected;
  if (!isLost || document.activeElement !== document.body) return;
  const main = document.getElementById("content");
  for (const around of chain) {
    if (!main?.contains(around) || around === main) continue;
    const next = around.matches(FOCUSABLE) ? around : around.querySelector(FOCUSABLE);
    if (next) {
      next.focus();
      return;
    }
  }
  main?.focus({ preventScroll: true });
}

function listAround(element) {
  const around = [];
  for (let one = element; one; one = one.parentElement) around.push(one);
  return around;
}
