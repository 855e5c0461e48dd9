// What components are written with: Preact, its hooks, and templates that need no build step.
import htm from "./vendor/htm.js";
import { h } from "./vendor/preact.js";

export { Fragment, render } from "./vendor/preact.js";
export {
  useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "./vendor/preact-hooks.js";

export const html = htm.bind(h);
