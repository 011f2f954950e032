// @ts-check
/** A block with a graph of each measurement of one device: `<house-graphs device="living_room_sensor">`. */

import { TimeAxis } from "./axis.js";
import { make, set, setText, setTextOrHide } from "../dom.js";
import { followGestures, followKey, followPointer } from "./gestures.js";
import { house } from "../house.js";
import { rangeText } from "./range.js";
import { Row } from "./row.js";
import { Source } from "./source.js";
import { t } from "../text.js";
import { Tip } from "./tip.js";
import { SPANS, Viewport } from "./viewport.js";

/** While time passes, the graphs are drawn again when they would move by so many pixels. */
const LEAST_PIXELS = 6;

export class Graphs extends HTMLElement {
  static observedAttributes = ["device"];

  #viewport = new Viewport(SPANS.day, () => this.#onMove());
  #source = new Source(() => this.#show());
  #axis = new TimeAxis();
  #tip = new Tip();
  #rows = make("div", { class: "rows" });
  #range = make("p", { class: "range" });
  #state = make("p", { class: "loads", role: "status" });
  #trouble = make("p", { class: "trouble", hidden: "" });
  #spans = Object.entries(SPANS).map(([word, length]) => press(t(`history.${word}`), t(`history.${word}`), () => this.#viewport.showLast(length)));
  #row = /** @type {Row | null} */ (null);
  #window = { from: 0, to: 1, now: 0, width: 0, rem: 16 };
  #at = /** @type {number | null} */ (null);
  #drawnTo = 0;
  #isDirty = false;
  #isBuilt = false;
  #end = new AbortController();

  connectedCallback() {
    if (!this.#isBuilt) this.#build();
    this.#viewport.length = Number(this.getAttribute("span")) || this.#viewport.length;
    this.#end = new AbortController();
    const { signal } = this.#end;
    house.addEventListener("tick", () => this.#tick(), { signal });
    house.addEventListener("change", ({ detail }) => this.#onChange(detail.id), { signal });
    this.#show();
  }

  disconnectedCallback() {
    this.#end.abort();
    this.#source.stop();
  }

  attributeChangedCallback() {
    this.#row = null;
    this.#rows.replaceChildren();
    if (this.isConnected) this.#show();
  }

  get #device() {
    return this.getAttribute("device") ?? "";
  }

  get #wish() {
    const { from, to } = this.#viewport;
    return { from, to, width: this.#axis.marks.clientWidth, devices: [this.#device] };
  }

  #build() {
    this.#isBuilt = true;
    const { pan, zoom } = this.#viewport;
    const key = (name) => () => followKey(name, pan, zoom);
    const moves = [
      press("←", t("history.earlier"), () => pan(-1)),
      press("−", t("history.zoom_out"), key("-")),
      press("+", t("history.zoom_in"), key("+")),
      press("→", t("history.later"), () => pan(1)),
      press(t("history.to_now"), t("history.to_now"), () => this.#viewport.showLast(this.#viewport.length)),
    ];
    const group = (...buttons) => make("div", { class: "group" }, ...buttons);
    const under = make("div", { class: "under" }, this.#axis.grid);
    const frame = make("div", { class: "frame", tabindex: "0", role: "group", "aria-label": t("history.help_graphs") }, under, this.#rows);
    const timeline = make("div", { class: "timeline single" }, make("div", { class: "axis" }, this.#axis.marks), frame, this.#tip.element);
    this.append(make("div", { class: "tools" }, group(...this.#spans), group(...moves)), make("div", { class: "above" }, this.#range, this.#state), this.#trouble, timeline);
    followGestures(frame, this.#axis.marks, pan, zoom);
    followPointer(frame, this.#axis.marks, (part) => this.#point(part));
    frame.addEventListener("keydown", (event) => followKey(event.key, pan, zoom) && event.preventDefault());
    new ResizeObserver(() => this.#show()).observe(this);
  }

  #onMove() {
    this.#source.settle();
    this.#show();
  }

  #onChange(id) {
    if (id === this.#device && this.#source.record?.addStatus(house.process(id), house.now)) this.#isDirty = true;
  }

  #tick() {
    if (house.heardAt == null || document.documentElement.dataset.shown !== "device" || !this.checkVisibility()) return;
    this.#viewport.follow();
    this.#source.tick(this.#wish);
    const moved = (Math.abs(this.#viewport.to - this.#drawnTo) / this.#viewport.length) * this.#axis.marks.clientWidth;
    if (house.isLive && (this.#isDirty || moved >= LEAST_PIXELS)) this.#show();
  }

  #show() {
    if (house.heardAt == null || !this.isConnected || !this.checkVisibility()) return;
    this.#viewport.follow();
    const { from, to, length, follows } = this.#viewport;
    const { now } = house;
    const { record, isLoading, problem } = this.#source;
    this.#isDirty = false;
    this.#drawnTo = to;
    setText(this.#range, rangeText(this.#viewport, record));
    this.#spans.forEach((each, i) => set(each, "aria-pressed", follows && Object.values(SPANS)[i] === length));
    setTextOrHide(this.#trouble, problem);
    const isCovered = this.#source.covers(this.#wish);
    const isOfDevice = record?.rows.has(this.#device);
    setText(this.#state, isLoading && !isCovered ? t("history.loading") : "");
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.#window = { from, to, now, width: this.#axis.marks.clientWidth, rem };
    this.#axis.show(this.#window);
    if (!record || !isOfDevice) return;
    if (!this.#row) {
      this.#row = new Row(this.#device, this.#tip);
      this.#rows.replaceChildren(this.#row.element);
    }
    this.#row.show(record, this.#window, null);
    if (this.#at != null) this.#axis.point(this.#at, this.#window);
  }

  #point(part) {
    this.#at = part == null ? null : this.#window.from + part * (this.#window.to - this.#window.from);
    this.#axis.point(this.#at, this.#window);
    this.#row?.point(this.#at, this.#window);
  }
}

function press(text, name, action) {
  const element = make("button", { type: "button", "aria-label": name, title: name }, text);
  element.addEventListener("click", action);
  return element;
}

if (!customElements.get("house-graphs")) customElements.define("house-graphs", Graphs);
