// One edit: before and after, its prompt, its request, and every take it has had.
import { peek, send } from "../api.js";
import { isAbout, useRead } from "../data.js";
import { html, useState } from "../html.js";
import { Confirm } from "../parts/confirm.js";
import { Lineage, WayOut } from "../parts/lineage.js";
import { Mark } from "../parts/mark.js";
import { TroubleNotice } from "../parts/notices.js";
import { Player } from "../parts/player.js";
import { Prompt } from "../parts/prompt.js";
import { Request } from "../parts/request.js";
import { Change } from "../parts/review.js";
import { Takes } from "../parts/takes.js";
import { href } from "../router.js";
import { formatAge, formatPrice, nameHealth, showText } from "../words.js";

export function Edit({ route, project, board, trouble: troubleOfBoard }) {
  const { name } = route;
  const { data: edit, trouble, reload } = useRead(`edits/${encodeURIComponent(name)}`, ["board", "lock"], isAbout(name));
  const card = board?.cards.find((one) => one.name === name);
  const isKnown = edit && (board || troubleOfBoard); // its state stands above it: nothing moves when that comes
  return html`
    <p class="back"><a data-page href=${href("board")}>Board</a></p>
    <header class="edit-head">
      <h1><bdi>${showText(name)}</bdi></h1>
      ${card && html`<${State} card=${card} currency=${project?.currency} />`}
    </header>
    <${TroubleNotice} trouble=${trouble} />
    ${isKnown ? html`<${Body} edit=${edit} project=${project} reload=${reload} />`
      : !trouble && html`<div class="edit"><div class="stage" data-view="after"></div></div>`}`;
}

function State({ card, currency }) {
  return html`
    <p class="edit-state">
      <${Mark} kind=${nameHealth(card)} />
      ${card.sync !== "Synced" && html`<${Mark} kind="OutOfSync" />`}
      <span class="quiet">${showText(card.reason)}</span>
      ${card.price > 0 && html`<b>${formatPrice(card.price, currency)}</b>`}
      ${card.since && html`<span class="quiet">since ${formatAge(card.since)}</span>`}
    </p>`;
}

function Body({ edit, project, reload }) {
  const [watched, setWatched] = useState(null);
  const [compared, setCompared] = useState(null);
  const [against, setAgainst] = useState(undefined);
  const [picking, setPicking] = useState(null);
  const { takes } = edit;
  const take = takes.find((one) => one.number === watched) ?? takes.find((one) => one.current) ?? takes.at(-1);
  const other = takes.find((one) => one.number === compared);
  const prompt = take && watched ? take.prompt : edit.request?.input?.prompt ?? "";
  const beside = other?.number ?? (against === undefined ? findLastPrompt(takes, prompt) : against);
  return html`
    <div class="edit">
      <div class="edit-main">
        <${Player} before=${other ? showTake(other) : showBefore(edit.before)} after=${showAfter(edit, take)}
          width=${take?.width} height=${take?.height} />
        <${Takes} takes=${takes} currency=${project?.currency} watched=${take?.number} compared=${compared}
          onWatch=${setWatched} onCompare=${setCompared} onPick=${project?.may.pick ? (chosen) => setPicking({ take: chosen, lock: edit.lock }) : null}
          note=${project?.sync && "A take is picked by a commit: `cutlist pick` in a clone changes cutlist.lock."} />
      </div>
      <div class="edit-side">
        <${Change} change=${peek("diff")?.changes.find((change) => change.name === edit.name)} />
        <${Prompt} prompt=${prompt} takes=${takes} against=${beside}
          onAgainst=${(number) => { setAgainst(number); setCompared(null); }} />
        <${Lineage} before=${edit.before} lineage=${edit.lineage} />
        <${Request} edit=${edit} />
      </div>
    </div>
    ${picking && html`<${Pick} edit=${edit} take=${picking.take} lock=${picking.lock} project=${project} onClose=${() => { setPicking(null); reload(); }} />`}`;
}

/** The last take that another prompt made: what the words came from. */
function findLastPrompt(takes, prompt) {
  return takes.findLast((take) => take.prompt !== prompt)?.number ?? null;
}

function showTake(take) {
  return { ...take, video: take.video ?? take.preview, title: `Take ${take.number}`, note: "There is no video here." };
}

function showAfter(edit, take) {
  if (take) return showTake(take);
  const { current } = edit;
  if (current) return { ...current, video: current.video ?? current.preview, title: "After" };
  return { title: "After", note: `No result yet: ${showText(edit.reason)}.` };
}

/** The first video that goes in, or where there is none, the first picture. */
function showBefore(media) {
  const isVideo = (medium) => /video|clip/.test(medium.role ?? "") || medium.kind === "edit";
  const medium = media.find(isVideo) ?? media[0];
  if (!medium) return null;
  const host = medium.url_host ? ` at ${showText(medium.url_host)}` : "";
  const note = medium.kind === "url"
    ? html`What goes in lies at an address${host}: it is not kept here. ${medium.url && html`<${WayOut} medium=${medium} />`}`
    : "What goes in is not kept here.";
  return {
    ...medium, title: medium.kind === "revision" ? `Before, at ${showText(medium.name)}` : "Before", note, isPicture: !isVideo(medium), video: medium.video ?? medium.preview,
  };
}

/** `lock` is of the moment in which it was asked: whoever was first in the meantime is not overruled. */
function Pick({ edit, take, lock, project, onClose }) {
  const act = () => send(`edits/${encodeURIComponent(edit.name)}/pick`,
    { number: take.number, digest: take.digest, lock });
  const kept = project.realm === "mock" ? "the realm's state folder, as this is the bundled server" : "cutlist.lock";
  return html`
    <${Confirm} title=${`Pick take ${take.number} of ${showText(edit.name)}`} yes=${`Pick take ${take.number}`} act=${act}
      onClose=${onClose}>
      <p>Pins that result in ${kept}, and writes <code>${showText(edit.output)}</code>. Free: nothing is rendered.</p>
      ${!take.made_by_present_request && html`
        <p>It was made by an earlier request, and holds until the manifest asks for something else.</p>`}
      ${edit.lineage.down.length > 0 && html`
        <p>Edits that build on it are then out of sync: ${edit.lineage.down.map(({ name }) => showText(name)).join(", ")}.</p>`}
    <//>`;
}
