// The first page of a controller: a row for each Sync, and the way to its own page.
import { useRead } from "../data.js";
import { html, useEffect } from "../html.js";
import { Connection, Skip } from "../parts/header.js";
import { Keys } from "../parts/keys.js";
import { Mark } from "../parts/mark.js";
import { TroubleNotice } from "../parts/notices.js";
import { SyncButtons } from "../parts/sync.js";
import { count, formatMoment, shorten, showText } from "../words.js";

export function Syncs() {
  const { data, trouble } = useRead("syncs", ["pass"]);
  useEffect(() => {
    document.title = "Syncs · cutlist";
  }, []);
  return html`
    <${Skip} />
    <header class="header">
      <a class="brand" href="/"><b>cutlist</b><span class="brand-name">Syncs</span></a>
      <p class="where">${data && showText(data.who)}</p>
      <${Connection} />
      <${Keys} />
    </header>
    <main id="content" tabindex="-1">
      <h1>${data ? count(data.syncs.length, "Sync") : "Syncs"}</h1>
      <${TroubleNotice} trouble=${trouble} />
      <ul class="syncs">
        ${data?.syncs.map((sync) => html`<${Sync} key=${sync.name} sync=${sync} />`)}
      </ul>
    </main>`;
}

function Sync({ sync }) {
  const { name, health, revision, reason, message } = sync;
  const page = `/${encodeURIComponent(name)}/`;
  return html`
    <li class="sync panel" data-name=${name}>
      <h2><a href=${page}><bdi>${showText(name)}</bdi></a></h2>
      <p class="sync-state">
        <${Mark} kind=${health} />
        ${sync.sync !== "Synced" && html`<${Mark} kind=${sync.sync} />`}
        <span class="quiet">
          ${sync.mode}${revision && html` · <code>${shorten(revision, 7)}</code>`}${" "}
          · ${showText(reason)}
        </span>
      </p>
      ${sync.pass_started && html`
        <p class="quiet">A pass runs since ${formatMoment(sync.pass_started)}.</p>`}
      ${message && !sync.waiting_plan && html`<p class="sync-words">${showText(message)}</p>`}
      ${!sync.leads && html`<p class="quiet">${showText(sync.leader)}</p>`}
      ${sync.waiting_plan && html`
        <p><a class="sync-plan" href=${`${page}plan`}>A plan waits for a yes</a></p>`}
      <${SyncButtons} sync=${sync} />
    </li>`;
}
