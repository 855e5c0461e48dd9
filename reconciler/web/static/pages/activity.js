// What happens now, and what has happened: runs, passes, and the log of every edit.
import { usePosters, useRead } from "../data.js";
import { html, useEffect, useState } from "../html.js";
import { listen } from "../live.js";
import { TroubleNotice } from "../parts/notices.js";
import { Run, useRun } from "../parts/run.js";
import { Passes } from "../parts/sync.js";
import { markChanges } from "../parts/steps.js";
import { href } from "../router.js";
import { describeWho, formatAge, formatMoment, formatPrice, showText } from "../words.js";

const MOST_LINES = 40; // of what was heard since the page is open
const MOST_RECORDS = 200;

export function Activity({ board, project }) {
  const run = useRun();
  const { data: log, trouble } = useRead("log", ["board"]);
  const lines = useHeard();
  const posters = usePosters(board);
  return html`
    <h1>Activity</h1>
    <${TroubleNotice} trouble=${trouble} faults=${board?.faults} />
    <${Run} run=${run} posters=${posters} currency=${project?.currency}
      mayStop=${project?.may.stop} />
    ${lines.length > 0 && html`
      <section class="panel" aria-labelledby="now">
        <h2 id="now">Since this page is open</h2>
        <ol class="lines" role="log">
          ${lines.map(({ id, at, text }) => html`
            <li key=${id}><time datetime=${at}>${at.slice(11, 19)}</time> ${showText(text)}</li>`)}
        </ol>
      </section>`}
    ${project?.sync && html`<${Passes} sync=${project.sync} />`}
    <section class="panel" aria-labelledby="log">
      <h2 id="log">Log</h2>
      ${log && !log.records.length && html`<p class="nothing">Nothing has happened yet.</p>`}
      ${log?.records.length > 0 && html`
        <ol class="records">
          ${log.records.slice(0, MOST_RECORDS).map((record, index) => html`
            <${Record} key=${log.records.length - index} record=${record} />`)}
        </ol>`}
    </section>`;
}

/** What the server has told since the page is open, the newest first. */
function useHeard() {
  const [lines, setLines] = useState([]);
  useEffect(() => listen(["words", "pass", "faults", "lock"], (event, kind) => {
    const text = describeHeard(kind, event);
    if (!text) return;
    const line = { at: new Date().toISOString(), text };
    setLines((before) => {
      const id = (before[0]?.id ?? 0) + 1;
      return [{ ...line, id }, ...before].slice(0, MOST_LINES);
    });
  }), []);
  return lines;
}

function describeHeard(kind, event) {
  if (kind === "lock") return "The lock file has changed.";
  if (kind === "faults" && event.faults.length) return "The project cannot be read.";
  if (kind === "faults") return "The project can be read again.";
  return event.text ?? event.message ?? "";
}

function Record({ record }) {
  const { at, edit, what, why, details, billed_s: billed, price, currency } = record;
  return html`
    <li class="record">
      <time datetime=${at} title=${formatMoment(at)}>${formatAge(at)}</time>
      <a data-page href=${href("edit", edit)}><bdi>${showText(edit)}</bdi></a>
      <span class="record-what">
        ${showText(what)}${why && html`<span class="quiet">: ${showText(why)}</span>`}
        ${details.map((line) => html`
          <span class="record-detail">${markChanges(showText(line))}</span>`)}
      </span>
      <span class="quiet">${describeWho(record)}</span>
      <span class="number">${billed ? formatPrice(price, currency) : ""}</span>
    </li>`;
}
