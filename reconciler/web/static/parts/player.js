// Before and after in one frame: a line between them that can be moved, or one beside the other.
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { InStep } from "./instep.js";
import { Timeline } from "./timeline.js";

const SOUNDS = [["after", "after"], ["before", "before"], ["", "off"]];
const SINGLE_VIEWS = [["after", "After"], ["before", "Before"]];
const VIEWS = [["split", "Split"], ["pair", "Side by side"], ...SINGLE_VIEWS];
const STEP = 2; // per cent of the width, of the line between the two

/**
 * Each side is `{title, video, poster, filmstrip, isPicture, note}`; `before` may be null. Where it
 * has only a note, that is shown by itself: a line across it would cut the words.
 */
export function Player({ before, after, width, height }) {
  const [view, setView] = useState("split");
  const [sound, setSound] = useState("after");
  const [range, setRange] = useState([null, null]);
  const [split, setSplit] = useState(50);
  const sounds = listSounds(before, after);
  const heard = sounds.some(([value]) => value === sound) ? sound : sounds[0][0];
  const { step, state, videos } = useInStep(before, after, heard, range);

  const views = listViews(before, after);
  const shownView = views.some(([value]) => value === view) ? view : views[0]?.[0] ?? "after";
  const keys = listKeys(step, state, range, setRange, setSplit);
  return html`
    <section class="player" aria-label="Player" onKeyDown=${(event) => press(event, keys)}>
      <${Stage} before=${before} after=${after} videos=${videos} view=${shownView} split=${split}
        onSplit=${setSplit} ratio=${width && height ? `${width} / ${height}` : "16 / 9"} />
      <${Timeline} state=${state} range=${range} filmstrip=${after.filmstrip}
        onSeek=${(time) => step.seek(time)} />
      <div class="controls">
        <button type="button" class="play" aria-keyshortcuts="k" onClick=${keys.k}>
          ${state.isPlaying ? "Pause" : "Play"}
        </button>
        <${FrameButtons} keys=${keys} />
        <${RangeButtons} keys=${keys} range=${range} />
        ${before && html`
          <${Choice} label="View" value=${shownView} options=${views} onChoose=${setView} />`}
        ${shownView === "split" && html`<${Line} split=${split} onSplit=${setSplit} />`}
        <${Choice} label="Sound" value=${heard} options=${sounds} onChoose=${setSound} />
      </div>
    </section>`;
}

/** Both videos in step: `{step, state, videos}`. One of them is `heard`, and a part is repeated. */
function useInStep(before, after, heard, range) {
  const [state, setState] = useState({ time: 0, duration: 0, isPlaying: false, rate: 30 });
  const step = useMemo(() => new InStep(setState), []);
  const videos = { before: useRef(null), after: useRef(null) };
  const shown = [before?.video, after?.video];
  useEffect(() => {
    step.take([videos.after.current, videos.before.current]);
    return () => step.end();
  }, shown);
  useEffect(() => step.hear(videos[heard]?.current), [heard, ...shown]);
  useEffect(() => {
    const [from, to] = range;
    step.loop(from === null && to === null ? null : [from ?? 0, to ?? step.duration]);
  }, [range]);
  return { step, state, videos };
}

/** How both sides can be looked at; nothing to choose where there is but one, and no line across
 * words that stand in the place of one.
 */
function listViews(before, after) {
  if (!before) return [];
  if (!before.video && !(before.isPicture && before.poster)) return SINGLE_VIEWS;
  return after.video ? VIEWS : VIEWS.slice(1);
}

/** What can be heard: silence, and each side that has a video. */
function listSounds(before, after) {
  const canHear = { after: after.video, before: before?.video && !before.isPicture, "": true };
  return SOUNDS.filter(([value]) => canHear[value]);
}

function listKeys(step, state, range, setRange, setSplit) {
  const toggle = () => step.toggle();
  const back = () => step.step(-1);
  const on = () => step.step(1);
  return {
    " ": toggle, k: toggle, ",": back, ArrowLeft: back, ".": on, ArrowRight: on,
    i: () => setRange([step.time, range[1]]),
    o: () => setRange([range[0], step.time + 0.5 / state.rate]), // to the end of the frame
    x: () => setRange([null, null]),
    "[": () => setSplit((split) => Math.max(0, split - STEP)),
    "]": () => setSplit((split) => Math.min(100, split + STEP)),
  };
}

/** Keys with a meaning of their own where the focus is are left to it. */
function press(event, keys) {
  const { target, key, ctrlKey, metaKey, altKey } = event;
  const isOwn = target.closest("select") || (target.closest("input") && key.length > 1);
  const isButton = key === " " && target.closest("button");
  if (isOwn || isButton || ctrlKey || metaKey || altKey || !keys[key]) return;
  event.preventDefault();
  keys[key]();
}

/** Both sides, and the line between them, which follows the pointer. */
function Stage({ before, after, videos, view, split, onSplit, ratio }) {
  const stage = useRef(null);
  const drag = (event) => {
    const { type, pointerId, clientX } = event;
    if (type === "pointermove" && !stage.current.hasPointerCapture(pointerId)) return;
    if (type === "pointerdown") stage.current.setPointerCapture(pointerId);
    const box = stage.current.getBoundingClientRect();
    onSplit(Math.max(0, Math.min(100, ((clientX - box.left) / box.width) * 100)));
  };
  const isSplit = view === "split";
  return html`
    <div class="stage" data-view=${view} ref=${stage}
      style=${{ "--split": `${split}%`, "--ratio": ratio }}
      onPointerDown=${isSplit ? drag : null} onPointerMove=${isSplit ? drag : null}>
      ${before && html`<${Side} of="before" side=${before} holder=${videos.before} />`}
      <${Side} of="after" side=${after} holder=${videos.after} />
      ${isSplit && html`<span class="divider" aria-hidden="true"></span>`}
    </div>`;
}

function FrameButtons({ keys }) {
  return html`
    <span class="pair-of-buttons">
      <button type="button" aria-label="One frame back" aria-keyshortcuts=","
        onClick=${keys[","]}>‹</button>
      <button type="button" aria-label="One frame on" aria-keyshortcuts="."
        onClick=${keys["."]}>›</button>
    </span>`;
}

function RangeButtons({ keys, range: [from, to] }) {
  return html`
    <span class="pair-of-buttons">
      <button type="button" aria-keyshortcuts="i" aria-pressed=${from !== null} onClick=${keys.i}>
        from here
      </button>
      <button type="button" aria-keyshortcuts="o" aria-pressed=${to !== null} onClick=${keys.o}>
        to here
      </button>
      ${(from !== null || to !== null) && html`
        <button type="button" aria-keyshortcuts="x" onClick=${keys.x}>whole</button>`}
    </span>`;
}

function Choice({ label, value, options, onChoose }) {
  return html`
    <label class="choice">${label}
      <select value=${value} onChange=${({ target }) => onChoose(target.value)}>
        ${options.map(([name, words]) => html`<option value=${name}>${words}</option>`)}
      </select>
    </label>`;
}

function Line({ split, onSplit }) {
  const percent = Math.round(split);
  return html`
    <label class="choice line-choice">Line
      <input type="range" class="line" min="0" max="100" step=${STEP} value=${percent}
        aria-valuetext=${`${percent} per cent before`}
        onInput=${({ target }) => onSplit(Number(target.value))} />
    </label>`;
}

function Side({ of, side, holder }) {
  const [isBroken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [side.video]);
  const picture = side.isPicture && side.poster;
  return html`
    <figure class="side" data-side=${of}>
      ${picture && html`
        <img src=${picture} alt=${`${side.title}, a picture`} draggable=${false} />`}
      ${!picture && side.video && !isBroken && html`
        <video ref=${holder} src=${side.video} poster=${side.poster} muted playsinline
          preload="auto" disablepictureinpicture aria-label=${side.title}
          onError=${() => setBroken(true)} />`}
      ${!picture && (isBroken || !side.video) && html`
        <p class="no-video"><span>${side.video ? html`<${Broken} />` : side.note}</span></p>`}
      <figcaption>${side.title}</figcaption>
    </figure>`;
}

function Broken() {
  return html`This video cannot be played: <code>cutlist verify</code> says what is wrong.`;
}
