// @ts-check
/** The process of a device: its figures, and the buttons that restart, stop and start it. */

import { Action } from "./action.js";
import { ago } from "./words.js";
import { arrange, make, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";
import { absence, bytes, elapsed, span } from "../words.js";

/** @type {Record<string, (process: import("../house.js").Process) => string | null>} */
const FIGURES = {
  presence: (process) => absence(process) ?? t("device_process.live"),
  pid: ({ pid }) => (pid == null ? null : String(pid)),
  uptime: ({ pid, started_at: at }) => (pid == null || at == null ? null : span(house.now - at)),
  memory: ({ pid, memory }) => (pid == null || memory == null ? null : bytes(memory)),
  restarts: ({ restarts }) => (restarts == null ? null : house.calendar.number(restarts)),
  reason: ({ reason }) => reason,
  heard: ({ heard }) => (heard == null ? t("device_process.never") : t("device_process.before", { span: elapsed(house.now - heard) })),
  host: ({ host }) => host,
};

export class Process {
  #list = make("dl", { class: "figures" });
  #outcome = make("p", { class: "receipt" });
  #buttons = make("div", { class: "buttons" });
  #hint = make("p", { class: "hint", hidden: "" });
  #id;
  #mayManage = false;
  #shown = "";

  constructor(device) {
    this.#id = device.id;
    const summary = make("summary", {}, make("h2", {}, t("device_process.title")));
    this.element = make("details", { class: "part process" }, summary, this.#list, this.#buttons, this.#outcome, this.#hint);
    this.element.addEventListener("toggle", () => this.beat(house.process(this.#id) ?? device));
  }

  /** @param {import("./account.js").Rights} rights */
  allow({ manage }) {
    this.#mayManage = manage;
    const device = house.process(this.#id);
    if (!device) return;
    setTextOrHide(this.#hint, device.elsewhere ? t("device_process.elsewhere") : manage ? null : t("device_process.no_right"));
    this.update(device);
  }

  update(device) {
    const isStopped = device.presence === "stopped";
    const actions = !this.#mayManage || device.elsewhere ? "" : isStopped ? "start" : device.id === "steward" ? "restart" : "restart stop";
    if (actions !== this.#shown) {
      this.#shown = actions;
      const names = /** @type {("restart" | "stop" | "start")[]} */ (actions.split(" ").filter(Boolean));
      const allowed = names.filter((name) => name !== "stop" || device.id !== house.mirror);
      const hadFocus = this.#buttons.contains(document.activeElement);
      this.#buttons.replaceChildren(...allowed.map((name) => new Action(device.id, name, this.#outcome).element));
      if (hadFocus) /** @type {HTMLElement | null} */ (this.#buttons.firstElementChild)?.focus();
    }
    this.beat(device);
  }

  beat(device) {
    if (!(/** @type {HTMLDetailsElement} */ (this.element).open)) return;
    const texts = Object.entries(FIGURES).map(([name, text]) => /** @type {const} */ ([name, text(device)]));
    const known = texts.filter(([, text]) => text);
    arrange(this.#list, known.map(([name]) => name), (name) => make("div", {}, make("dt", {}, t(`device_process.${name}`)), make("dd")));
    known.forEach(([, text], i) => setText(this.#list.children[i].lastElementChild, text));
  }
}
