// What would be done, why and for how much; and the yes to exactly that.
import { isExport, read, send } from "../api.js";
import { html, useCallback, useEffect, useMemo, useState } from "../html.js";
import { listen } from "../live.js";
import { Confirm } from "../parts/confirm.js";
import { TroubleNotice } from "../parts/notices.js";
import { Run, useRun } from "../parts/run.js";
import { Steps } from "../parts/steps.js";
import { count, formatMoment, formatPrice, formatSeconds, showText } from "../words.js";

export function Plan({ board, project }) {
  const run = useRun();
  const { saved, trouble, isStale, remake } = useSavedPlan(run.isRunning);
  const [isAsking, setAsking] = useState(false);
  const posters = useMemo(() => new Map(board?.cards.map(({ name, poster }) => [name, poster])), [board?.cards]);
  const plan = saved?.plan;
  const cost = plan?.cost;
  const spends = cost ? cost.at_most_billable_s > 0 : false;
  const hasSteps = plan?.steps.some((step) => step.action !== "keep");
  const mayApply = project?.may.apply && hasSteps && !run.isRunning;
  const say = async () => {
    const started = await send(`plans/${encodeURIComponent(saved.id)}/apply`, { max_cost: cost.at_most_price });
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
          <button type="button" class="primary" disabled=${isStale} onClick=${() => setAsking(true)}>
            ${spends ? "Carry out…" : "Carry out, free…"}
          </button>`}
      </p>
    </div>
    <${TroubleNotice} trouble=${trouble} />
    ${isStale && html`
      <section class="notice" role="status"><h2>Something has changed since this plan was made.</h2>
        <p>It cannot be carried out any more where it is about what changed: plan again.</p></section>`}
    <${Run} run=${run} posters=${posters} currency=${project?.currency} />
    ${plan?.notes?.map((note) => html`<p class="notice">${showText(note)}</p>`)}
    ${plan && !hasSteps && html`
      <p class="nothing">No changes. ${count(plan.steps.length, "edit matches its result", "edits match their results")}.</p>`}
    ${plan && html`<${Steps} plan=${plan} posters=${posters} />`}
    ${isAsking && html`
      <${Confirm} title="Carry out this plan" act=${say} onClose=${() => setAsking(false)}
        yes=${spends ? `Yes, spend at most ${formatPrice(cost.at_most_price, cost.currency)}` : "Yes, carry it out"}>
        <p>${describePlan(plan, saved)}</p>
        <p>${describeSpending(plan, spends)} It is carried out exactly as it stands here, or not at all. The books name you: ${showText(project.who)}.</p>
      <//>`}`;
}

/** A plan that is saved now: `remake` makes another; `isStale` once something has changed but by a run of our own,
 * after which it is made anew.
 */
function useSavedPlan(isRunning) {
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
  useEffect(() => {
    if (!isRunning) remake();
    return isRunning ? undefined : listen(["board", "faults", "lock"], () => setStale(true));
  }, [isRunning]);
  return { ...found, isStale, remake };
}

function Sum({ cost, realm }) {
  const waits = cost.at_most_billable_s > cost.billable_s;
  return html`
    <dl class="sums">
      <div><dt>now</dt><dd>${formatPrice(cost.price, cost.currency)}</dd><dd class="quiet">${formatSeconds(cost.billable_s)}</dd></div>
      ${waits && html`
        <div><dt>at most, with what waits</dt><dd>${formatPrice(cost.at_most_price, cost.currency)}</dd>
          <dd class="quiet">${formatSeconds(cost.at_most_billable_s)}</dd></div>`}
    </dl>
    ${realm === "mock" && html`<p class="sum-note">The mock spends nothing: this is what it would cost.</p>`}`;
}

function describePlan(plan, saved) {
  const { keep, ...rest } = plan.summary;
  const words = { wait: "waiting", blocked: "blocked" };
  const shown = Object.entries(rest).filter(([action, number]) => number || ["render", "write", "prune"].includes(action));
  const parts = shown.map(([action, number]) => `${number} ${words[action] ?? `to ${action}`}`);
  const until = saved.expires ? ` Holds until ${formatMoment(saved.expires)}.` : "";
  return `${parts.join(", ")}; ${keep} unchanged.${until}`;
}

function describeSpending(plan, spends) {
  if (!spends) return "Nothing is paid.";
  return plan.realm === "mock" ? "The mock spends nothing: the figure is what it would cost." : "This is real money.";
}
