// @ts-check
/** The log of a process, live while it is unfolded. */

import { path, request, RequestError } from "./request.js";
import { english, make, set, setHidden, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";

const FIRST_LINES = 200;
const MOST_LINES = 1000;
const WAIT_SECONDS = 20;
const RETRY_MILLISECONDS = 2000;
const NEAR_PIXELS = 30;
const LEVELS = /\b(WARNING|ERROR|CRITICAL)\b/;

export class Log {
  #id;
  #lines = make("div", { class: "log-lines", role: "log", tabindex: "0", "aria-label": t("device_log.title") });
  #message = make("p", { class: "hint", hidden: "" });
  #request = new AbortController();

  constructor(device) {
    this.#id = device.id;
    const summary = make("summary", {}, make("h2", {}, t("device_log.title")));
    this.element = make("details", { class: "part log-part", hidden: "" }, summary, this.#lines, this.#message);
    this.element.addEventListener("toggle", () => (this.#isOpen ? this.#follow() : this.close()));
  }

  get #isOpen() {
    return /** @type {HTMLDetailsElement} */ (this.element).open;
  }

  /** @param {import("./account.js").Rights} rights */
  allow({ manage, sees_everything: isAll }) {
    setHidden(this.element, !manage || !isAll || Boolean(house.process(this.#id)?.elsewhere));
  }

  close() {
    this.#request.abort();
  }

  async #follow() {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    let cursor = "";
    while (!signal.aborted) {
      try {
        const query = cursor ? `after=${encodeURIComponent(cursor)}&wait=${WAIT_SECONDS}` : `lines=${FIRST_LINES}`;
        const answer = await request(`${path("logs", this.#id)}?${query}`, { signal });
        if (!cursor) this.#lines.replaceChildren();
        cursor = answer.cursor;
        this.#add(answer.lines, answer.skipped ?? 0);
        setTextOrHide(this.#message, this.#lines.childElementCount ? null : t("device_log.empty"));
      } catch (error) {
        if (signal.aborted) return;
        setTextOrHide(this.#message, /** @type {Error} */ (error).message);
        if (error instanceof RequestError && [403, 404, 409].includes(error.status)) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
      }
    }
  }

  /** Add lines. A person who has scrolled up keeps the place. */
  #add(lines, skipped) {
    if (!lines.length && !skipped) return;
    const box = this.#lines;
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PIXELS;
    if (skipped) box.append(make("p", { class: "hint" }, t("device_log.skipped", { count: skipped })));
    for (const line of lines) {
      const row = english(make("p", {}, line));
      set(row, "data-level", line.match(LEVELS)?.[1] ?? null);
      box.append(row);
    }
    while (box.childElementCount > MOST_LINES) box.firstElementChild?.remove();
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }
}
