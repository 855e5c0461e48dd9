// How an edit is, as a shape and a word: the colour only adds.
import { html } from "../html.js";

const SHAPES = {
  Healthy: html`<circle cx="6" cy="6" r="4.5" />`,
  Progressing: html`<circle class="hollow" cx="6" cy="6" r="4" /><path d="M6 2a4 4 0 0 1 0 8z" />`,
  Degraded: html`<path d="M6 .8 11.6 11H.4z" />`,
  Missing: html`<circle class="hollow" cx="6" cy="6" r="4" />`,
  Outdated: html`<circle class="hollow" cx="6" cy="6" r="4" />`,
  Suspended: html`<path d="M2.5 2h2.4v8H2.5zM7.1 2h2.4v8H7.1z" />`,
  OutOfSync: html`<path d="M6 .8 11.2 6 6 11.2.8 6z" />`,
};

/** `kind` is a word of health, Outdated, or OutOfSync. */
export function Mark({ kind, children }) {
  return html`
    <span class="mark" data-kind=${kind}>
      <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">${SHAPES[kind]}</svg>
      <span>${children ?? kind}</span>
    </span>`;
}
