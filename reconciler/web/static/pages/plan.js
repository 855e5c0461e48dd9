import { html } from "../html.js";
export function Plan() { return html`<h1>Plan</h1>`; }
