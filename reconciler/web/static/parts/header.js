// What stands above every page: which project, which page, and whether what is shown is live.
import { html, useEffect, useState } from "../html.js";
import { getState, listen } from "../live.js";
import { href } from "../router.js";
import { shorten } from "../words.js";
import { Keys } from "./keys.js";

const PAGES = [["board", "Board"], ["plan", "Plan"], ["cost", "Cost"], ["activity", "Activity"]];
const STATES = { live: "live", connecting: "connecting", lost: "reconnecting", kept: "export" };

export function Header({ route, project }) {
  return html`
    <${Skip} />
    <header class="header">
      <a class="brand" data-page href=${href("board")}>
        <b>cutlist</b><span class="brand-name">${project?.name}</span>
      </a>
      <nav aria-label="Pages">
        ${project?.sync && html`<a href="/">Syncs</a>`}
        ${PAGES.map(([page, words]) => html`
          <a data-page href=${href(page)} aria-current=${isOn(page, route) ? "page" : null}>
            ${words}
          </a>`)}
      </nav>
      <p class="where">${project && describeWhere(project)}</p>
      <${Connection} />
      <${Keys} />
    </header>`;
}

/** The first link of every page. It goes by hand: behind the # of an export stands the page. */
export function Skip() {
  const skip = (event) => {
    event.preventDefault();
    document.getElementById("content").focus();
  };
  return html`<a class="skip" href="#content" onClick=${skip}>To the content</a>`;
}

function isOn(page, route) {
  return route.page === page || (route.page === "edit" && page === "board");
}

function describeWhere({ realm, account, endpoint, environment, revision }) {
  const place = [...new Set([realm, account, endpoint])];
  if (environment !== "default") place.push(environment);
  if (revision) place.push(shorten(revision, 7));
  return place.join(" · ");
}

export function Connection() {
  const [state, setState] = useState(getState);
  useEffect(() => {
    setState(getState()); // it may have changed between the first drawing and now
    return listen("state", setState);
  }, []);
  return html`<p class="connection" data-state=${state} role="status">${STATES[state]}</p>`;
}
