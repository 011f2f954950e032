// @ts-check
/** The strip of the alarms: full width, on every view, until a person has acknowledged them. */

import { AlarmSound } from "./alarm_sound.js";
import { announce, arrange, draw, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { changeAbove } from "../moved.js";
import { noticeText } from "./notice.js";
import { hasText, t } from "../text.js";
import { receipt } from "../words.js";

/** A strip that is higher than this part of the window scrolls with the page. */
const HIGHEST_SHARE = 0.45;
const TELL_SECONDS = 4;

export class Attention extends HTMLElement {
  #sound = new AlarmSound();
  /** The keys of the alarms whose sound was silenced here, while the mirror did not answer. */
  #silenced = new Set();
  #alarms = make("ul", { class: "alarms" });
  #hint = make("p", { class: "hint", hidden: "" });
  #known = make("ul", { class: "known", hidden: "" });
  #switch = make("button", { type: "button", class: "sound" }, bell());
  /** What the switch has just changed, in words. */
  #told = make("span", { class: "told", "aria-hidden": "true", hidden: "" });
  #tellTimer = 0;
  /** Whether the house is not known yet: then nothing moves under a finger. */
  #isFirst = true;

  connectedCallback() {
    this.append(make("div", { role: "alert" }, this.#alarms), this.#hint, this.#known);
    this.#switch.addEventListener("click", () => {
      this.#sound.toggle();
      this.#show();
      this.#tell();
    });
    document.querySelector("nav")?.append(this.#switch);
    this.#switch.append(this.#told);
    for (const event of ["house", "attention", "link"]) house.addEventListener(event, () => this.#showAbove());
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => setTimeout(() => this.#showHint(), 300), { passive: true });
    new ResizeObserver(() => this.#makeRoom()).observe(this);
    addEventListener("resize", () => this.#makeRoom());
    this.#show();
  }

  /** Show the alarms; what a person touches below stays where it is. */
  #showAbove() {
    if (this.#isFirst) this.#show();
    else changeAbove(/** @type {Element} */ (document.querySelector("main")), () => this.#show());
    this.#isFirst &&= house.heardAt == null;
  }

  #show() {
    const alarms = house.attention.filter(({ level }) => level === "alarm");
    const ringing = alarms.filter(({ acknowledged }) => !acknowledged);
    const known = alarms.filter(({ acknowledged }) => acknowledged);
    const byKey = new Map(alarms.map((alarm) => [key(alarm), alarm]));
    for (const one of this.#silenced) if (!byKey.has(one)) this.#silenced.delete(one);

    setHidden(this, !alarms.length);
    set(this, "data-count", Math.min(ringing.length, 4));
    arrange(this.#alarms, ringing.map(key), (which) => this.#row(which));
    for (const row of /** @type {HTMLElement[]} */ ([...this.#alarms.children])) {
      const alarm = byKey.get(row.dataset.key ?? "");
      if (alarm) this.#update(row, alarm);
    }
    setHidden(this.#known, !known.length);
    arrange(this.#known, known.map(key), () => make("li"));
    known.forEach((alarm, i) => setText(this.#known.children[i], [noticeText(alarm), sinceText(alarm), t("attention.seen")].filter(Boolean).join(" · ")));

    if (ringing.some((alarm) => !this.#silenced.has(key(alarm)))) this.#sound.start();
    else this.#sound.stop();
    set(this.#switch, "aria-pressed", String(this.#sound.isOn));
    set(this.#switch, "aria-label", t("attention.sound"));
    set(this.#switch, "title", t(this.#sound.isOn ? "attention.sound_is_on" : "attention.sound_is_off"));
    this.#showHint();
    this.#makeRoom();
  }

  #row(which) {
    const button = make("button", { type: "button", class: "acknowledge" });
    button.addEventListener("click", () => this.#acknowledge(which, button));
    const text = make("div", { class: "text" }, make("strong", { class: "what" }), " ", make("span", { class: "where" }), make("span", { class: "answer", hidden: "" }));
    return make("li", {}, sign(), text, button);
  }

  #update(row, alarm) {
    const { code, device, values } = alarm;
    const where = [values.room, values.name].filter(Boolean).join(" · ");
    const more = [values.last && t("attention.is_lost"), sinceText(alarm)];
    const word = hasText(`attention.word_${code}`) ? t(`attention.word_${code}`) : code;
    setText(row.querySelector(".what"), word);
    setText(row.querySelector(".where"), [where, ...more].filter(Boolean).join(" · "));
    const button = row.querySelector("button");
    setHidden(button, !mayAcknowledge(device));
    setText(button, t(house.isLive ? "attention.acknowledge" : "attention.silence"));
    set(button, "aria-label", `${button.textContent}: ${word}, ${values.name}`);
  }

  async #acknowledge(which, button) {
    const alarm = house.attention.find((one) => key(one) === which);
    if (!alarm || button.ariaBusy === "true") return;
    this.#silenced.add(which);
    this.#sound.stop();
    button.ariaBusy = "true";
    const answer = await acknowledge(alarm);
    button.ariaBusy = "false";
    if (answer.outcome === "applied") {
      this.#silenced.delete(which);
      return;
    }
    const row = button.closest("li");
    if (row) setTextOrHide(row.querySelector(".answer"), receipt(answer));
    this.#show();
  }

  /** Show for a moment what the switch has changed: its sign alone does not say what it is for. */
  #tell() {
    setTextOrHide(this.#told, this.#switch.title);
    clearTimeout(this.#tellTimer);
    this.#tellTimer = setTimeout(() => setTextOrHide(this.#told, ""), TELL_SECONDS * 1000);
  }

  #showHint() {
    const isMute = !this.hidden && this.#alarms.children.length > 0 && this.#sound.isLocked;
    setTextOrHide(this.#hint, isMute ? t("attention.touch_for_sound") : "");
  }

  /** Tell the layout how high the strip is; one that takes most of the window does not stay at its top. */
  #makeRoom() {
    const height = this.hidden ? 0 : this.offsetHeight;
    set(this, "data-tall", height > innerHeight * HIGHEST_SHARE ? "" : null);
    document.documentElement.style.setProperty("--strip", `${height}px`);
  }
}

/** Acknowledge a notice. @returns {Promise<import("../command.js").Receipt>} */
export async function acknowledge({ device, code }) {
  const answer = await house.command(house.mirror, "acknowledge", device ? { device, code } : { code });
  announce(answer.outcome === "applied" ? t("attention.was_acknowledged") : receipt(answer));
  return answer;
}

/** Return whether this page may acknowledge what is about a device. */
export function mayAcknowledge(device) {
  const may = (id) => Object.keys(house.devices.get(id)?.commands ?? {}).length > 0;
  return may(house.mirror) || (device != null && may(device));
}

/** Return what identifies a notice among all of them. */
export function key({ code, device, values }) {
  return `${code}:${device ?? ""}:${values.key ?? ""}`;
}

/** Draw the warning sign. */
function sign() {
  const shape = draw("path", { d: "M12 2.6 22.6 21H1.4Z" });
  return draw("svg", { viewBox: "0 0 24 24", class: "sign", "aria-hidden": "true" }, shape, draw("path", { class: "mark", d: "M12 9.2v6" }), draw("path", { class: "mark", d: "M12 18v.01" }));
}

/** Draw the bell of the switch, with a line through it for a switch that is off. */
function bell() {
  const parts = ["M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15Z", "M10 20.5a2 2 0 0 0 4 0"].map((d) => draw("path", { d }));
  return draw("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, ...parts, draw("path", { class: "off", d: "M4 3l16 18" }));
}

function sinceText({ since }) {
  return since == null ? "" : t("attention.since", { at: house.calendar.moment(since, house.now) });
}
