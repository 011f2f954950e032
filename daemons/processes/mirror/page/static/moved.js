// @ts-check
/** After something on the page has moved, a touch counts for nothing for a moment: it was meant for what was there. */

const MOMENT_MILLISECONDS = 500;

let timer = 0;

/** Ignore touches for a moment, but those of the alarm itself. */
export function ignoreTouches() {
  clearTimeout(timer);
  document.documentElement.dataset.moved = "";
  timer = setTimeout(() => delete document.documentElement.dataset.moved, MOMENT_MILLISECONDS);
}
