// @ts-check
/** The history as a table, latest first, for people who cannot or do not want to use the drawing. */

import { make, setText } from "../dom.js";
import { house } from "../house.js";
import { wordOf } from "./record.js";
import { t } from "../text.js";
import { because, faultText, span } from "../words.js";

const LISTED = 500;
const HEADS = ["device", "state", "from", "to", "duration", "cause"];

export class HistoryList {
  #body = make("tbody");
  #more = make("p", { class: "more" });
  element;

  constructor() {
    const heads = HEADS.map((word) => make("th", { scope: "col" }, t(`history.head_${word}`)));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), this.#body);
    const scroll = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("history.list") }, table);
    this.element = /** @type {HTMLDetailsElement} */ (make("details", { class: "list" }, make("summary", {}, t("history.as_list")), scroll, this.#more));
  }

  /**
   * @param {import("./record.js").Record} record
   * @param {{from: number, to: number}} window
   * @param {string[]} ids
   */
  show({ rows, causes }, { from, to }, ids) {
    if (!this.element.open) return;
    const items = ids
      .flatMap((id) => rows.get(id)?.items ?? [])
      .filter((item) => item.from <= to && (item.to ?? house.now) >= from)
      .sort((a, b) => b.from - a.from);
    this.#body.replaceChildren(...items.slice(0, LISTED).map((item) => line(item, causes)));
    const isCut = items.length > LISTED;
    setText(this.#more, t(isCut ? "history.entries_listed" : "history.entries", { count: items.length, listed: LISTED }));
  }
}

function line(item, causes) {
  const { calendar, now } = house;
  const name = house.devices.get(item.device)?.name ?? item.device;
  const cells = [
    [wordOf(item), faultText(item.fault)].filter(Boolean).join(", "),
    calendar.moment(item.from, now),
    item.to == null ? t("history.now") : calendar.moment(item.to, now),
    span((item.to ?? now) - item.from),
    (item.sort === "stretch" ? because(item.cause, item.device, causes) : item.cause) ?? "",
  ];
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((text) => make("td", {}, text)));
}
