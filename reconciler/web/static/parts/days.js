// What each day has cost, drawn; and the same as a table for whoever does not see it.
import { html, useEffect, useRef } from "../html.js";
import UPlot from "../vendor/uplot.js";
import { formatPrice, formatSum } from "../words.js";

const DAY_S = 86400;
const HEIGHT = 220;
const LEAST_DAYS = 14; // so that few days stand as bars and not as walls
const APART_S = [1, 2, 7, 14, 30, 91, 365].map((days) => days * DAY_S); // of marks on the axis

export function Days({ days, currency }) {
  const box = useRef(null);
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: light)");
    const place = box.current; // the observer may tell once more after it has left the page
    let plot = null;
    const draw = () => {
      plot?.destroy();
      plot = new UPlot(describe(place, currency), fill(days), place);
    };
    draw();
    const fit = () => plot.setSize({ width: place.clientWidth, height: HEIGHT });
    const observer = new ResizeObserver(fit);
    observer.observe(place);
    scheme.addEventListener("change", draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
      plot.destroy();
    };
  }, [days, currency]);
  return html`
    <div class="days" ref=${box} aria-hidden="true"></div>
    <table class="unseen">
      <caption>Spent and saved by day</caption>
      <thead>
        <tr><th scope="col">day</th><th scope="col">spent</th><th scope="col">saved</th></tr>
      </thead>
      <tbody>${days.map(({ name, spent, saved }) => html`
        <tr key=${name}><th scope="row">${name}</th><td>${formatSum(spent, currency)}</td>
          <td>${formatSum(saved, currency)}</td></tr>`)}</tbody>
    </table>`;
}

/** Every day from the first to the last, those without a task as nothing. */
function fill(days) {
  const prices = ({ spent, saved }) => [spent.known_price, saved.known_price];
  const sums = new Map(days.map((day) => [Date.parse(day.name) / 1000, prices(day)]));
  const known = [...sums.keys()].filter(Number.isFinite);
  const last = Math.max(...known, Math.floor(Date.now() / 1000 / DAY_S) * DAY_S);
  const first = Math.min(...known, last - (LEAST_DAYS - 1) * DAY_S);
  const moments = [];
  for (let at = first; at <= last; at += DAY_S) moments.push(at);
  return [moments, ...[0, 1].map((which) => moments.map((at) => sums.get(at)?.[which] ?? 0))];
}

function describe(box, currency) {
  const style = getComputedStyle(box);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--quiet"), font: `11px ${style.fontFamily}`, ticks: { show: false },
    grid: { stroke: colour("--line"), width: 1 },
  };
  // Below the days stand those of the last one, or of the one that is pointed at.
  const tell = (plot, value, number) => value ?? plot.data[number].at(-1);
  const say = (...told) => formatPrice(tell(...told), currency);
  const series = (label, paint, align) => ({
    label, fill: paint, stroke: paint, width: 0, points: { show: false }, value: say,
    paths: UPlot.paths.bars({ size: [0.36, 40], align }),
  });
  return {
    width: box.clientWidth,
    height: HEIGHT,
    // A day of the books ends at 00:00 UTC.
    tzDate: (at) => UPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    cursor: { y: false, points: { show: false } },
    scales: {
      x: { range: (_plot, from, to) => [from - DAY_S / 2, to + DAY_S / 2] },
      y: { range: (_plot, _from, to) => [0, to * 1.1 || 1] },
    },
    axes: [
      {
        ...axis, size: 30, grid: { show: false }, incrs: APART_S,
        values: (_plot, days) => days.map(formatDay),
      },
      { ...axis, size: 56, values: (_plot, sums) => sums.map((sum) => sum.toFixed(2)) },
    ],
    series: [
      { label: "day", value: (...told) => formatDay(tell(...told)) },
      series("spent", colour("--accent"), -1),
      series("saved", colour("--line-strong"), 1),
    ],
  };
}

function formatDay(at) {
  const options = { day: "numeric", month: "short", timeZone: "UTC" };
  return new Date(at * 1000).toLocaleDateString("en-GB", options);
}
