// The board: a card for each edit.
import { peek } from "../api.js";
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../html.js";
import { Card } from "../parts/card.js";
import { Filters, matchCard } from "../parts/filters.js";
import { Grid } from "../parts/grid.js";
import { TroubleNotice } from "../parts/notices.js";
import { Review, nameChanges } from "../parts/review.js";
import { go, href, rewrite } from "../router.js";
import { count } from "../words.js";

const MINUTE_MS = 60_000;
const NOTHING = { text: "", state: "", label: "", sort: "" };
const ORDERS = {
  age: (one, other) => Date.parse(other.since ?? 0) - Date.parse(one.since ?? 0),
  price: (one, other) => (other.price ?? 0) - (one.price ?? 0),
};

export function Board({ route, board, project, trouble }) {
  const [wish, setWish] = useState(() => readWish(route.query));
  const search = useRef(null);
  const change = (part) => {
    const next = { ...wish, ...part };
    setWish(next);
    rewrite("board", "", writeWish(next));
  };
  useEffect(() => {
    const find = (event) => {
      if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener("keydown", find);
    return () => removeEventListener("keydown", find);
  }, []);
  const diff = peek("diff");
  const cards = useMemo(() => nameChanges(board?.cards ?? [], diff), [board?.cards]);
  const shown = useMemo(() => {
    const found = cards.filter((card) => matchCard(card, wish));
    return ORDERS[wish.sort] ? found.sort(ORDERS[wish.sort]) : found;
  }, [cards, wish]);
  const currency = project?.currency;
  const now = useMinutes();
  const draw = useCallback(
    (card, isStop) => html`
      <${Card} card=${card} currency=${currency} isStop=${isStop} now=${now} />`,
    [currency, now]);
  return html`
    ${diff ? html`<${Review} diff=${diff} />` : html`<h1 class="unseen">Board</h1>`}
    <${Filters} cards=${cards} isEmpty=${board && !cards.length} summary=${board?.summary}
      wish=${wish} onChange=${change} search=${search} currency=${currency} project=${project}
      environment=${route.environment}
      onEnvironment=${(environment) => go(href("board", "", writeWish(wish), environment))} />
    ${!board && html`<${TroubleNotice} trouble=${trouble} />`}
    ${board && html`
      <p class="unseen" role="status">${count(shown.length, "edit")}</p>
      ${shown.length
        ? html`<${Grid} items=${shown} name=${nameCard} label="Edits" draw=${draw} />`
        : html`
          <${Nothing} isEmpty=${!cards.length} isFaulty=${board.stale}
            onClear=${() => change(NOTHING)} />`}`}`;
}

/** The time, told once a minute: ages grow while the page is open. */
function useMinutes() {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** On a board of several environments two cards can have the same name. */
function nameCard({ name, environment }) {
  return environment === undefined ? name : `${name} ${environment}`;
}

function Nothing({ isEmpty, isFaulty, onClear }) {
  if (isEmpty && isFaulty) return null; // whether there are any is not known
  if (isEmpty) {
    return html`
      <p class="nothing">There are no edits yet. The first manifest that you save shows here.</p>`;
  }
  return html`
    <p class="nothing">
      No edit is like that. <button type="button" onClick=${onClear}>Show all</button>
    </p>`;
}

function readWish(query) {
  return Object.fromEntries(Object.keys(NOTHING).map((key) => [key, query.get(key) ?? ""]));
}

function writeWish(wish) {
  return new URLSearchParams(Object.entries(wish).filter(([, value]) => value)).toString();
}
