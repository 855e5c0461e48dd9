// A run of apply while it goes on: each edit on its way, and the way to stop it.
import { read, send } from "../api.js";
import { html, useEffect, useMemo, useState } from "../html.js";
import { listen } from "../live.js";
import { href } from "../router.js";
import { formatPrice, formatSeconds, formatSpan, showText } from "../words.js";
import { Picture } from "./picture.js";

const OVER = ["written", "failed", "cancelled"];
const SHARE = {
  waiting: 0, uploading: 0.05, submitting: 0.1, settling: 0.1, PENDING: 0.15, fetching: 0.92,
  written: 1,
};
const ENDS = {
  running: "Running", done: "Apply complete", failed: "Apply ended with failures",
  stopped: "Apply was stopped",
};

let lastId = null; // of the run that this window has seen last, on whichever page

/** The run that goes on, or ended last: `{state, events, isRunning, begin, stop}`. */
export function useRun() {
  const [id, setId] = useState(lastId);
  const [state, setState] = useState(null);
  const [events, setEvents] = useState(new Map());
  useEffect(() => {
    lastId = id;
    const look = async () => {
      const now = id && await read(`runs/${encodeURIComponent(id)}`).catch(() => null);
      setState(now);
      const seenAt = performance.now();
      const told = (now?.edits ?? []).map((event) => ({ ...event, seenAt, since: seenAt }));
      setEvents((before) => new Map([...told.map((event) => [event.name, event]), ...before]));
    };
    look();
    return listen(["run", "reset"], (event, kind) => {
      const run = event.run ?? id;
      if (kind === "run" && run && run !== id) {
        setId(run);
        setEvents(new Map());
      }
      if (kind === "run" && event.name) {
        const seen = { ...event, seenAt: performance.now() };
        setEvents((before) => addEvent(before, seen));
      }
      if (kind === "reset" || event.state) look();
    });
  }, [id]);
  return useMemo(() => ({
    id, state, events, isRunning: state?.state === "running",
    begin: (run) => {
      setEvents(new Map());
      setId(run);
    },
    stop: () => send(`runs/${encodeURIComponent(id)}/stop`),
  }), [id, state, events]);
}

/** `since` is when the phase that is told now began, as far as this page has seen. */
function addEvent(events, event) {
  const before = events.get(event.name);
  const since = before?.phase === event.phase ? before.since : event.seenAt;
  return new Map(events).set(event.name, { ...event, since });
}

export function Run({ run, posters, currency, mayStop }) {
  const [isStopping, setStopping] = useState(false);
  const now = useTicks(run.isRunning);
  if (!run.id) return null;
  const stop = async () => {
    if (isStopping) return;
    setStopping(true);
    await run.stop().catch(() => {});
  };
  return html`
    <section class="panel run" aria-labelledby="run" data-state=${run.state?.state}>
      <div class="panel-head">
        <h2 id="run" role="status">${describeRun(run)}</h2>
        ${run.isRunning && mayStop && html`
          <button type="button" aria-disabled=${isStopping} onClick=${stop}>
            ${isStopping ? "stopping…" : "Stop"}
          </button>`}
      </div>
      ${run.state?.message && html`<p class="run-words">${showText(run.state.message)}</p>`}
      <ul class="ways">
        ${[...run.events.values()].map((event) => html`
          <${Way} key=${event.name} event=${event} poster=${posters.get(event.name)}
            currency=${currency} now=${now} />`)}
      </ul>
    </section>`;
}

function Way({ event, poster, currency, now }) {
  const { name, phase, note } = event;
  return html`
    <li class="way" data-phase=${phase}>
      <span class="still">
        <${Picture} source=${phase === "written" ? poster : null} instead="" />
      </span>
      <a data-page href=${href("edit", name)}><bdi>${showText(name)}</bdi></a>
      <progress max="1" value=${measure(event, now)} aria-label=${`${name}: ${phase}`}></progress>
      <span class="way-phase">${phase}</span>
      <span class="quiet">${describeWay(event, currency, now)} ${showText(note)}</span>
    </li>`;
}

/** How far on its way an edit is, from 0 to 1. */
function measure(event, now) {
  const { phase, usual_s: usual, done_bytes: done, total_bytes: total } = event;
  if (phase === "fetching" && total) return 0.9 + (0.1 * done) / total;
  if (phase !== "RUNNING") return OVER.includes(phase) ? 1 : SHARE[phase] ?? 0;
  return 0.2 + 0.7 * Math.min(1, usual ? (now - event.since) / 1000 / usual : 0.5);
}

function describeWay(event, currency, now) {
  const { phase, usual_s: usual, total_bytes: total, billed_s: billed } = event;
  if (phase === "written" && billed) {
    return `${formatSeconds(billed)}, ${formatPrice(event.price, currency)}`;
  }
  if (phase === "fetching" && total) {
    return `${formatMegabytes(event.done_bytes)} of ${formatMegabytes(total)} MB`;
  }
  if (phase !== "RUNNING") return "";
  const passed = formatSpan((now - event.since) / 1000);
  return usual ? `${passed}, usually ${formatSpan(usual)}` : passed;
}

function formatMegabytes(bytes) {
  return (bytes / 2 ** 20).toFixed(1);
}

function describeRun({ state }) {
  return state ? ENDS[state.state] ?? state.state : ENDS.running;
}

/** The time by this page's clock, once a second while something runs. */
function useTicks(isOn) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => setNow(performance.now()), 1000);
    return () => clearInterval(timer);
  }, [isOn]);
  return now;
}
