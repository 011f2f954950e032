// @ts-check
/** The trial of a changed text: its plan, its stories and the last day. Nothing happens to the house. */

import { planPart, replayPart, storiesPart, troublePart } from "./plan.js";
import { make } from "../dom.js";
import { t } from "../text.js";

const REPLAYED = "1d";

/** @typedef {(what: string, body: object, signal: AbortSignal) => Promise<any>} Ask asks the mirror about a text */

export class Trial {
  #ask;
  #onChange;
  #trial = new AbortController();
  /** The text that was tried, if it may be applied. */
  #tried = /** @type {string | null} */ (null);
  #hasBrokenStory = false;
  #parts = make("div", { class: "trial", hidden: "" });
  #untested = /** @type {HTMLInputElement} */ (make("input", { type: "checkbox", class: "check", id: "untested" }));
  #choice = make("p", { class: "entry", "data-takes": "switch", hidden: "" }, this.#untested, make("label", { for: "untested" }, t("device_edit.untested")));

  /**
   * @param {Ask} ask
   * @param {() => void} onChange called when a person decides to apply all the same
   */
  constructor(ask, onChange) {
    this.#ask = ask;
    this.#onChange = onChange;
    this.element = make("div", { class: "trial-part" }, this.#parts, this.#choice);
    this.#untested.addEventListener("change", () => this.#onChange());
  }

  /** Whether a text was tried, and so may be applied or refused by its stories. */
  hasTried(text) {
    return this.#tried === text;
  }

  /** Whether the text is applied although not all stories hold. */
  get isUntested() {
    return this.#hasBrokenStory;
  }

  /** Whether a person still has to agree. */
  get isOpen() {
    return this.#hasBrokenStory && !this.#untested.checked;
  }

  /** Try a text; return whether it can be applied. The last day is played meanwhile. */
  async run(text) {
    this.drop();
    this.#trial = new AbortController();
    const { signal } = this.#trial;
    this.#parts.hidden = false;
    const plan = await this.#find("plan", planPart, t("device_plan.title"), { text }, signal);
    const stories = plan && (await this.#find("stories", storiesPart, t("device_plan.stories"), { text }, signal));
    if (!plan || signal.aborted) return false;
    this.#tried = text;
    this.#untested.checked = false;
    this.#hasBrokenStory = !stories?.ok;
    this.#choice.hidden = !this.#hasBrokenStory;
    this.#find("replay", replayPart, t("device_plan.replay"), { text, since: REPLAYED }, signal);
    return true;
  }

  /** Forget the trial: the text has changed since. */
  drop() {
    this.#trial.abort();
    this.#tried = null;
    this.#hasBrokenStory = false;
    this.#parts.replaceChildren();
    this.#parts.hidden = this.#choice.hidden = true;
  }

  /** Ask one question, and show its answer. */
  async #find(what, show, title, body, signal) {
    const waiting = make("div", { class: "outcome-part" }, make("h3", {}, title), make("p", { class: "hint" }, t("device_edit.waiting")));
    this.#parts.append(waiting);
    try {
      const found = await this.#ask(what, body, signal);
      waiting.replaceWith(show(found));
      return found;
    } catch (error) {
      if (!signal.aborted) waiting.replaceWith(troublePart(title, error));
      return null;
    }
  }
}
