// @ts-check
/** After something on the page has moved, a touch counts for nothing for a moment: it was meant for what was there. */

const MOMENT_MILLISECONDS = 500;

let timer = 0;

/**
 * Change the page above an element, which stays where it is while a person uses the page: the page is scrolled. Where it
 * cannot be, touches are ignored for a moment.
 * @param {Element} below
 * @param {() => void} change
 */
export function changeAbove(below, change) {
  const top = () => below.getBoundingClientRect().top;
  const before = top();
  change();
  const moved = top() - before;
  if (Math.abs(moved) < 1) return;
  if (!("quiet" in document.documentElement.dataset)) scrollBy({ top: moved, behavior: "instant" });
  ignoreTouches();
}

/** Ignore touches for a moment, but those of the alarm itself. */
export function ignoreTouches() {
  clearTimeout(timer);
  document.documentElement.dataset.moved = "";
  timer = setTimeout(() => delete document.documentElement.dataset.moved, MOMENT_MILLISECONDS);
}
