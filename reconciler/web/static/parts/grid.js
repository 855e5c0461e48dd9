// A list of thousands of cards, of which only those in sight are in the document.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";
import { takeReturn } from "../router.js";

const GAP = 12;
const TEXT_HEIGHT = 96; // below the picture of a card; style/board.css has the same
const BEYOND = 3; // rows above and below what is in sight

/** `items` are shown by `draw(item, isStop)`, a function that stays the same as long as what it
 * draws does; `name(item)` tells them apart. One of them at a time is the stop of the Tab key.
 */
export function Grid({ items, name, draw, label }) {
  const box = useRef(null);
  const layout = useLayout(box);
  const from = useFirstRow(layout, items.length) * (layout?.columns ?? 1);
  const focus = useFocus(box, items, name);
  const drawOnce = useDrawn(draw);
  const assignSlots = useSlots();
  if (!layout) return html`<div class="grid" ref=${box}></div>`;

  const { columns, rowHeight, cardWidth, inSight } = layout;
  const to = Math.min(items.length, from + inSight * columns);
  const stop = focus.index >= from && focus.index < to ? focus.index : from;
  const shown = listShown(from, to, focus.held);
  const slots = assignSlots(shown.map((index) => name(items[index])), focus.chosen);
  const move = (event) => {
    const next = findNext(event, Math.max(0, focus.index), items.length, columns);
    if (next === null) return;
    event.preventDefault();
    bringInto(layout, Math.floor(next / columns));
    focus.go(next);
  };
  return html`
    <div class="grid" ref=${box} onKeyDown=${move} onFocusIn=${focus.enter}
      style=${{ height: `${Math.max(0, Math.ceil(items.length / columns) * rowHeight - GAP)}px` }}>
      <ul aria-label=${label}
        style=${{ "--card-width": `${cardWidth}px`, "--card-height": `${rowHeight - GAP}px` }}>
        ${shown.map((index) => html`
          <li key=${slots.get(name(items[index]))} data-item=${name(items[index])}
            aria-setsize=${items.length} aria-posinset=${index + 1}
            style=${placeAt(index, layout)}>
            ${drawOnce(items[index], index === (focus.held ?? stop))}
          </li>`)}
      </ul>
    </div>`;
}

/** What was drawn before is given again as it is: while one scrolls, only new cards are drawn. */
function useDrawn(draw) {
  const drawn = useMemo(() => new WeakMap(), [draw]);
  return (item, isStop) => {
    const known = drawn.get(item);
    if (known?.isStop === isStop) return known.node;
    const node = draw(item, isStop);
    drawn.set(item, { isStop, node });
    return node;
  };
}

/** Cards that come into sight take over the elements of those that went, but for the one of the
 * keyboard: that would have the focus and be another. By name, which element is whose.
 */
function useSlots() {
  const slots = useRef(new Map());
  return (names, chosen) => {
    const before = slots.current;
    const stays = new Set(names);
    const left = [...before].filter(([name]) => !stays.has(name) && name !== chosen);
    const free = left.map(([, slot]) => slot);
    let next = Math.max(-1, ...before.values()) + 1;
    slots.current = new Map(names.map((name) => [name, before.get(name) ?? free.pop() ?? next++]));
    return slots.current;
  };
}

/** How the cards lie, and where in the document they begin; looked at when something has changed
 * its size, and not while one scrolls.
 */
function useLayout(box) {
  const [layout, setLayout] = useState(null);
  useLayoutEffect(() => {
    const measure = () => setLayout((before) => keepEqual(before, lay(box.current)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    observer.observe(document.body); // what stands above may have come or gone
    return () => observer.disconnect();
  }, []);
  return layout;
}

/** The first row that is in the document. */
function useFirstRow(layout, count) {
  const [first, setFirst] = useState(0);
  useEffect(() => {
    if (!layout) return undefined;
    const look = () => {
      const { top, rowHeight } = layout;
      setFirst(Math.max(0, Math.floor((scrollY - top) / rowHeight) - BEYOND));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, [layout, count]);
  if (!layout) return 0;
  return Math.min(first, Math.max(0, Math.ceil(count / layout.columns) - layout.inSight));
}

/** Which card is the one of the keyboard. While it has the focus it is `held`: it stays in the
 * document wherever one scrolls; and when its edit goes, the next card has the focus in its place.
 */
function useFocus(box, items, name) {
  const [chosen, setChosen] = useState(takeReturn);
  const isWanted = useRef(chosen !== null);
  const last = useRef(0);
  const isInside = isWanted.current || Boolean(box.current?.contains(document.activeElement));
  const found = useMemo(() => items.findIndex((item) => name(item) === chosen), [items, chosen]);
  const index = found < 0 && isInside ? Math.min(last.current, items.length - 1) : found;
  useLayoutEffect(() => {
    if (index < 0) return;
    last.current = index;
    const isLost = isInside && !box.current.contains(document.activeElement);
    const card = isLost || isWanted.current ? findCard(box.current, name(items[index])) : null;
    if (!card) return;
    isWanted.current = false;
    card.focus({ preventScroll: true });
  });
  const go = (next) => {
    isWanted.current = next !== index;
    setChosen(name(items[next]));
  };
  const enter = (event) => {
    const row = event.target.closest("[data-item]");
    if (row) setChosen(row.dataset.item);
  };
  return { chosen, index, held: isInside ? index : null, go, enter };
}

/** The card that a key leads to from another one; null where it is no such key. */
function findNext(event, from, count, columns) {
  const step = {
    ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -from, End: count,
  }[event.key];
  if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return null;
  return Math.max(0, Math.min(count - 1, from + step));
}

/** The numbers from one to another, and the one that is held, in order. */
function listShown(from, to, held) {
  const shown = Array.from({ length: to - from }, (_none, index) => from + index);
  if (held === null || (held >= from && held < to)) return shown;
  return held < from ? [held, ...shown] : [...shown, held];
}

/** How many columns fit, and how high a row is: a picture of 16:9 and the text below it. */
function lay(box) {
  const { width, top } = box.getBoundingClientRect();
  const least = width < 560 ? 150 : 236;
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  const cardWidth = Math.floor((width - (columns - 1) * GAP) / columns);
  const rowHeight = Math.round((cardWidth * 9) / 16) + TEXT_HEIGHT + GAP;
  const inSight = Math.ceil(screen.height / rowHeight) + 1 + 2 * BEYOND;
  return { columns, rowHeight, cardWidth, inSight, width, top: Math.round(top + scrollY) };
}

function keepEqual(before, after) {
  const isSame = before && Object.keys(after).every((key) => before[key] === after[key]);
  return isSame ? before : after;
}

function placeAt(index, { columns, rowHeight, width }) {
  const left = Math.round(((index % columns) * (width + GAP)) / columns);
  return { left: `${left}px`, top: `${Math.floor(index / columns) * rowHeight}px` };
}

function bringInto({ top, rowHeight }, row) {
  const at = top + row * rowHeight - scrollY;
  const head = document.querySelector(".header").offsetHeight + GAP;
  if (at < head) scrollBy(0, at - head);
  else if (at + rowHeight > innerHeight) scrollBy(0, at + rowHeight - innerHeight);
}

function findCard(box, name) {
  return box.querySelector(`[data-item="${CSS.escape(name)}"]`)?.firstElementChild;
}
