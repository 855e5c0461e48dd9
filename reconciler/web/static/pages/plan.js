// What would be done, why and for how much; and the yes to exactly that.
import { isExport, read, send } from "../api.js";
import { usePosters } from "../data.js";
import { html, useCallback, useEffect, useState } from "../html.js";
import { listen } from "../live.js";
import { Confirm } from "../parts/confirm.js";
import { TroubleNotice } from "../parts/notices.js";
import { Run, useRun } from "../parts/run.js";
import { Steps } from "../parts/steps.js";
import {
  count, describeUnpriced, formatMoment, formatPlanned, formatPrice, formatSeconds, showText,
} from "../words.js";

const STATES = { wait: "waiting", blocked: "blocked" };
const ALWAYS = ["render", "write", "prune"]; // are counted where there are none, too

export function Plan({ board, project }) {
  const run = useRun();
  const { saved, trouble, isStale, remake } = useSavedPlan(run.isRunning, project?.sync);
  // The plan that the question is about, whatever comes meanwhile.
  const [asked, setAsked] = useState(null);
  const posters = usePosters(board);
  const plan = saved?.plan;
  const cost = plan?.cost;
  const spends = cost ? cost.at_most_billable_s > 0 : false;
  const hasSteps = plan?.steps.some((step) => step.action !== "keep");
  const canDo = plan?.steps.some((step) => !["keep", "blocked"].includes(step.action));
  const may = project?.may.apply || (project?.may.say_yes && saved?.waits);
  const mayApply = may && canDo && !run.isRunning;
  const say = async () => {
    const { id, plan: agreed } = asked;
    const limit = { max_cost: agreed.cost.at_most_price };
    const started = await send(`plans/${encodeURIComponent(id)}/apply`, limit);
    run.begin(started.run);
  };
  return html`
    <div class="plan-head">
      <div>
        <h1>Plan</h1>
        <p class="quiet">${plan ? describePlan(plan, saved) : "\u00a0"}</p>
      </div>
      ${plan && html`<${Sum} cost=${cost} realm=${plan.realm} />`}
      <p class="plan-buttons">
        ${!isExport && html`<button type="button" onClick=${remake}>Plan again</button>`}
        ${mayApply && html`
          <button type="button" class="primary" aria-disabled=${isStale}
            onClick=${() => !isStale && setAsked(saved)}>
            ${spends ? "Carry out…" : "Carry out, free…"}
          </button>`}
      </p>
    </div>
    <${TroubleNotice} trouble=${trouble} faults=${board?.faults} />
    ${isStale && html`
      <section class="notice" role="status">
        <h2>Something has changed since this plan was made.</h2>
        <p>It cannot be carried out any more where it is about what changed: plan again.</p>
      </section>`}
    <${Run} run=${run} posters=${posters} currency=${project?.currency}
      mayStop=${project?.may.stop} />
    ${project?.sync && plan && html`<p class="notice">${describeWay(project, saved)}</p>`}
    ${plan?.notes?.map((note) => html`<p class="notice">${showText(note)}</p>`)}
    ${plan && !hasSteps && html`
      <p class="nothing">${describeNothing(plan.steps.length)}</p>`}
    ${plan && html`<${Steps} plan=${plan} posters=${posters} />`}
    ${asked && html`
      <${Question} saved=${asked} who=${project.who} act=${say}
        onClose=${() => setAsked(null)} />`}`;
}

function Question({ saved, who, act, onClose }) {
  const { plan } = saved;
  const { cost } = plan;
  const spends = cost.at_most_billable_s > 0;
  const most = cost.at_most_price === null
    ? "Yes, without knowing the price"
    : `Yes, spend at most ${formatPrice(cost.at_most_price, cost.currency)}`;
  return html`
    <${Confirm} title="Carry out this plan" act=${act} onClose=${onClose}
      yes=${spends ? most : "Yes, carry it out"}>
      <p>${describePlan(plan, saved)}</p>
      ${spends && html`<${Unpriced} cost=${cost} />`}
      <p>
        ${describeSpending(plan, spends)} It is carried out exactly as it stands here, or not at
        all. The books name you: ${showText(who)}.
      </p>
    <//>`;
}

/** A plan that is saved now: `remake` makes another; `isStale` once something has changed but by a
 * run of our own, after which it is made anew. On a controller's page it is the one that waits, as
 * long as that does.
 */
function useSavedPlan(isRunning, sync) {
  const [found, setFound] = useState({});
  const [isStale, setStale] = useState(false);
  const remake = useCallback(async () => {
    try {
      const saved = isExport ? await read("plan") : await send("plans");
      setFound({ saved });
      setStale(false);
    } catch (trouble) {
      setFound(({ saved }) => ({ saved, trouble }));
    }
  }, []);
  const isOfSync = Boolean(sync);
  const waiting = sync?.waiting_plan;
  useEffect(() => {
    if (!isRunning) remake();
    if (isRunning || waiting) return undefined;
    return listen(["board", "faults", "lock"], () => (isOfSync ? remake() : setStale(true)));
  }, [isRunning, waiting, isOfSync]);
  return { ...found, isStale, remake };
}

function Sum({ cost, realm }) {
  const waits = cost.at_most_billable_s > cost.billable_s;
  return html`
    <dl class="sums">
      <div>
        <dt>now</dt><dd>${formatPlanned(cost.price, cost.known_price, cost.currency)}</dd>
        <dd class="quiet">${formatSeconds(cost.billable_s)}</dd>
      </div>
      ${waits && html`
        <div>
          <dt>at most, with what waits</dt>
          <dd>${formatPlanned(cost.at_most_price, cost.at_most_known_price, cost.currency)}</dd>
          <dd class="quiet">${formatSeconds(cost.at_most_billable_s)}</dd>
        </div>`}
    </dl>
    <${Unpriced} cost=${cost} />
    ${realm === "mock" && html`
      <p class="sum-note">The mock spends nothing: this is what it would cost.</p>`}`;
}

/** What of a price is not known here, and why. */
function Unpriced({ cost }) {
  const why = describeUnpriced(cost);
  return why && html`<p class="sum-note">${why}</p>`;
}

function describePlan(plan, saved) {
  const { keep, ...rest } = plan.summary;
  const isShown = ([action, number]) => number || ALWAYS.includes(action);
  const say = ([action, number]) => `${number} ${STATES[action] ?? `to ${action}`}`;
  const parts = Object.entries(rest).filter(isShown).map(say);
  const until = saved.expires ? ` Holds until ${formatMoment(saved.expires)}.` : "";
  return `${parts.join(", ")}; ${keep} unchanged.${until}`;
}

function describeNothing(edits) {
  if (!edits) return "There are no edits yet.";
  return `No changes. ${count(edits, "edit matches its result", "edits match their results")}.`;
}

/** Whose turn it is, on the page of a controller. */
function describeWay({ sync }, { waits }) {
  if (waits) return "This plan waits for a yes. It is carried out exactly as it stands here.";
  if (sync.mode === "approve") return "No plan waits for a yes. This is what would be done now.";
  if (sync.mode === "never") return "This Sync only plans: nothing is carried out.";
  return "The controller carries out what is committed; nobody is asked. This is what it would do "
    + "now.";
}

function describeSpending(plan, spends) {
  if (!spends) return "Nothing is paid.";
  return plan.realm === "mock"
    ? "The mock spends nothing: the figure is what it would cost."
    : "This is real money.";
}
