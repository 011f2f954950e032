// @ts-check
/** The table of all processes of the house. */

import { arrange, make, setText, set } from "./dom.js";
import { house } from "./house.js";
import { Mark } from "./mark.js";
import { absence, bytes, look, progress, span } from "./words.js";

const NONE = "–";

/** @type {Record<string, (process: import("./house.js").Process) => string>} */
const COLUMNS = {
  PID: ({ pid }) => (pid == null ? NONE : String(pid)),
  Uptime: ({ pid, started_at }) => (pid == null || started_at == null ? NONE : span(house.now - started_at)),
  Restarts: ({ restarts }) => (restarts == null ? NONE : String(restarts)),
  Memory: ({ pid, memory }) => (pid == null || memory == null ? NONE : bytes(memory)),
  "Last message": ({ heard }) => (heard == null ? "never" : `${span(house.now - heard)} ago`),
};

// The roles are explicit: a narrow page lays the table out as a list, which removes the implicit roles.
export class Processes extends HTMLElement {
  #sum = make("p", { class: "sum" });
  #body = make("tbody", { role: "rowgroup" });
  /** @type {Map<string, Row>} */
  #rows = new Map();

  connectedCallback() {
    const heads = ["Process", "Presence", ...Object.keys(COLUMNS)];
    const head = make("tr", { role: "row" }, ...heads.map((text) => make("th", { role: "columnheader", scope: "col" }, text)));
    const table = make("table", { role: "table", "aria-label": "Processes" }, make("thead", { role: "rowgroup" }, head), this.#body);
    this.append(this.#sum, table);
    for (const event of ["house", "change", "beat", "link"]) house.addEventListener(event, () => this.#update());
    house.addEventListener("tick", () => house.isLive || this.#update());
    // An invisible table is not updated; it is as soon as it becomes visible.
    new ResizeObserver(() => this.#update()).observe(this);
  }

  #update() {
    if (!this.checkVisibility()) return;
    const all = [...house.devices.values(), ...house.services.values()];
    arrange(this.#body, all.map(({ id }) => id), (id) => {
      const row = new Row(id);
      this.#rows.set(id, row);
      return row.element;
    });
    for (const { id } of all) this.#rows.get(id)?.update();
    const memory = all.reduce((sum, { pid, memory }) => sum + (pid == null ? 0 : (memory ?? 0)), 0);
    setText(this.#sum, !all.length ? "" : `${all.length} processes${memory ? `, ${bytes(memory)} together` : ""}`);
  }
}

class Row {
  #id;
  #mark = new Mark();
  #name = make("span", { class: "name" });
  #presence = make("td", { role: "cell", class: "presence" });
  #cells = Object.keys(COLUMNS).map((name) => make("td", { role: "cell", "data-name": name }));

  constructor(id) {
    this.#id = id;
    const head = make("th", { role: "rowheader", scope: "row" }, this.#mark.element, this.#name);
    this.element = make("tr", { role: "row" }, head, this.#presence, ...this.#cells);
  }

  update() {
    const process = house.process(this.#id);
    if (!process) return;
    const appearance = look(process);
    this.#mark.show(appearance, appearance === "working" ? progress(process) : null);
    set(this.element, "data-presence", house.presence(process));
    setText(this.#name, process.elsewhere ? `${process.name} · ${process.host === house.host ? "a program" : `on ${process.host}`}` : process.name);
    setText(this.#presence, absence(process) ?? "live");
    Object.values(COLUMNS).forEach((text, i) => setText(this.#cells[i], text(process)));
  }
}
