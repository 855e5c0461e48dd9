// What the server said last, and reading it anew when it has changed.
import { read, within } from "./api.js";
import { useCallback, useEffect, useMemo, useState } from "./html.js";
import { listen, reset } from "./live.js";

const remembered = new Map();

/** The JSON at `where`, read again whenever an event of `kinds` comes that `concerns` it:
 * `{data, trouble, reload}`.
 */
export function useRead(where, kinds = [], concerns = () => true) {
  const path = within(where);
  const [found, setFound] = useState(() => ({ path, data: remembered.get(path), trouble: null }));
  const reload = useCallback(async () => {
    try {
      const data = await read(path);
      remembered.set(path, data);
      setFound({ path, data, trouble: null });
    } catch (trouble) {
      setFound({ path, data: remembered.get(path), trouble });
    }
  }, [path]);
  useEffect(() => {
    reload();
    return listen(["reset", ...kinds], (event, kind) => {
      if (kind === "reset" || concerns(event, kind)) reload();
    });
  }, [reload]);
  const now = found.path === path ? found : { data: remembered.get(path), trouble: null };
  return { data: now.data, trouble: now.trouble, reload };
}

/** Whether an event of the board is about one edit; makes what `useRead` asks. */
export function isAbout(name) {
  return (event, kind) => kind !== "board" || event.whole || event.gone.includes(name)
    || event.cards.some((card) => card.name === name);
}

/** The board of some environments as one, kept up by the cards that change: `{board, trouble}`. */
export function useBoard(environments) {
  const paths = environments.map((environment) => within("board", environment));
  const together = paths.join(" ");
  const [trouble, setTrouble] = useState(null);
  const [, redraw] = useState(0);
  useEffect(() => {
    let isOver = false;
    const load = async (path) => {
      try {
        remembered.set(path, await read(path));
        if (!isOver) setTrouble(null);
      } catch (error) {
        if (!isOver) setTrouble(error);
      }
      if (!isOver) redraw((times) => times + 1);
    };
    const findPath = (environment) =>
      paths.find((path) => remembered.get(path)?.environment === environment);
    const hear = (event, kind) => {
      const path = findPath(event.environment);
      if (!path) return;
      if (event.whole) load(path);
      else remembered.set(path, merge(remembered.get(path), event, kind));
      redraw((times) => times + 1);
    };
    const greet = ({ boards = {} }) => {
      for (const [environment, etag] of Object.entries(boards)) {
        const path = findPath(environment);
        // It may have changed after it was read, before we were told.
        if (path && remembered.get(path).etag !== etag) reset();
      }
    };
    paths.forEach(load);
    const ends = [
      listen("reset", () => paths.forEach(load)),
      listen(["board", "faults"], hear),
      listen("hello", greet),
    ];
    return () => {
      isOver = true;
      ends.forEach((end) => end());
    };
  }, [together]);
  const boards = paths.map((path) => remembered.get(path));
  return { board: useMemo(() => join(boards, environments), [together, ...boards]), trouble };
}

/** The poster of each edit of a board, by name. */
export function usePosters(board) {
  const cards = board?.cards;
  return useMemo(() => new Map(cards?.map(({ name, poster }) => [name, poster])), [cards]);
}

function merge(board, event, kind) {
  if (kind === "faults") return { ...board, faults: event.faults, stale: event.faults.length > 0 };
  const changed = new Map(event.cards.map((card) => [card.name, card]));
  const gone = new Set(event.gone);
  const left = board.cards.filter((card) => !gone.has(card.name));
  const cards = left.map((card) => changed.get(card.name) ?? card);
  const known = new Set(cards.map((card) => card.name));
  const added = event.cards.filter((card) => !known.has(card.name));
  return { ...board, etag: event.etag, summary: event.summary, cards: [...cards, ...added] };
}

/** Several boards as one, once all are there: each card says of which environment it is, and how
 * that was `asked`.
 */
function join(boards, environments) {
  if (boards.length < 2) return boards[0];
  if (boards.includes(undefined)) return undefined;
  const cards = boards.flatMap(({ environment, cards }, index) =>
    cards.map((card) => ({ ...card, environment, asked: environments[index] })));
  const told = boards.flatMap((board) => board.faults);
  const faults = new Map(told.map((fault) => [fault.place + fault.message, fault]));
  const nameOf = ({ name, environment }) => `${name}\n${environment}`;
  return {
    cards: cards.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1)),
    faults: [...faults.values()],
    stale: boards.some((board) => board.stale),
  };
}
