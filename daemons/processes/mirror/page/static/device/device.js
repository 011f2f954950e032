// @ts-check
/** The page of one device: its parts in their order, and when each of them is brought up to date. */

import { Account } from "./account.js";
import { Controls } from "./controls.js";
import { Editor } from "./editor.js";
import { Facts } from "./facts.js";
import { Head } from "./head.js";
import { Log } from "./log.js";
import { Graphs } from "./graphs.js";
import { Outlook } from "./outlook.js";
import { Process } from "./process.js";
import { Rules } from "./rules.js";
import { Trouble } from "./trouble.js";
import { Why } from "./why.js";
import { make } from "../dom.js";
import { house } from "../house.js";
import { ignoreTouches } from "../moved.js";
import { t } from "../text.js";

/**
 * @typedef {object} Part
 * @property {HTMLElement} element
 * @property {(device: import("../house.js").Process) => void} [update] after a change of the device
 * @property {(device: import("../house.js").Process) => void} [tick] four times a second, while it is visible
 * @property {(device: import("../house.js").Process) => void} [beat] once a second
 * @property {(other: import("../house.js").Process) => void} [hear] after a change of a device that this one hears
 * @property {(account: import("./account.js").Rights) => void} [allow] when the rights of the account are known
 * @property {() => void} [close]
 */

export class Device extends HTMLElement {
  #id = "";
  #back = "mirror";
  /** @type {Part[]} */
  #parts = [];
  #account = new Account();
  /** What is loaded after the page is shown, and moves what is below it. */
  #loaded = new ResizeObserver((entries) => this.#onResize(entries));
  /** @type {Map<Element, number>} */
  #heights = new Map();
  /** Whether the focus shall go to the heading as soon as there is one. */
  #isFocusDue = false;

  connectedCallback() {
    house.addEventListener("house", () => this.#refresh());
    house.addEventListener("change", ({ detail }) => this.#onChange(detail));
    house.addEventListener("beat", () => this.#each("beat"));
    house.addEventListener("tick", () => document.documentElement.dataset.shown === "device" && this.#each("tick"));
    house.addEventListener("link", () => this.#refresh());
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show a device; an empty id closes the page, which then costs nothing. */
  open(id, back, isNavigation) {
    this.#back = back;
    if (id === this.#id && this.#parts.length) return;
    this.#close();
    this.#id = id;
    this.#isFocusDue = isNavigation;
    if (id) this.#refresh();
  }

  #onChange({ id }) {
    if (id === this.#id) this.#each("update");
    else if (house.process(this.#id)?.hears.includes(id)) this.#parts.forEach((part) => part.hear?.(house.process(id)));
  }

  #refresh() {
    if (!this.#id) return;
    const device = house.process(this.#id);
    if (!device) return this.#miss();
    if (!this.#parts.length) this.#build(device);
    this.#each("update");
    this.#each("tick");
    if (house.isLive) this.#account.read().then((rights) => this.#parts.forEach((part) => part.allow?.(rights)));
  }

  #build(device) {
    const { id } = device;
    const left = [new Outlook(device), new Controls(device), new Why(device)];
    const editor = new Editor(device, () => this.#each("edited"));
    const [why, graphs, rules] = [left[2], new Graphs(device), new Rules(device, (rule) => editor.open(rule))];
    const right = [graphs, rules, new Log(device), new Process(device), new Facts(device), editor];
    for (const { element } of [why, graphs, rules]) this.#loaded.observe(element);
    const top = [new Head(device, this.#back), new Trouble(device)];
    this.#parts = [...top, ...left, ...right];
    const column = (name, parts) => make("div", { class: name }, ...parts.map(({ element }) => element));
    this.replaceChildren(...top.map(({ element }) => element), make("div", { class: "columns" }, column("first", left), column("second", right)));
    this.dataset.device = id;
    this.#focusHeading();
  }

  /** Say that there is no such device, or that the house is not known yet. */
  #miss() {
    this.#closeParts();
    const text = house.heardAt == null ? t("device.loading") : t("device.unknown", { name: this.#id });
    this.replaceChildren(
      make("p", { class: "way" }, make("a", { href: `#${this.#back}`, class: "back" }, t(`views.${this.#back}`))),
      make("h1", { tabindex: "-1" }, text),
    );
    if (house.heardAt != null) this.#focusHeading();
  }

  #focusHeading() {
    if (this.#isFocusDue) this.querySelector("h1")?.focus({ preventScroll: true });
    this.#isFocusDue = false;
  }

  /** A touch right after something has moved was meant for what was there. */
  #onResize(entries) {
    for (const { target, contentRect } of entries) {
      const before = this.#heights.get(target);
      this.#heights.set(target, contentRect.height);
      if (before != null && Math.abs(before - contentRect.height) >= 1) ignoreTouches();
    }
  }

  /** @param {"update" | "tick" | "beat" | "edited"} what */
  #each(what) {
    const device = house.process(this.#id);
    if (device) for (const part of this.#parts) part[what]?.(device);
  }

  #closeParts() {
    for (const part of this.#parts) part.close?.();
    this.#parts = [];
    this.#loaded.disconnect();
    this.#heights.clear();
  }

  #close() {
    this.#closeParts();
    this.replaceChildren();
    this.#id = "";
  }

  /** Escape leads back, unless it has a meaning where the focus is. */
  #key(event) {
    const isTaken = event.defaultPrevented || event.target.closest?.("textarea, input, select, dialog, house-graphs");
    if (event.key === "Escape" && this.#id && !isTaken) location.hash = `#${this.#back}`;
  }
}
