// Which page is shown is what the address says. In an export, where there is no server, it stands
// behind a #.
import { EVERY, base, getEnvironment, isExport, readAddress } from "./api.js";
import { useEffect, useState } from "./html.js";
import { followAddress } from "./live.js";

const PAGES = ["plan", "cost", "activity"];
const watchers = new Set();
let returned = null;

/** The address of a page: "board", "edit" with its name, "plan", "cost", "activity"; in the
 * environment that is looked at, unless another is named. Only the board shows all of them.
 */
export function href(page, name = "", query = "", environment = getEnvironment()) {
  const path = page === "edit" ? `edit/${encodeURIComponent(name)}` : page === "board" ? "" : page;
  const asked = new URLSearchParams(query);
  const isSaid = environment && (environment !== EVERY || page === "board");
  if (isSaid) asked.set("environment", environment);
  return `${isExport ? "#/" : base}${path}${asked.size ? `?${asked}` : ""}`;
}

/** What the address says: `{page, name, query, environment}`. */
export function readRoute() {
  const { path, query } = readAddress();
  const [first, name] = path.split("/");
  const found = { page: "board", name: "", query, environment: getEnvironment() };
  if (first === "edit" && name) return { ...found, page: "edit", name: decodeURIComponent(name) };
  return PAGES.includes(first) ? { ...found, page: first } : found;
}

export function useRoute() {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    watchers.add(setRoute);
    return () => watchers.delete(setRoute);
  }, []);
  return route;
}

/** Go to an address of the page. */
export function go(address) {
  const item = document.activeElement.closest("[data-item]")?.dataset.item;
  history.replaceState({ y: scrollY, item }, "");
  history.pushState({ y: 0 }, "", address);
  show({ y: 0 });
}

/** The item of a list from which one went away, where one has come back to it; told once. */
export function takeReturn() {
  const item = returned;
  returned = null;
  return item;
}

/** Write a query into the address without a step in the history. */
export function rewrite(page, name, query) {
  history.replaceState(history.state, "", href(page, name, query));
}

function show({ y, item }) {
  returned = item ?? null;
  followAddress();
  for (const watch of watchers) watch(readRoute());
  requestAnimationFrame(() => scrollTo(0, y));
}

/** Follow links inside the page, and the browser's own back and forward. */
export function startRouting() {
  history.scrollRestoration = "manual";
  addEventListener("popstate", ({ state }) => show(state ?? { y: 0 }));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-page]");
    const { metaKey, ctrlKey, shiftKey, altKey, button } = event;
    const isOther = metaKey || ctrlKey || shiftKey || altKey || button; // a tab of its own, a menu
    if (!link || isOther || event.defaultPrevented) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
}
