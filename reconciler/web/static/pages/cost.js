// What was spent, saved and wasted, by whatever one asks.
import { useRead } from "../data.js";
import { html, useState } from "../html.js";
import { Days } from "../parts/days.js";
import { TroubleNotice } from "../parts/notices.js";
import { href } from "../router.js";
import {
  count, formatPrice, formatSeconds, formatSum, shorten, showText,
} from "../words.js";

const GROUPS = ["edit", "label", "model", "commit", "environment"];
const FATES = {
  in_use: "in use", running: "running", uncertain: "uncertain", superseded: "superseded",
  lost: "lost", paid_twice: "paid twice", stray: "stray",
};
const MOST_SHOWN = 50;

export function Cost({ board }) {
  const { data: cost, trouble } = useRead("cost", ["board"]);
  return html`
    <h1>Cost</h1>
    <${TroubleNotice} trouble=${trouble} faults=${board?.faults} />
    ${cost && html`<${Body} cost=${cost} />`}`;
}

function Body({ cost }) {
  const { currency } = cost;
  return html`
    <p class="quiet">
      ${cost.realm === "mock"
        ? "The mock spends nothing: this is what it would have cost."
        : `Account ${showText(cost.account)}, realm ${cost.realm}.`}
    </p>
    <dl class="sums wide">
      <${Tile} name="spent" sum=${cost.spent} currency=${currency} noun="task" />
      <${Tile} name="saved by reuse" sum=${cost.saved} currency=${currency} noun="time" />
      <${Tile} name="wasted" sum=${cost.wasted} currency=${currency} noun="task" />
      ${cost.budgets.map((budget) => html`
        <${Budget} key=${budget.name} budget=${budget} currency=${currency} />`)}
    </dl>
    ${cost.by.day.length === 0
      ? html`<p class="nothing">Nothing was rendered yet.</p>`
      : html`
        <section class="panel" aria-labelledby="days">
          <h2 id="days">By day</h2>
          <${Days} days=${cost.by.day} currency=${currency} />
        </section>
        <div class="cost-tables">
          <${Groups} cost=${cost} />
          <${Fates} fates=${cost.fates} currency=${currency} />
        </div>`}`;
}

function Tile({ name, sum, currency, noun }) {
  return html`
    <div><dt>${name}</dt><dd>${formatSum(sum, currency)}</dd>
      <dd class="quiet">${formatSeconds(sum.billable_s)}, ${count(sum.count, noun)}</dd>
      ${sum.unpriced_s > 0 && html`
        <dd class="quiet">${formatSeconds(sum.unpriced_s)} of unknown price</dd>`}</div>`;
}

function Budget({ budget, currency }) {
  const { name, limit, spent } = budget;
  return html`
    <div>
      <dt>left today (${showText(name)})</dt>
      <dd>${formatPrice(Math.max(0, limit - spent), currency)}</dd>
      <dd class="quiet">${formatPrice(spent, currency)} of ${formatPrice(limit, currency)}</dd>
      <dd>
        <meter min="0" max=${limit} value=${Math.min(limit, spent)}
          aria-label=${`${name}: spent`} />
      </dd>
    </div>`;
}

function Groups({ cost }) {
  const [by, setBy] = useState("edit");
  const rows = [...(cost.by[by] ?? [])].sort((one, other) => size(other) - size(one));
  const most = Math.max(...rows.map(size), 0) || 1;
  return html`
    <section class="panel" aria-labelledby="groups">
      <div class="panel-head">
        <h2 id="groups">By ${by}</h2>
        <div class="chips" role="group" aria-label="Add up by">
          ${GROUPS.filter((group) => cost.by[group]?.length).map((group) => html`
            <button type="button" class="chip" key=${group} aria-pressed=${group === by}
              onClick=${() => setBy(group)}>${group}</button>`)}
        </div>
      </div>
      <table>
        <thead>
          <tr>
            <th scope="col">${by}</th>
            <th scope="col" class="number">spent</th>
            <th scope="col" class="number">seconds</th>
            <th scope="col" class="number">saved</th>
            <th scope="col"><span class="unseen">share</span></th>
          </tr>
        </thead>
        <tbody>
          ${rows.slice(0, MOST_SHOWN).map((row) => html`
            <${Row} key=${row.name} row=${row} by=${by} most=${most} currency=${cost.currency} />`)}
        </tbody>
      </table>
      ${rows.length > MOST_SHOWN && html`<p class="quiet">and ${rows.length - MOST_SHOWN} more</p>`}
    </section>`;
}

function Row({ row, by, most, currency }) {
  const { name, spent, saved } = row;
  return html`
    <tr>
      <th scope="row"><${Name} by=${by} name=${name} /></th>
      <td class="number">${formatSum(spent, currency)}</td>
      <td class="number">${formatSeconds(spent.billable_s)}</td>
      <td class="number">${saved.count ? formatSum(saved, currency) : ""}</td>
      <td class="share"><span style=${{ width: `${(100 * size(row)) / most}%` }}></span></td>
    </tr>`;
}

function size({ spent }) {
  return spent.known_price || spent.billable_s / 1e6;
}

function Name({ by, name }) {
  if (!name) return html`<span class="quiet">none</span>`;
  const said = html`<bdi>${showText(name)}</bdi>`;
  if (by === "edit") return html`<a data-page href=${href("edit", name)}>${said}</a>`;
  return by === "commit" ? html`<code>${shorten(name, 9)}</code>` : said;
}

function Fates({ fates, currency }) {
  return html`
    <section class="panel" aria-labelledby="fates">
      <h2 id="fates">What became of it</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">fate</th>
            <th scope="col" class="number">tasks</th>
            <th scope="col" class="number">price</th>
          </tr>
        </thead>
        <tbody>
          ${Object.entries(FATES).filter(([fate]) => fates[fate]).map(([fate, words]) => html`
            <tr key=${fate} data-none=${!fates[fate].count}>
              <th scope="row">${words}</th><td class="number">${fates[fate].count}</td>
              <td class="number">${formatSum(fates[fate], currency)}</td>
            </tr>`)}
        </tbody>
      </table>
    </section>`;
}
