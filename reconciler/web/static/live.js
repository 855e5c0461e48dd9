// What happens, as the server tells it. One connection for the whole page, which comes back by itself.
import { base, isExport } from "./api.js";

const KINDS = ["hello", "reset", "board", "run", "pass", "faults", "lock", "words"];
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

const hearers = new Map(["state", ...KINDS].map((kind) => [kind, new Set()]));
let state = isExport ? "kept" : "connecting";
let wasLost = false;
let waitMs = FIRST_WAIT_MS;

/** "live", "connecting", "lost", or "kept" in an export. */
export function getState() {
  return state;
}

/** Hear events of some kinds; returns what ends it. "reset" asks to read everything anew. */
export function listen(kinds, hear) {
  const chosen = [kinds].flat();
  for (const kind of chosen) hearers.get(kind).add(hear);
  return () => {
    for (const kind of chosen) hearers.get(kind).delete(hear);
  };
}

function tell(kind, data) {
  for (const hear of [...hearers.get(kind)]) hear(data, kind);
}

function become(next) {
  if (state === next) return;
  state = next;
  tell("state", next);
}

export function connect() {
  if (isExport) return;
  const source = new EventSource(`${base}api/v1/events`);
  source.onopen = () => {
    waitMs = FIRST_WAIT_MS;
    become("live");
    if (wasLost) tell("reset", {});
    wasLost = false;
  };
  source.onerror = () => {
    wasLost = true;
    become("lost");
    source.close();
    setTimeout(connect, waitMs);
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => tell(kind, event.data ? JSON.parse(event.data) : {}));
  }
}
