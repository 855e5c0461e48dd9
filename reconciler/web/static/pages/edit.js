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

const PICKED_BY_COMMIT =
  "A take is picked by a commit: `cutlist pick` in a clone changes cutlist.lock.";
const NOT_KEPT = "What goes in is not kept here.";

export function Edit({ route, project, board, trouble: troubleOfBoard }) {
  const { name } = route;
  const path = `edits/${encodeURIComponent(name)}`;
  const { data: edit, trouble, reload } = useRead(path, ["board", "lock"], isAbout(name));
  const card = board?.cards.find((one) => one.name === name);
  // Its state stands above it: nothing moves when that comes.
  const isKnown = edit && (board || troubleOfBoard);
  return html`
    <p class="back"><a data-page href=${href("board")}>Board</a></p>
    <header class="edit-head">
      <h1><bdi>${showText(name)}</bdi></h1>
      ${card && html`<${State} card=${card} currency=${project?.currency} />`}
    </header>
    <${TroubleNotice} trouble=${trouble} faults=${board?.faults} />
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
  const find = (isWanted) => takes.find(isWanted);
  const take = find((one) => one.number === watched) ?? find((one) => one.current) ?? takes.at(-1);
  const other = find((one) => one.number === compared);
  const prompt = take && watched ? take.prompt : edit.request?.input?.prompt ?? "";
  const beside = against === undefined ? findLastPrompt(takes, prompt) : against;
  const ask = (chosen) => setPicking({ take: chosen, lock: edit.lock });
  const choose = (number) => {
    setAgainst(number);
    setCompared(null);
  };
  const close = () => {
    setPicking(null);
    reload();
  };
  return html`
    <div class="edit">
      <div class="edit-main">
        <${Player} before=${other ? showTake(other) : showBefore(edit.before)}
          after=${showAfter(edit, take)} width=${take?.width} height=${take?.height} />
        <${Takes} takes=${takes} currency=${project?.currency} watched=${take?.number}
          compared=${compared} onWatch=${setWatched} onCompare=${setCompared}
          onPick=${project?.may.pick ? ask : null} note=${project?.sync && PICKED_BY_COMMIT} />
      </div>
      <div class="edit-side">
        <${Change} change=${peek("diff")?.changes.find((change) => change.name === edit.name)} />
        <${Prompt} prompt=${prompt} takes=${takes} against=${other?.number ?? beside}
          onAgainst=${choose} />
        <${Lineage} before=${edit.before} lineage=${edit.lineage} />
        <${Request} edit=${edit} />
      </div>
    </div>
    ${picking && html`<${Pick} edit=${edit} ...${picking} project=${project} onClose=${close} />`}`;
}

/** The last take that another prompt made: what the words came from. */
function findLastPrompt(takes, prompt) {
  return takes.findLast((take) => take.prompt !== prompt)?.number ?? null;
}

function showTake(take) {
  const video = take.video ?? take.preview;
  return { ...take, video, title: `Take ${take.number}`, note: "There is no video here." };
}

function showAfter(edit, take) {
  if (take) return showTake(take);
  const { current } = edit;
  if (current) return { ...current, video: current.video ?? current.preview, title: "After" };
  const why = edit.reason === "no result yet" ? "" : `: ${showText(edit.reason)}`;
  return { title: "After", note: `No result yet${why}.` };
}

/** The first video that goes in, or where there is none, the first picture. */
function showBefore(media) {
  const isVideo = (medium) => medium.form === "video";
  const medium = media.find(isVideo) ?? media.find(({ form }) => form === "image");
  if (!medium) return null;
  return {
    ...medium, isPicture: !isVideo(medium), video: medium.video ?? medium.preview,
    title: medium.kind === "revision" ? `Before, at ${showText(medium.name)}` : "Before",
    note: medium.kind === "url" ? html`<${Elsewhere} medium=${medium} />` : NOT_KEPT,
  };
}

function Elsewhere({ medium }) {
  const host = medium.url_host ? ` at ${showText(medium.url_host)}` : "";
  return html`
    What goes in lies at an address${host}: it is not kept here.${" "}
    ${medium.url && html`<${WayOut} medium=${medium} />`}`;
}

/** `lock` is of the moment in which it was asked: whoever was first since then is not overruled. */
function Pick({ edit, take, lock, project, onClose }) {
  const { number, digest } = take;
  const path = `edits/${encodeURIComponent(edit.name)}/pick`;
  const kept = project.realm === "mock"
    ? "the realm's state folder, as this is the bundled server"
    : "cutlist.lock";
  const builders = edit.lineage.down.map(({ name }) => showText(name));
  return html`
    <${Confirm} title=${`Pick take ${number} of ${showText(edit.name)}`}
      yes=${`Pick take ${number}`} act=${() => send(path, { number, digest, lock })}
      onClose=${onClose}>
      <p>
        Pins that result in ${kept}, and writes <code>${showText(edit.output)}</code>. Free: nothing
        is rendered.
      </p>
      ${!take.made_by_present_request && html`
        <p>
          It was made by an earlier request, and holds until the manifest asks for something else.
        </p>`}
      ${builders.length > 0 && html`
        <p>Edits that build on it are then out of sync: ${builders.join(", ")}.</p>`}
    <//>`;
}
