// How amounts, times and texts are said: as in the terminal. Pure.

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86400;
// Made once: making one takes a hundred times as long as using it.
const MOMENT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
});
const NUMBER = new Intl.NumberFormat("en");
// What would change how the text around it reads, or is no text at all.
// eslint-disable-next-line no-control-regex
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** "0.50 USD"; null is a price that is not known. */
export function formatPrice(price, currency) {
  if (price === null || price === undefined) return "price not known here";
  return `${price.toFixed(2)}${currency ? ` ${currency}` : ""}`;
}

/** What steps cost together; where some of them have no price, what the others cost. */
export function formatPlanned(price, known, currency) {
  return price === null && currency && known > 0
    ? `${formatPrice(known, currency)} for what has a price` : formatPrice(price, currency);
}

/** Which prices of a plan nobody here knows, as a sentence; "" where all are known. */
export function describeUnpriced({ price_reason: reason, at_most_known_price: known, currency }) {
  if (!reason) return "";
  return `The ${currency && known > 0 ? "rest" : "price"} is ${showText(reason)}.`;
}

/** What a sum of tasks has cost: at least so much, where some of them have no price. */
export function formatSum({ price, known_price: known }, currency) {
  return price === null && known > 0 ? `at least ${formatPrice(known, currency)}`
    : formatPrice(price, currency);
}

/** "5.0 s" */
export function formatSeconds(seconds) {
  return seconds === null || seconds === undefined ? "" : `${seconds.toFixed(1)} s`;
}

/** "1m 42s", "3h", "2d": how long a time was, in at most two parts. */
export function formatSpan(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < MINUTE_S) return `${s}s`;
  if (s < 10 * MINUTE_S) return `${Math.floor(s / MINUTE_S)}m ${s % MINUTE_S}s`;
  if (s < HOUR_S) return `${Math.floor(s / MINUTE_S)}m`;
  if (s < DAY_S) return `${Math.floor(s / HOUR_S)}h`;
  return `${Math.floor(s / DAY_S)}d`;
}

/** How long ago a moment was; "" where there is none. */
export function formatAge(moment, now = Date.now()) {
  return moment ? formatSpan((now - Date.parse(moment)) / 1000) : "";
}

/** "27 Nov 2026, 14:02", in the time of whoever looks. */
export function formatMoment(moment) {
  if (!moment) return "";
  return MOMENT.format(new Date(moment));
}

/** "1 edit", "3 edits" */
export function count(number, one, many = `${one}s`) {
  return `${NUMBER.format(number)} ${number === 1 ? one : many}`;
}

/** How an edit is to the eye: one with the picture of an earlier request is not missing, one left
 * alone not healthy.
 */
export function nameHealth({ health, poster, suspend }) {
  if (suspend && health === "Healthy") return "Suspended";
  return health === "Missing" && poster ? "Outdated" : health;
}

/** A text of others, with what cannot be seen made visible. */
export function showText(text) {
  return String(text ?? "").replace(UNSEEN, "\ufffd");
}

/** The beginning of a digest, key or commit. */
export function shorten(id, length = 8) {
  return id ? String(id).slice(0, length) : "";
}

/** Whose commit asked for something, and who agreed to pay for it. */
export function describeWho({ author, commit, approved_by: yes }) {
  const told = [];
  if (commit) told.push(`${shorten(commit, 7)}${author ? ` by ${showText(author)}` : ""}`);
  if (yes) told.push(`agreed: ${showText(yes)}`);
  return told.join(" · ");
}
