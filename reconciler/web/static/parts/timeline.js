// Where in the video one is: pictures of it, a line that can be moved, and the part that repeats.
import { html } from "../html.js";
import { Picture } from "./picture.js";

export function Timeline({ state, range, filmstrip, onSeek }) {
  const { time, duration, rate } = state;
  const frames = Math.round(duration * rate);
  const frame = Math.min(frames, Math.floor(time * rate + 0.01) + 1);
  const percent = (moment) => `${duration ? Math.min(100, (moment / duration) * 100) : 0}%`;
  const [from, to] = [range[0] ?? 0, range[1] ?? duration];
  const isRange = range.some((end) => end !== null);
  return html`
    <div class="timeline">
      <div class="strip"
        style=${{ "--at": percent(time), "--from": percent(from), "--to": percent(to) }}>
        <${Picture} source=${filmstrip} instead="" lazy=${false} />
        ${isRange && html`<span class="outside left"></span><span class="outside right"></span>`}
        <span class="here"></span>
        <input type="range" min="0" max=${Math.max(0, frames - 1)} step="1"
          value=${Math.max(0, frame - 1)}
          aria-label="Frame" aria-valuetext=${`frame ${frame} of ${frames}`}
          onInput=${(event) => onSeek(Number(event.target.value) / rate)} />
      </div>
      <p class="clock">
        <span>${time.toFixed(2)} of ${duration.toFixed(2)} s</span>
        ${isRange && html`<span>repeats ${from.toFixed(2)} to ${to.toFixed(2)} s</span>`}
        <span>frame ${frame} of ${frames}</span>
      </p>
    </div>`;
}
