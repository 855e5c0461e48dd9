// What an edit builds on, and what builds on it.
import { html } from "../html.js";
import { href } from "../router.js";
import { showText } from "../words.js";
import { Picture } from "./picture.js";

export function Lineage({ before, lineage }) {
  const isWhole = ({ kind, name }) => kind === "edit" && !name.includes("#");
  const sources = before.filter((medium) => medium.kind !== "revision" && !isWhole(medium));
  const rows = [
    ["goes in", sources.map((medium) => html`<${Medium} medium=${medium} />`)],
    ["builds on", [...lineage.up].reverse().map((edit) => html`<${Relative} edit=${edit} />`)],
    ["used by", lineage.down.map((edit) => html`<${Relative} edit=${edit} />`)],
  ].filter(([, list]) => list.length);
  if (!rows.length) return null;
  return html`
    <section class="panel" aria-labelledby="lineage">
      <h2 id="lineage">Lineage</h2>
      ${rows.map(([words, list]) => html`
        <h3>${words}</h3>
        <ul class="relatives">${list}</ul>`)}
    </section>`;
}

function Relative({ edit }) {
  return html`
    <li><a class="relative" data-page href=${href("edit", edit.name)}>
      <span class="still"><${Picture} source=${edit.poster} instead="" /></span>
      <bdi>${showText(edit.name)}</bdi>
    </a></li>`;
}

function Medium({ medium }) {
  const name = medium.name || "data in the manifest";
  return html`
    <li class="relative">
      <span class="still"><${Picture} source=${medium.poster} instead="" /></span>
      <span><bdi>${showText(name)}</bdi><br /><span class="quiet">${describeMedium(medium)}</span>
        ${medium.url && html`<br /><${WayOut} medium=${medium} />`}</span>
    </li>`;
}

/** To a medium at an address of others, which is asked for nothing before somebody follows this. */
export function WayOut({ medium }) {
  const { url, url_host: host } = medium;
  return html`<a href=${url} target="_blank" rel="noreferrer">see it at ${showText(host)}</a>`;
}

function describeMedium({ kind, role, form, duration_s: length, url_host: host }) {
  const part = String(role ?? "").replaceAll("_", " ");
  const sound = length === null ? "sound" : `sound, ${length.toFixed(1)} s`;
  const what = form === "audio" ? `${part}: ${sound}` : part;
  return kind === "url" && host ? `${what}, at ${showText(host)}` : what;
}
