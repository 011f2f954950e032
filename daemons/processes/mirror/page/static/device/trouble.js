// @ts-check
/** What keeps a device from working: it was stopped by hand, or it failed. A button mends it. */

import { Action } from "./action.js";
import { sentence } from "./request.js";
import { english, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";
import { absence, failure } from "../words.js";

const ACTIONS = /** @type {const} */ ({ stopped: "start", failed: "restart" });

export class Trouble {
  #text = make("p", { class: "what" });
  #lines = english(make("pre"));
  #outcome = make("p", { class: "receipt" });
  #buttons = make("div", { class: "buttons" });
  #action = "";
  #id;
  #mayManage = false;

  constructor(device) {
    this.#id = device.id;
    this.element = make("div", { class: "trouble-strip", hidden: "" }, this.#text, this.#lines, this.#buttons, this.#outcome);
  }

  /** @param {import("./account.js").Rights} rights */
  allow({ manage }) {
    this.#mayManage = manage;
    const device = house.process(this.#id);
    if (device) this.update(device);
  }

  update(device) {
    const presence = house.presence(device);
    setHidden(this.element, !(presence in ACTIONS));
    set(this.element, "data-presence", presence);
    if (this.element.hidden) return this.#offer("");
    this.tick(device);
    setTextOrHide(this.#lines, presence === "failed" ? device.last_lines?.join("\n") : null);
    this.#offer(this.#mayManage && !device.elsewhere ? ACTIONS[presence] : "");
  }

  /** @param {import("../house.js").Process} device */
  tick(device) {
    if (this.element.hidden) return;
    const gone = absence(device) ?? "";
    setText(this.#text, [gone, device.presence === "failed" && failure(device)].filter(Boolean).map(sentence).join(" "));
  }

  /** Offer an action; the same button stays, and keeps the focus. */
  #offer(action) {
    if (action === this.#action) return;
    this.#action = action;
    setText(this.#outcome, "");
    const label = action === "start" ? t("device_process.start_it") : t("device_process.try_now");
    this.#buttons.replaceChildren(...(action ? [new Action(this.#id, action, this.#outcome, label).element] : []));
  }
}
