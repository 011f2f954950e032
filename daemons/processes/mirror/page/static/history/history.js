// @ts-check
/** The history view: its tools, its filters, the timeline, and the same as a list. */

import { make, set, setText, setTextOrHide } from "../dom.js";
import { Filters } from "./filters.js";
import { followKey } from "./gestures.js";
import { house } from "../house.js";
import { HistoryList } from "./list.js";
import { legend } from "./legend.js";
import { rangeText } from "./range.js";
import { historyQuery, Source } from "./source.js";
import { t } from "../text.js";
import { Timeline } from "./timeline.js";
import { SPANS, Viewport } from "./viewport.js";

/** While time passes, the timeline is drawn again when it would move by so many pixels. */
const LEAST_PIXELS = 6;
const TABLE_POINTS = 2000;

export class History extends HTMLElement {
  #viewport = new Viewport(SPANS.hour, () => this.#onMove());
  #source = new Source(() => this.#onLoad());
  #timeline = new Timeline(this.#viewport.pan, this.#viewport.zoom);
  #filters = new Filters(() => this.#onMove());
  #list = new HistoryList();
  #range = make("p", { class: "range" });
  #state = make("p", { class: "loads", role: "status" });
  #trouble = make("p", { class: "trouble", hidden: "" });
  #spans = Object.entries(SPANS).map(([word, length]) => button(t(`history.${word}`), t(`history.${word}`), () => this.#viewport.showLast(length)));
  /** The right edge when the timeline was drawn last. */
  #drawnTo = 0;
  #isDirty = false;

  connectedCallback() {
    const { pan, zoom } = this.#viewport;
    const key = (name) => () => followKey(name, pan, zoom);
    const moves = [
      button("←", t("history.earlier"), () => pan(-1)),
      button("−", t("history.zoom_out"), key("-")),
      button("+", t("history.zoom_in"), key("+")),
      button("→", t("history.later"), () => pan(1)),
      button(t("history.to_now"), t("history.to_now"), () => this.#viewport.showLast(this.#viewport.length)),
    ];
    const group = (...buttons) => make("div", { class: "group" }, ...buttons);
    const table = button(t("history.download"), t("history.download"), () => this.#download());
    const tools = make("div", { class: "tools" }, group(...this.#spans), group(...moves), this.#filters.element, group(table));
    this.append(tools, make("div", { class: "above" }, this.#range, this.#state), this.#trouble, this.#timeline.element, legend(), this.#list.element);
    this.#list.element.addEventListener("toggle", () => this.#updateList());
    house.addEventListener("change", ({ detail }) => {
      if (this.#source.record?.addStatus(house.process(detail.id), house.now)) this.#isDirty = true;
    });
    house.addEventListener("house", () => this.#filters.update());
    house.addEventListener("tick", () => this.#tick());
    new ResizeObserver(() => this.#show()).observe(this);
    this.#filters.update();
  }

  get #isVisible() {
    return house.heardAt != null && document.documentElement.dataset.shown === "history";
  }

  get #wish() {
    const { from, to } = this.#viewport;
    return { from, to, width: this.#timeline.width, devices: this.#filters.devices };
  }

  #onMove() {
    this.#source.settle();
    this.#show();
  }

  #onLoad() {
    this.#filters.measured(this.#source.record);
    this.#show();
    this.#updateList();
  }

  #tick() {
    if (!this.#isVisible) return;
    this.#viewport.follow();
    this.#source.tick(this.#wish);
    const moved = (Math.abs(this.#viewport.to - this.#drawnTo) / this.#viewport.length) * this.#timeline.width;
    // Without the mirror the view stands still.
    if (house.isLive && (this.#isDirty || moved >= LEAST_PIXELS)) this.#show();
  }

  #show() {
    if (!this.#isVisible) return;
    this.#viewport.follow();
    const { to, length, follows } = this.#viewport;
    const { record, isLoading, problem } = this.#source;
    this.#isDirty = false;
    this.#drawnTo = to;
    setText(this.#range, rangeText(this.#viewport, record));
    this.#spans.forEach((each, i) => set(each, "aria-pressed", follows && Object.values(SPANS)[i] === length));
    setTextOrHide(this.#trouble, problem);
    const isCovered = this.#source.covers(this.#wish);
    setText(this.#state, isLoading && !isCovered ? t("history.loading") : "");
    this.#timeline.element.classList.toggle("waits", !record);
    this.#timeline.element.classList.toggle("single", this.#filters.isSingle);
    if (record) this.#timeline.show(record, this.#viewport, this.#filters.shown, this.#filters.values);
  }

  #updateList() {
    const { record } = this.#source;
    const { from, to } = this.#viewport;
    if (record && house.heardAt != null) this.#list.show(record, { from, to }, this.#filters.shown);
  }

  /** Download what is shown as a table. */
  #download() {
    const { from, to, follows } = this.#viewport;
    const query = historyQuery({ since: Math.max(0, from), until: follows ? null : to, points: TABLE_POINTS, devices: this.#filters.devices });
    const link = make("a", { href: `/api/history.csv?${query}`, download: "" });
    link.click();
  }
}

/** Return a button with a text and a name. */
export function button(text, name, press) {
  const element = make("button", { type: "button", "aria-label": name, title: name }, text);
  element.addEventListener("click", press);
  return element;
}
