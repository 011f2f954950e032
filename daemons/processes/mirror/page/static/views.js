// @ts-check
/** Shows the view that the address names, and hides the controls of a page that is not touched. */

import { house } from "./house.js";

const QUIET_SECONDS = 20;
/** The view that shows one device, as in "#device/toaster". */
const DEVICE = "device";

export function followAddress() {
  const views = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-view]"));
  const links = document.querySelectorAll("nav a");
  const names = [...views].map((view) => view.dataset.view ?? "");
  /** How far down each view was when it was left. @type {Map<string, number>} */
  const scrolled = new Map();
  let [shown, device] = ["", ""];
  /** The view that the page of a device leads back to. */
  let back = names[0];

  const show = (isNavigation) => {
    const [wanted, id] = parts(location.hash);
    const name = names.includes(wanted) ? wanted : names[0];
    const came = { view: shown, device };
    if (shown) scrolled.set(shown, scrollY);
    [shown, device] = [name, id];
    if (name !== DEVICE) back = name;
    for (const view of views) view.hidden = view.dataset.view !== name;
    for (const link of links) {
      if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.documentElement.dataset.shown = name;
    title();
    showDevice(name === DEVICE ? id : "", back, isNavigation);
    house.redraw();
    const isReturn = came.view === DEVICE && name !== DEVICE;
    scrollTo(0, isReturn ? (scrolled.get(name) ?? 0) : 0);
    if (isReturn) focusLink(name, came.device);
  };
  const title = () => {
    const current = shown === DEVICE ? (house.process(device)?.name ?? device) : document.querySelector("nav [aria-current]")?.textContent;
    document.title = [house.name, current].filter(Boolean).join(" · ");
    for (const name of document.querySelectorAll(".house-name")) name.textContent = house.name;
  };

  addEventListener("hashchange", () => show(true));
  house.addEventListener("house", title);
  show(false);
}

/** Return the view and the device of an address such as "#device/toaster". */
function parts(hash) {
  const [view, id = ""] = hash.slice(1).split("/");
  try {
    return [view, decodeURIComponent(id)];
  } catch {
    return [view, id];
  }
}

/** Show the page of a device, or close it without an id. Its module is loaded when it is needed first. */
async function showDevice(id, back, isNavigation) {
  const element = /** @type {any} */ (document.querySelector("house-device"));
  if (!element || (!id && !customElements.get("house-device"))) return;
  if (!customElements.get("house-device")) {
    const { Device } = await import("./device/device.js");
    if (!customElements.get("house-device")) customElements.define("house-device", Device);
    id = location.hash.startsWith(`#${DEVICE}/`) ? parts(location.hash)[1] : "";
  }
  element.open(id, back, isNavigation);
}

/** After the page of a device, the focus is again where it was: at the device. */
function focusLink(view, id) {
  const links = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(`[data-view="${view}"] a[href^="#${DEVICE}/"]`));
  const found = [...links].filter((link) => link.checkVisibility() && parts(link.getAttribute("href"))[1] === id);
  (found.find((link) => link.closest("house-card")) ?? found[0])?.focus({ preventScroll: true });
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
