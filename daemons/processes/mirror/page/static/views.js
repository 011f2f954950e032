// @ts-check
/** Shows the view that the address names, and hides the controls of a page that is not touched. */

import { house } from "./house.js";

const QUIET_SECONDS = 20;

export function followAddress() {
  const views = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-view]"));
  const links = document.querySelectorAll("nav a");

  const show = () => {
    const names = [...views].map((view) => view.dataset.view);
    const wanted = location.hash.slice(1);
    const name = names.includes(wanted) ? wanted : names[0];
    for (const view of views) view.hidden = view.dataset.view !== name;
    for (const link of links) {
      if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.documentElement.dataset.shown = name;
    title();
    scrollTo(0, 0);
  };
  const title = () => {
    const current = document.querySelector("nav [aria-current]")?.textContent;
    document.title = [house.name, current].filter(Boolean).join(" · ");
    for (const name of document.querySelectorAll(".house-name")) name.textContent = house.name;
  };

  addEventListener("hashchange", show);
  house.addEventListener("house", title);
  show();
}

/** Hide the controls after some seconds without any input. */
export function fadeWhenQuiet() {
  let timer = 0;
  const onInput = () => {
    clearTimeout(timer);
    delete document.documentElement.dataset.quiet;
    timer = setTimeout(() => (document.documentElement.dataset.quiet = ""), QUIET_SECONDS * 1000);
  };
  for (const event of ["pointermove", "pointerdown", "keydown", "focusin", "wheel", "scroll"]) {
    addEventListener(event, onInput, { passive: true });
  }
  onInput();
}
