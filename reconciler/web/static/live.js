// What happens, as the server tells it. One connection for a page in sight, which comes back by
// itself.
import { base, getEnvironment, isExport } from "./api.js";

const KINDS = ["hello", "reset", "board", "run", "pass", "faults", "lock", "words"];
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

const hearers = new Map(["state", ...KINDS].map((kind) => [kind, new Set()]));
let state = isExport ? "kept" : "connecting";
let wasLost = false;
let waitMs = FIRST_WAIT_MS;
let source = null;
let environment = "";
let timer = 0;

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

/** Have everything read anew. */
export function reset() {
  tell("reset", {});
}

function become(next) {
  if (state === next) return;
  state = next;
  tell("state", next);
}

/** Be told what happens while the page is in sight. A browser has six connections to a server for
 * all of its tabs: were one held by each that nobody sees, the seventh tab would stay empty.
 */
export function connect() {
  if (isExport) return;
  document.addEventListener("visibilitychange", follow);
  follow();
}

/** Be told of the environment that the address names now. */
export function followAddress() {
  if (isExport || environment === getEnvironment()) return;
  leave();
  follow();
}

function follow() {
  if (document.visibilityState === "hidden") leave();
  else if (!source) open();
}

function leave() {
  clearTimeout(timer);
  source?.close();
  source = null;
  wasLost = true;
  waitMs = FIRST_WAIT_MS;
  become("connecting");
}

function open() {
  clearTimeout(timer);
  environment = getEnvironment();
  const asked = environment && `?environment=${encodeURIComponent(environment)}`; // EVERY as well
  source = new EventSource(`${base}api/v1/events${asked}`);
  source.onopen = () => {
    waitMs = FIRST_WAIT_MS;
    become("live");
    if (wasLost) reset();
    wasLost = false;
  };
  source.onerror = () => {
    wasLost = true;
    become("lost");
    source.close();
    timer = setTimeout(open, waitMs);
    waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => tell(kind, event.data ? JSON.parse(event.data) : {}));
  }
}
