// @ts-check
/** The table of all processes of the house. */

import { arrange, make, setText, set } from "../dom.js";
import { house } from "../house.js";
import { Mark } from "../mark.js";
import { t } from "../text.js";
import { absence, bytes, look, progress, span } from "../words.js";

const NONE = "–";
/** A heartbeat comes each second: a younger message is no news. */
const YOUNG_SECONDS = 3;
/** The table is updated every so many beats. */
const BEATS = 5;

/** By the key of its heading, the text of a cell. @type {Record<string, (process: import("../house.js").Process) => string>} */
const COLUMNS = {
  pid: ({ pid }) => (pid == null ? NONE : String(pid)),
  uptime: ({ pid, started_at }) => (pid == null || started_at == null ? NONE : span(house.now - started_at)),
  restarts: ({ restarts }) => (restarts == null ? NONE : String(restarts)),
  memory: ({ pid, memory }) => (pid == null || memory == null ? NONE : bytes(memory)),
  last_message: ({ heard }) => (heard == null ? t("time.never") : house.now - heard < YOUNG_SECONDS ? t("time.now") : t("time.ago", { span: span(house.now - heard) })),
};

// The roles are explicit: a narrow page lays the table out as a list, which removes the implicit roles.
export class Processes extends HTMLElement {
  #sum = make("p", { class: "sum" });
  #body = make("tbody", { role: "rowgroup" });
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #beats = 0;

  connectedCallback() {
    const heads = ["process", "presence", ...Object.keys(COLUMNS)].map((key) => t(`processes.${key}`));
    const head = make("tr", { role: "row" }, ...heads.map((text) => make("th", { role: "columnheader", scope: "col" }, text)));
    const table = make("table", { role: "table", "aria-label": t("page.processes") }, make("thead", { role: "rowgroup" }, head), this.#body);
    this.append(this.#sum, table);
    for (const event of ["house", "link"]) house.addEventListener(event, () => this.#update());
    house.addEventListener("change", ({ detail }) => document.documentElement.dataset.shown === "system" && this.#rows.get(detail.id)?.update());
    // The ages of all rows are laid out together, so not each second.
    house.addEventListener("beat", () => ++this.#beats % BEATS === 0 && this.#update());
    house.addEventListener("tick", () => house.isLive || this.#update());
    // An invisible table is not updated; it is as soon as it becomes visible.
    new ResizeObserver(() => this.#update()).observe(this);
  }

  #update() {
    if (document.documentElement.dataset.shown !== "system") return;
    const all = [...house.devices.values(), ...house.services.values()];
    arrange(this.#body, all.map(({ id }) => id), (id) => {
      const row = new Row(id);
      this.#rows.set(id, row);
      return row.element;
    });
    for (const { id } of all) this.#rows.get(id)?.update();
    const memory = all.reduce((sum, { pid, memory }) => sum + (pid == null ? 0 : (memory ?? 0)), 0);
    const sum = t("processes.sum", { count: all.length });
    setText(this.#sum, !all.length ? "" : memory ? t("processes.sum_memory", { sum, memory: bytes(memory) }) : sum);
  }
}

class Row {
  #id;
  #mark = new Mark();
  #name = make("a", { class: "name" });
  #presence = make("td", { role: "cell", class: "presence" });
  #cells = Object.keys(COLUMNS).map((name) => make("td", { role: "cell", "data-name": t(`processes.${name}`) }));

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
    set(this.#name, "href", `#device/${encodeURIComponent(process.id)}`);
    setText(this.#name, title(process));
    setText(this.#presence, absence(process) ?? t("presence.live"));
    Object.values(COLUMNS).forEach((text, i) => setText(this.#cells[i], text(process)));
  }
}

/** Return the name of a process, and where it runs if that is not the mirror's host. */
function title({ name, elsewhere, host }) {
  if (!elsewhere) return name;
  return host === house.host ? t("processes.a_program", { name }) : t("processes.on_host", { name, host });
}
