// @ts-check
/** The history view: it keeps the visible span of time, and loads the history for it. */

import { make, setText, setTextOrHide, set } from "./dom.js";
import { followKey } from "./gestures.js";
import { house } from "./house.js";
import { Record } from "./record.js";
import { Timeline } from "./timeline.js";
import { because, span } from "./words.js";

const SPANS = { Hour: 3600, Day: 86400, Week: 7 * 86400 };
const SHORTEST_SECONDS = 10;
const LONGEST_SECONDS = 60 * 86400;
/** The space to the right of now, as a part of the visible span. */
const MARGIN = 0.03;
const SETTLE_SECONDS = 0.2;
const REFRESH_SECONDS = 60;
const RETRY_SECONDS = 5;
const LISTED = 500;

export class History extends HTMLElement {
  #length = SPANS.Hour;
  #to = 0;
  /** Whether the view moves with the present. */
  #follows = true;
  /** @type {Record | null} */
  #record = null;
  /** When to load again. */
  #due = 0;
  #request = new AbortController();

  #pan = (part) => {
    this.#to += part * this.#length;
    this.#moved();
  };

  #zoom = (factor, centre) => {
    const length = Math.min(Math.max(this.#length * factor, SHORTEST_SECONDS), LONGEST_SECONDS);
    // Without a pointer, the present stays at its place while it is visible.
    const around = centre ?? (this.#follows ? 1 - MARGIN : 0.5);
    const fixed = this.#from + around * this.#length;
    this.#to = fixed + (1 - around) * length;
    this.#length = length;
    this.#moved();
  };

  #timeline = new Timeline(this.#pan, this.#zoom);
  #range = make("p", { class: "range" });
  #trouble = make("p", { class: "trouble", hidden: "" });
  #spans = Object.keys(SPANS).map((name) => button(name, name, () => this.#showLast(SPANS[name])));
  #list = make("tbody");
  #more = make("p", { class: "more" });
  #details = make("details", { class: "list" }, make("summary", {}, "Show as a list"), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "History as a list" }, table(this.#list)), this.#more);

  connectedCallback() {
    const key = (name) => () => followKey(name, this.#pan, this.#zoom);
    const moves = [
      button("←", "Earlier", key("ArrowLeft")),
      button("−", "Zoom out", key("-")),
      button("+", "Zoom in", key("+")),
      button("→", "Later", key("ArrowRight")),
      button("Now", "Now", () => this.#showLast(this.#length)),
    ];
    const group = (...buttons) => make("div", { class: "group" }, ...buttons);
    this.append(make("div", { class: "tools" }, group(...this.#spans), group(...moves)), this.#range, this.#trouble, this.#timeline.element, this.#details);
    this.#details.addEventListener("toggle", () => this.#updateList());
    house.addEventListener("change", ({ detail }) => this.#record?.addStatus(house.process(detail.id), house.now));
    house.addEventListener("tick", () => this.#tick());
    new ResizeObserver(() => this.#show()).observe(this);
  }

  get #from() {
    return this.#to - this.#length;
  }

  /** Show the last hour, day or week. */
  #showLast(length) {
    this.#length = length;
    this.#follows = true;
    this.#show();
  }

  #moved() {
    const last = house.now + MARGIN * this.#length;
    this.#follows = this.#to >= house.now;
    this.#to = Math.min(this.#to, last);
    this.#show();
  }

  #tick() {
    if (!this.checkVisibility() || house.heardAt == null) return;
    if (house.isLive && performance.now() > this.#due) this.#load();
    // Without the mirror the view stands still.
    if (this.#follows && house.isLive) this.#show();
  }

  #show() {
    if (!this.checkVisibility() || house.heardAt == null) return;
    if (this.#follows) this.#to = house.now + MARGIN * this.#length;
    const { calendar, now } = house;
    const until = this.#follows ? "now" : calendar.moment(this.#to, now);
    setText(this.#range, `${calendar.day(this.#from)}, ${calendar.time(this.#from)} – ${until} · ${span(this.#length)}`);
    this.#spans.forEach((each, i) => set(each, "aria-pressed", this.#follows && Object.values(SPANS)[i] === this.#length));
    if (this.#record) this.#timeline.show(this.#record, this.#from, this.#to);
    if (this.#record && !this.#isCovered(this.#record)) this.#soon(SETTLE_SECONDS);
  }

  #isCovered({ since, until, resolution, isCurrent }) {
    const fine = (4 * this.#length) / Math.max(this.#timeline.width, 1);
    return since <= this.#from && (isCurrent || until >= this.#to) && resolution <= Math.max(fine, 0.1);
  }

  #soon(seconds) {
    this.#due = Math.min(this.#due, performance.now() + seconds * 1000);
  }

  /** Load the visible span, and half as much on both sides. */
  async #load() {
    this.#due = performance.now() + REFRESH_SECONDS * 1000;
    const since = this.#from - this.#length / 2;
    const until = this.#to + this.#length / 2;
    const isCurrent = until >= house.now;
    const points = Math.min(Math.max(this.#timeline.width * 2, 300), 2000);
    const query = new URLSearchParams({ since: since.toFixed(3), points: points.toFixed(0) });
    if (!isCurrent) query.set("until", until.toFixed(3));

    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    try {
      const answer = await fetch(`/api/history?${query}`, { signal });
      if (answer.status === 401) return location.assign("/login");
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.reason ?? answer.statusText);
      this.#record = new Record(found, isCurrent);
      setTextOrHide(this.#trouble, null);
      this.#show();
      this.#updateList();
    } catch (error) {
      if (signal.aborted) return;
      this.#due = performance.now() + RETRY_SECONDS * 1000;
      const reason = error instanceof TypeError ? "the mirror does not answer" : /** @type {Error} */ (error).message;
      setTextOrHide(this.#trouble, `The history cannot be read: ${reason.replace(/\.$/, "")}.`);
    }
  }

  /** Show the same as a table, latest first, for people who cannot or do not want to use the drawing. */
  #updateList() {
    if (!this.#details.open || !this.#record) return;
    const { causes } = this.#record;
    const items = [...this.#record.rows.values()]
      .flatMap((row) => row.items)
      .filter(({ from, to }) => from <= this.#to && (to ?? house.now) >= this.#from)
      .sort((a, b) => b.from - a.from);
    this.#list.replaceChildren(...items.slice(0, LISTED).map((item) => line(item, causes)));
    const shown = `The span above, latest first: ${items.length} entries`;
    setText(this.#more, items.length > LISTED ? `${shown}, of which the latest ${LISTED} are listed.` : `${shown}.`);
  }
}

function line(item, causes) {
  const { calendar, now } = house;
  const name = house.devices.get(item.device)?.name ?? item.device;
  const cells = [
    item.sort === "outage" ? `process ${item.phase}` : [item.phase, item.fault].filter(Boolean).join(", "),
    calendar.moment(item.from, now),
    item.to == null ? "now" : calendar.moment(item.to, now),
    span((item.to ?? now) - item.from),
    (item.sort === "outage" ? item.cause : because(item.cause, item.device, causes)) ?? "",
  ];
  return make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((text) => make("td", {}, text)));
}

function table(body) {
  const heads = ["Device", "State", "From", "To", "Duration", "Cause"].map((text) => make("th", { scope: "col" }, text));
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
}

function button(text, name, press) {
  const element = make("button", { type: "button", "aria-label": name, title: name }, text);
  element.addEventListener("click", press);
  return element;
}
