// Asks the server, or what an export has brought along in its place.

const meta = document.querySelector('meta[name="cutlist-base"]');
const kept = globalThis.cutlistData;

/** Where the page begins: "/" of a server of its own, "/NAME/" of a controller, "" in an export. */
export const base = meta ? meta.content : "/";

/** What the page is of: "project", or the "syncs" of a controller. */
export const start = document.querySelector('meta[name="cutlist-start"]')?.content ?? "project";

/** Whether this is a folder of files, where nothing can be asked and nothing changes. */
export const isExport = kept !== undefined;

const NO_ANSWER = "The server has answered nothing.";

/** An answer that is none: what is wrong in words, and what to do next. */
export class Trouble extends Error {
  constructor({ code = "error", message = NO_ANSWER, hint = "", place = "" }, status = 0) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.place = place;
    this.status = status;
  }
}

/** What the address says: a path below where the page begins, and a query. In an export it stands
 * behind a #.
 */
export function readAddress() {
  const [path, query] = isExport
    ? location.hash.replace(/^#\/?/, "").split("?")
    : [location.pathname.slice(base.length), location.search.slice(1)];
  return { path, query: new URLSearchParams(query) };
}

/** The environment that is looked at: "" is the one that the page was opened in, EVERY all. */
export function getEnvironment() {
  return readAddress().query.get("environment") ?? "";
}

export const EVERY = "*";

/** `path` of the API, in an environment. What is asked of no single one is asked of the page's. */
export function within(path, environment = getEnvironment()) {
  if (!environment || environment === EVERY) return path;
  return `${path}${path.includes("?") ? "&" : "?"}environment=${encodeURIComponent(environment)}`;
}

/** The JSON at `path` of the API, such as "board". Throws Trouble. */
export async function read(path) {
  if (!isExport) return ask("GET", path);
  const data = kept[`/api/v1/${path}`];
  if (data !== undefined) return data;
  throw new Trouble({ code: "not_exported", message: "This export does not hold that page." });
}

/** What an export has brought along at `path`; undefined where it has not, and at a server. */
export function peek(path) {
  return kept?.[`/api/v1/${path}`];
}

/** Have something done. Throws Trouble. */
export function send(path, body = {}) {
  return ask("POST", within(path), body);
}

/** Have something done with a Sync: "suspend", "resume" or "reconcile". Throws Trouble. */
export function order(sync, what) {
  return ask("POST", `syncs/${encodeURIComponent(sync)}/${what}`, {}, "/");
}

async function ask(method, path, body, begin = base) {
  const request = { method, headers: { Accept: "application/json" } };
  if (body) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`${begin}api/v1/${path}`, request);
  } catch {
    const hint = "What you see is from before. It is asked again as soon as it is back.";
    throw new Trouble({ code: "unreachable", message: "The server does not answer.", hint });
  }
  const data = await response.json().catch(() => ({}));
  if (!response.ok) throw new Trouble(data, response.status);
  return data;
}
