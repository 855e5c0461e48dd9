// A list of thousands of cards, of which only those in sight are in the document.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../html.js";

const GAP = 12;
const TEXT_HEIGHT = 96; // below the picture of a card; style/board.css has the same
const BEYOND = 3; // rows above and below what is in sight

/** `items` are shown by `draw(item, isFirst)`, a function that stays the same as long as what it draws does;
 * `name(item)` tells them apart. */
export function Grid({ items, name, draw, label }) {
  const box = useRef(null);
  const [layout, setLayout] = useState(null);
  const [first, setFirst] = useState(0);
  const [active, setActive] = useState(0);
  // What was drawn before is given again as it is: while one scrolls, only the new rows are worked out.
  const drawn = useMemo(() => new WeakMap(), [draw]);
  const drawOnce = (item, isFirst) => {
    const known = drawn.get(item);
    if (known?.isFirst === isFirst) return known.node;
    const node = draw(item, isFirst);
    drawn.set(item, { isFirst, node });
    return node;
  };

  useLayoutEffect(() => {
    const measure = () => setLayout((before) => keepEqual(before, lay(box.current.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (!layout) return undefined;
    const look = () => {
      const above = -box.current.getBoundingClientRect().top;
      setFirst(Math.max(0, Math.floor(above / layout.rowHeight) - BEYOND));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, [layout, items.length]);

  if (!layout) return html`<div class="grid" ref=${box}></div>`;
  const { columns, rowHeight, inSight } = layout;
  const rows = Math.ceil(items.length / columns);
  const from = Math.min(first, Math.max(0, rows - inSight)) * columns;
  const to = Math.min(items.length, from + inSight * columns);
  const focus = Math.min(active, items.length - 1);
  const shown = items.slice(from, to);
  const tabStop = focus >= from && focus < to ? focus : from;

  const move = (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -focus,
      End: items.length - 1 - focus }[event.key];
    if (steps === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(items.length - 1, focus + steps));
    setActive(next);
    bringInto(box.current, Math.floor(next / columns) * rowHeight, rowHeight);
    requestAnimationFrame(() => requestAnimationFrame(() => findCard(box.current, name(items[next]))?.focus()));
  };
  const remember = (event) => {
    const row = event.target.closest("[data-item]");
    const index = row ? items.findIndex((item) => name(item) === row.dataset.item) : -1;
    if (index >= 0) setActive(index);
  };
  return html`
    <div class="grid" ref=${box} style=${{ height: `${Math.max(0, rows * rowHeight - GAP)}px` }}
      onKeyDown=${move} onFocusIn=${remember}>
      <ul aria-label=${label} style=${{
        transform: `translateY(${(from / columns) * rowHeight}px)`,
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
        gridAutoRows: `${rowHeight - GAP}px`,
      }}>
        ${shown.map((item, index) => html`
          <li key=${name(item)} data-item=${name(item)} aria-setsize=${items.length} aria-posinset=${from + index + 1}>
            ${drawOnce(item, from + index === tabStop)}
          </li>`)}
      </ul>
    </div>`;
}

/** How many columns fit, and how high a row is: a picture of 16:9 and the text below it. */
function lay(width) {
  const least = width < 560 ? 150 : 236;
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  const cardWidth = (width - (columns - 1) * GAP) / columns;
  const rowHeight = Math.round((cardWidth * 9) / 16) + TEXT_HEIGHT + GAP;
  return { columns, rowHeight, inSight: Math.ceil(screen.height / rowHeight) + 1 + 2 * BEYOND };
}

function keepEqual(before, after) {
  const isSame = before && Object.keys(after).every((key) => before[key] === after[key]);
  return isSame ? before : after;
}

function bringInto(box, top, height) {
  const { top: boxTop } = box.getBoundingClientRect();
  const at = boxTop + top;
  const head = document.querySelector(".header").offsetHeight + GAP;
  if (at < head) scrollBy(0, at - head);
  else if (at + height > innerHeight) scrollBy(0, at + height - innerHeight);
}

function findCard(box, name) {
  return [...box.querySelectorAll("[data-item]")].find((row) => row.dataset.item === name)?.firstElementChild;
}
