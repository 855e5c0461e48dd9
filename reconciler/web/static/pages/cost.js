import { html } from "../html.js";
export function Cost() { return html`<h1>Cost</h1>`; }
