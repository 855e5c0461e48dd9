// What the server said last, and reading it anew when it has changed.
import { read } from "./api.js";
import { useCallback, useEffect, useState } from "./html.js";
import { listen, reset } from "./live.js";

const remembered = new Map();

/** The JSON at `path`, read again whenever an event of `kinds` comes that `concerns` it: `{data, trouble, reload}`. */
export function useRead(path, kinds = [], concerns = () => true) {
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
  const isOfPath = found.path === path;
  return { data: isOfPath ? found.data : remembered.get(path), trouble: isOfPath ? found.trouble : null, reload };
}

/** Whether an event of the board is about one edit; makes what `useRead` asks. */
export function isAbout(name) {
  return (event, kind) => kind !== "board" || event.whole || event.gone.includes(name)
    || event.cards.some((card) => card.name === name);
}

/** The board, kept up by the cards that change. */
export function useBoard() {
  const { data, trouble, reload } = useRead("board");
  const [told, setTold] = useState(null);
  useEffect(() => setTold(null), [data]);
  useEffect(() => listen(["board", "faults"], (event, kind) => {
    if (event.whole) reload();
    else setTold((before) => merge(before ?? remembered.get("board"), event, kind));
  }), [reload]);
  useEffect(() => listen("hello", ({ board: etag }) => {
    const known = remembered.get("board");
    if (etag && known && known.etag !== etag) reset(); // it changed after it was read, and before we were told
  }), []);
  return { board: told ?? data, trouble };
}

function merge(board, event, kind) {
  if (!board) return board;
  let after;
  if (kind === "faults") {
    after = { ...board, faults: event.faults, stale: event.faults.length > 0 };
  } else {
    const changed = new Map(event.cards.map((card) => [card.name, card]));
    const gone = new Set(event.gone);
    const cards = board.cards.filter((card) => !gone.has(card.name)).map((card) => changed.get(card.name) ?? card);
    const known = new Set(cards.map((card) => card.name));
    const added = event.cards.filter((card) => !known.has(card.name));
    after = { ...board, etag: event.etag, summary: event.summary, cards: [...cards, ...added] };
  }
  remembered.set("board", after);
  return after;
}
