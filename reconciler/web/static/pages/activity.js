import { html } from "../html.js";
export function Activity() { return html`<h1>Activity</h1>`; }
