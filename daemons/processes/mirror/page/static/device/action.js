// @ts-check
/** A button that restarts, stops or starts a process, with its question and its outcome. */

import { confirm } from "./confirm.js";
import { follow } from "./job.js";
import { path, request, sentence } from "./request.js";
import { announce, make, setText, set } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";

export class Action {
  #id;
  #what;
  #outcome;
  #isBusy = false;

  /**
   * @param {string} id the process
   * @param {"restart" | "stop" | "start"} what
   * @param {HTMLElement} outcome the element that shows how it went
   * @param {string} [label]
   */
  constructor(id, what, outcome, label = t(`device_process.${what}`)) {
    this.#id = id;
    this.#what = what;
    this.#outcome = outcome;
    this.element = make("button", { type: "button", class: what === "start" ? "control strong" : "control", "data-action": what }, label);
    this.element.addEventListener("click", () => this.#press());
  }

  async #press() {
    if (this.#isBusy || !(await this.#isMeant())) return;
    this.#isBusy = true;
    set(this.element, "aria-busy", "true");
    this.#show(t(`device_process.${this.#what}_runs`), "");
    try {
      const job = await follow(await request(path("processes", this.#id, this.#what), { method: "POST" }));
      const isDone = job.state === "done";
      this.#show(isDone ? t(`device_process.${this.#what}_done`) : sentence(job.reason ?? t("device_process.failed")), isDone ? "applied" : "rejected");
    } catch (error) {
      this.#show(/** @type {Error} */ (error).message, "rejected");
    }
    this.#isBusy = false;
    set(this.element, "aria-busy", null);
  }

  /** Ask before what hurts: a stop, and the restart of the mirror that serves this page. */
  #isMeant() {
    const name = house.process(this.#id)?.name ?? this.#id;
    if (this.#what === "stop") {
      return confirm(t("device_process.stop_title", { name }), t("device_process.stop_text", { name }), t("device_process.stop"));
    }
    if (this.#what === "restart" && this.#id === house.mirror) {
      return confirm(t("device_process.mirror_title"), t("device_process.mirror_text"), t("device_process.restart"));
    }
    return true;
  }

  #show(text, outcome) {
    setText(this.#outcome, text);
    set(this.#outcome, "data-outcome", outcome || null);
    announce(text);
  }
}
