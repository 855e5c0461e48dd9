// Before and after in one frame: a line between them that can be moved, or one beside the other.
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { InStep } from "./instep.js";
import { Timeline } from "./timeline.js";

const SOUNDS = [["after", "after"], ["before", "before"], ["", "off"]];
const VIEWS = [["split", "Split"], ["pair", "Side by side"], ["after", "After"], ["before", "Before"]];
const STEP = 2; // per cent of the width, of the line between the two

/**
 * Each side is `{title, video, poster, filmstrip, isPicture, note}`; `before` may be null. Where it has only a note,
 * that is shown by itself: a line across it would cut the words.
 */
export function Player({ before, after, width, height }) {
  const [state, setState] = useState({ time: 0, duration: 0, isPlaying: false, rate: 30 });
  const [view, setView] = useState("split");
  const [sound, setSound] = useState("after");
  const [range, setRange] = useState([null, null]);
  const [split, setSplit] = useState(50);
  const stage = useRef(null);
  const videos = { before: useRef(null), after: useRef(null) };
  const step = useMemo(() => new InStep(setState), []);
  useEffect(() => {
    step.take([videos.after.current, videos.before.current]);
    return () => step.end();
  }, [before?.video, after?.video]);
  const canHearBefore = Boolean(before?.video && !before.isPicture);
  const heard = sound === "before" && !canHearBefore ? "after" : sound;
  useEffect(() => step.hear(videos[heard]?.current), [heard, before?.video, after?.video]);
  useEffect(() => {
    const [from, to] = range;
    step.loop(from === null && to === null ? null : [from ?? 0, to ?? step.duration]);
  }, [range]);

  const canCompare = Boolean(before?.video || (before?.isPicture && before.poster));
  const views = canCompare ? VIEWS : VIEWS.filter(([value]) => ["after", "before"].includes(value));
  const shownView = before && views.some(([value]) => value === view) ? view : "after";
  const keys = {
    " ": () => step.toggle(),
    k: () => step.toggle(),
    ",": () => step.step(-1),
    ".": () => step.step(1),
    ArrowLeft: () => step.step(-1),
    ArrowRight: () => step.step(1),
    i: () => setRange([step.time, range[1]]),
    o: () => setRange([range[0], step.time + 0.5 / state.rate]), // to the end of the frame
    x: () => setRange([null, null]),
    "[": () => setSplit(Math.max(0, split - STEP)),
    "]": () => setSplit(Math.min(100, split + STEP)),
  };
  const press = (event) => {
    const isOwn = event.target.closest("input, select, button") && event.key.length > 1;
    const isButton = event.key === " " && event.target.closest("button");
    if (isOwn || isButton || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  const drag = (event) => {
    if (event.type === "pointermove" && !stage.current.hasPointerCapture(event.pointerId)) return;
    if (event.type === "pointerdown") stage.current.setPointerCapture(event.pointerId);
    const box = stage.current.getBoundingClientRect();
    setSplit(Math.max(0, Math.min(100, ((event.clientX - box.left) / box.width) * 100)));
  };
  const isSplit = shownView === "split";
  return html`
    <section class="player" aria-label="Player" onKeyDown=${press}>
      <div class="stage" data-view=${shownView} ref=${stage} style=${{ "--split": `${split}%`, "--ratio": ratio(width, height) }}
        onPointerDown=${isSplit ? drag : null} onPointerMove=${isSplit ? drag : null}>
        ${before && html`<${Side} of="before" side=${before} holder=${videos.before} />`}
        <${Side} of="after" side=${after} holder=${videos.after} />
        ${isSplit && html`<span class="divider" aria-hidden="true"></span>`}
      </div>
      <${Timeline} state=${state} range=${range} filmstrip=${after.filmstrip} onSeek=${(time) => step.seek(time)} />
      <div class="controls">
        <button type="button" class="play" aria-keyshortcuts="k" onClick=${() => step.toggle()}>
          ${state.isPlaying ? "Pause" : "Play"}
        </button>
        <span class="pair-of-buttons">
          <button type="button" aria-label="One frame back" aria-keyshortcuts="," onClick=${() => step.step(-1)}>‹</button>
          <button type="button" aria-label="One frame on" aria-keyshortcuts="." onClick=${() => step.step(1)}>›</button>
        </span>
        <span class="pair-of-buttons">
          <button type="button" aria-keyshortcuts="i" aria-pressed=${range[0] !== null} onClick=${keys.i}>from here</button>
          <button type="button" aria-keyshortcuts="o" aria-pressed=${range[1] !== null} onClick=${keys.o}>to here</button>
          ${(range[0] !== null || range[1] !== null) && html`
            <button type="button" aria-keyshortcuts="x" onClick=${keys.x}>whole</button>`}
        </span>
        ${before && html`
          <label class="choice">View
            <select value=${shownView} onChange=${(event) => setView(event.target.value)}>
              ${views.map(([value, words]) => html`<option value=${value}>${words}</option>`)}
            </select>
          </label>`}
        ${isSplit && html`
          <label class="choice line-choice">Line
            <input type="range" class="line" min="0" max="100" step=${STEP} value=${Math.round(split)}
              aria-valuetext=${`${Math.round(split)} per cent before`}
              onInput=${(event) => setSplit(Number(event.target.value))} />
          </label>`}
        <label class="choice">Sound
          <select value=${heard} onChange=${(event) => setSound(event.target.value)}>
            ${SOUNDS.filter(([value]) => canHearBefore || value !== "before").map(([value, words]) => html`
              <option value=${value}>${words}</option>`)}
          </select>
        </label>
      </div>
    </section>`;
}

function ratio(width, height) {
  return width && height ? `${width} / ${height}` : "16 / 9";
}

function Side({ of, side, holder }) {
  const [isBroken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [side.video]);
  let shown = html`<p class="no-video"><span>${side.note}</span></p>`;
  if (side.isPicture && side.poster) {
    shown = html`<img src=${side.poster} alt=${`${side.title}, a picture`} draggable=${false} />`;
  } else if (side.video && !isBroken) {
    shown = html`
      <video ref=${holder} src=${side.video} poster=${side.poster} muted playsinline preload="auto"
        disablepictureinpicture aria-label=${side.title} onError=${() => setBroken(true)} />`;
  } else if (side.video) {
    shown = html`<p class="no-video"><span>This video cannot be played: <code>cutlist verify</code> says what is wrong.</span></p>`;
  }
  return html`
    <figure class="side" data-side=${of}>
      ${shown}
      <figcaption>${side.title}</figcaption>
    </figure>`;
}
