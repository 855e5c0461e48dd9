// What is asked of the service, and what the edit's key was made of.
import { html } from "../html.js";
import { count, showText } from "../words.js";

const NO_KEY = "known when what it builds on has its result";

export function Request({ edit }) {
  const { request, key, digest, explain, place, output } = edit;
  const { prompt, ...input } = request?.input ?? {};
  const parts = explain?.parts ?? [];
  const changed = parts.filter(({ name, same }) => !same && name !== "input.prompt");
  return html`
    <section class="panel" aria-labelledby="request">
      <h2 id="request">Request</h2>
      <dl class="facts">
        ${request && html`<${Fact} name="model" value=${request.model} />`}
        ${[...flatten(input), ...flatten(request?.parameters ?? {})].map(([name, value]) => html`
          <${Fact} name=${name} value=${value} />`)}
        <${Fact} name="output" value=${output} />
        <${Fact} name="manifest" value=${place} />
        <${Fact} name="key" value=${key ?? NO_KEY} isId=${Boolean(key)} />
        ${digest && html`<${Fact} name="digest" value=${digest} isId />`}
      </dl>
      ${changed.length > 0 && html`
        <h3>${count(changed.length, "part")} not as in the nearest result</h3>
        <dl class="facts">
          ${changed.map(({ name, before, value }) => html`
            <dt><code>${showText(name)}</code></dt>
            <dd><del>${say(before)}</del> <ins>${say(value)}</ins></dd>`)}
        </dl>`}
    </section>`;
}

function Fact({ name, value, isId = false }) {
  return html`
    <dt><code>${showText(name)}</code></dt>
    <dd class=${isId ? "id" : null}><bdi>${say(value)}</bdi></dd>`;
}

function say(value) {
  if (value === null || value === undefined) return "nothing";
  return showText(typeof value === "object" ? JSON.stringify(value) : value);
}

/** A tree of values as rows of a path and a value. */
function flatten(value, path = "") {
  if (value === null || typeof value !== "object") return [[path, value]];
  return Object.entries(value).flatMap(([name, part]) => {
    const step = Array.isArray(value) ? `${path}[${name}]` : path ? `${path}.${name}` : name;
    return flatten(part, step);
  });
}
