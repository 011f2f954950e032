// @ts-check
/** The rules of a device in words, with when each acted last and when it acts next. */

import { Refresh } from "./refresh.js";
import { path, request, RequestError } from "./request.js";
import { ruleText } from "./rule_text.js";
import { declinedText } from "./why.js";
import { ago, nameOf } from "./words.js";
import { make, setHidden, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";

/** What was last and next is read again after so long, also without a change. */
const OLD_MILLISECONDS = 60_000;

export class Rules {
  #id;
  #list = make("ol", { class: "rules" });
  /** The rules that groups and scenes made. */
  #madeList = make("ol", { class: "rules" });
  #count = make("summary");
  #made = make("details", { hidden: "" }, this.#count, this.#madeList);
  #message = make("p", { class: "hint", hidden: "" });
  #refresh = new Refresh((signal) => this.#load(signal));
  #seen = "";
  #readAt = -Infinity;
  #mayEdit = false;
  #onEdit;

  /**
   * @param {import("../house.js").Process} device
   * @param {(number: number) => void} onEdit called when a person wants to change a rule
   */
  constructor(device, onEdit) {
    this.#id = device.id;
    this.#onEdit = onEdit;
    this.element = make("section", { class: "part rules-part", hidden: "", "aria-label": t("device_rules.title") }, make("h2", {}, t("device_rules.title")), this.#list, this.#made, this.#message);
  }

  update({ since, cause }) {
    const change = JSON.stringify([since, cause]);
    if (change === this.#seen) return;
    this.#seen = change;
    this.#refresh.soon();
  }

  beat() {
    if (performance.now() - this.#readAt > OLD_MILLISECONDS && this.element.checkVisibility()) this.#again();
  }

  /** @param {import("./account.js").Rights} rights */
  allow({ edit }) {
    this.#mayEdit = edit;
    this.#again();
  }

  /** The configuration was edited. */
  edited() {
    this.#refresh.now();
  }

  hear(other) {
    this.#refresh.hear(other);
  }

  close() {
    this.#refresh.close();
  }

  #again() {
    this.#readAt = performance.now();
    this.#refresh.soon();
  }

  async #load(signal) {
    if (!house.devices.has(this.#id)) return;
    try {
      const { rules, hidden = 0 } = await request(path("rules", this.#id), { signal });
      setHidden(this.element, !rules.length && !hidden);
      const own = rules.filter(({ made_by: maker }) => !maker);
      const made = rules.filter(({ made_by: maker }) => maker);
      this.#list.replaceChildren(...own.map((rule) => item(rule, this.#mayEdit ? [this.#button(rule)] : [])));
      setHidden(this.#made, !made.length);
      setText(this.#count, t("device_rules.made", { count: made.length }));
      this.#madeList.replaceChildren(...made.map((rule) => item(rule)));
      setTextOrHide(this.#message, hidden ? t("device_rules.hidden", { count: hidden }) : null);
    } catch (error) {
      if (signal.aborted) return;
      setHidden(this.element, error instanceof RequestError && error.status === 404);
      setTextOrHide(this.#message, /** @type {Error} */ (error).message);
    }
  }

  /** Make the button that leads to the text and the form of the rules. */
  #button({ number }) {
    const text = t("device_edit.title");
    const button = make("button", { type: "button", class: "link", "aria-label": t("device_rules.change", { number }) }, text);
    button.addEventListener("click", () => this.#onEdit(number));
    return button;
  }
}

function item({ phrase, place, made_by: maker, is_known: isKnown, fired_at: fired, due_at: due, declined }, buttons = /** @type {HTMLElement[]} */ ([])) {
  const where = [place, maker && t("device_rules.made_by", { name: nameOf(maker) })].filter(Boolean).join(" · ");
  const facts = isKnown
    ? [
        ["last", fired == null ? t("device_rules.never") : ago(fired)],
        ["next", due == null ? null : ago(due)],
        // Only what came after its last action is news.
        ["declined", declined && (fired == null || declined.at > fired) ? `${declinedText(declined)} ${ago(declined.at)}` : null],
      ]
    : [["last", t("device_rules.elsewhere")]];
  const list = facts.filter(([, fact]) => fact).map(([name, fact]) => make("div", { class: name }, make("dt", {}, t(`device_rules.${name}`)), make("dd", {}, fact)));
  return make("li", {}, make("p", { class: "rule" }, make("q", {}, ruleText(phrase)), " ", make("span", { class: "where" }, where)), make("dl", {}, ...list), ...buttons);
}
