// @ts-check
/** The state of the house: every element of the page reads it from here. */

import { Calendar, localeOf } from "./calendar.js";
import { Commands } from "./command.js";
import { Link } from "./link.js";

/**
 * @typedef {object} Process a device, or one of the house's own services
 * @property {string} id
 * @property {string} name
 * @property {string} room
 * @property {string | null} kind null for a service
 * @property {string | null} host the host that it runs on; null in a house with one host, and for a service
 * @property {boolean} elsewhere whether it has no process on the mirror's own host
 * @property {string[]} hears
 * @property {Record<string, Record<string, string>>} commands
 * @property {{command: string, label: string, when: Record<string, any[]>}[]} primary_commands of its main button
 * @property {{command: string, label: string, when: Record<string, any[]>}[]} secondary_commands of its second button
 * @property {Record<string, any> | null} control the input for its value
 * @property {Record<string, any>[]} controls all inputs for its values
 * @property {{command: string, label: string, sign: string, when: Record<string, any[]>}[]} buttons in place of the main button
 * @property {string[]} values the fields of its state that are written large
 * @property {string[]} resting_phases the phases in which no work is under way
 * @property {boolean} hide whether the mirror view leaves it out
 * @property {boolean} favourite whether the mirror view shows it before the rooms
 * @property {string} presence
 * @property {number | null} presence_since
 * @property {Record<string, any> | null} state
 * @property {string | null} cause
 * @property {number | null} since
 * @property {number | null} at
 * @property {number | null} age_seconds
 * @property {number | null} pid
 * @property {number | null} restarts
 * @property {number | null} started_at
 * @property {string | null} reason
 * @property {string[]} last_lines
 * @property {number | null} retry_at
 * @property {number | null} heard when its latest message arrived, in Unix seconds
 * @property {number | null} memory bytes
 */

/**
 * @typedef {object} Notice something that deserves attention
 * @property {string} code what it is about; "attention.CODE" is its text
 * @property {"alarm" | "fault" | "care" | "news"} level
 * @property {string | null} device
 * @property {number | null} since
 * @property {Record<string, any>} values
 * @property {string} text in English
 * @property {boolean} acknowledged
 */

/**
 * Its events: `house` (everything may be different), `change` (of one process: `detail` has its `id`, and as `heard`
 * whether the process itself published a state; if only measurements have moved, it comes with the next `tick`), `beat` (ages and memory), `attention` (the notices or the
 * sentence are different), `link` (the connection was lost, or is back), and `tick` (once a second, on the second of the
 * mirror's clock).
 */
/** For so long the page keeps its picture: a mirror that restarts is back sooner. */
const PATIENCE_SECONDS = 2;

class House extends EventTarget {
  /** @type {Map<string, Process>} */
  devices = new Map();
  /** @type {Map<string, Process>} */
  services = new Map();
  calendar = new Calendar();
  name = "";
  /** The device that is the mirror. */
  mirror = "";
  /** How bright a page on a wall is: "day", "night" or "off". */
  screen = "day";
  /** The time of the mirror's latest message, by its own clock; null before the first message. */
  heardAt = /** @type {number | null} */ (null);

  /** @type {Notice[]} what deserves attention, the most urgent first */
  attention = [];
  /** @type {{code: string, values: Record<string, any>, level?: string, device?: string}[]} the mirror's sentence in parts */
  sentence = [];

  #message = "";
  #clock = Date.now() / 1000 - performance.now() / 1000;
  #link = new Link((message) => this.#onMessage(message), (isSilent) => this.#onLinkChange(isSilent));
  #isLive = false;
  #patience = 0;
  /** @type {Map<string, any>} by process, its status from a mirror that has just started and has not heard it yet */
  #unheard = new Map();
  /** The processes of which only measurements have moved since the latest tick. */
  #moved = /** @type {Set<string>} */ (new Set());
  #commands = new Commands((message) => this.#link.send(message), () => this.isLive);

  open() {
    this.#link.open();
    this.#tick();
  }

  #tick() {
    const moved = [...this.#moved];
    this.#moved.clear();
    for (const id of moved) this.#dispatch("change", { id, heard: true });
    this.#dispatch("tick");
    setTimeout(() => this.#tick(), 1005 - ((this.now * 1000) % 1000));
  }

  /** Another view is shown: what it shows is of this second, and not of when it was last seen. */
  redraw() {
    this.#dispatch("tick");
  }

  /** The time by the mirror's clock, in Unix seconds: this machine's own clock may be wrong. */
  get now() {
    return this.#clock + performance.now() / 1000;
  }

  /** Whether the mirror answers; a short interruption does not count. */
  get isLive() {
    return this.#isLive;
  }

  /** The mirror's sentence. */
  get message() {
    return this.devices.get(this.mirror)?.state?.message ?? this.#message;
  }

  /** Return a device or a service. */
  process(id) {
    return this.devices.get(id) ?? this.services.get(id);
  }

  /** Return the notices about a process that are not acknowledged, the most urgent first. */
  notices(id) {
    return this.attention.filter((notice) => notice.device === id && !notice.acknowledged);
  }

  /** Return the presence of a process; no process is live while the connection to the mirror is lost. */
  presence(process) {
    return this.isLive || process.presence !== "live" ? process.presence : "stale";
  }

  /** @returns {Promise<import("./command.js").Receipt>} */
  command(device, name, args) {
    return this.#commands.send(device, name, args);
  }

  #onMessage(message) {
    switch (message.type) {
      case "house":
        return this.#onHouse(message);
      case "change":
        return this.#onChange(message);
      case "beat":
        return this.#onBeat(message);
      case "attention":
        return this.#onAttention(message);
      case "pong":
        return this.#setClock(message.at);
      case "receipt":
        return this.#commands.settle(message);
      case "error":
        if (message.id) this.#commands.settle({ ...message, outcome: "rejected" });
    }
  }

  #onHouse({ at, house, mirror, message, attention, sentence, devices, services }) {
    this.#setClock(at);
    this.attention = attention;
    this.sentence = sentence;
    this.name = house.name;
    this.host = house.host;
    this.calendar = new Calendar(localeOf(house.locale, document.documentElement.lang), house.timezone);
    this.mirror = mirror;
    this.#message = message;
    const all = (processes) => new Map(Object.entries(processes).map(([id, status]) => [id, process(id, status, at)]));
    const known = new Map([...this.devices, ...this.services]);
    this.devices = all(devices);
    this.services = all(services);
    this.#keepUnheard(known);
    this.#dispatch("house");
  }

  /** A mirror that has just started has not heard all processes yet: those keep their last status for a moment. */
  #keepUnheard(known) {
    this.#unheard.clear();
    for (const fresh of [...this.devices.values(), ...this.services.values()]) {
      const last = known.get(fresh.id);
      if (fresh.state || !last?.state) continue;
      this.#unheard.set(fresh.id, Object.fromEntries(STATUS.map((name) => [name, fresh[name]])));
      for (const name of STATUS) fresh[name] = last[name];
    }
    if (this.#unheard.size) setTimeout(() => this.#applyUnheard(), PATIENCE_SECONDS * 1000);
  }

  #applyUnheard() {
    for (const [id, status] of this.#unheard) {
      Object.assign(this.process(id) ?? {}, status);
      this.#dispatch("change", { id, heard: false });
    }
    this.#unheard.clear();
  }

  #onChange({ at, device, now, heard }) {
    const known = this.process(device);
    if (!known) return;
    if (this.#unheard.has(device)) {
      if (!now.state) return void this.#unheard.set(device, now);
      this.#unheard.delete(device);
    }
    const isMoved = heard && known.state != null && UNMOVED.every((name) => known[name] === now[name]);
    Object.assign(known, now, { heard: arrival(at, now.age_seconds) });
    // Measurements move all the time, and each picture costs as much as that of a press: once a second is enough.
    if (isMoved) return void this.#moved.add(device);
    this.#moved.delete(device);
    this.#dispatch("change", { id: device, heard });
  }

  #onAttention({ at, attention, sentence }) {
    this.#setClock(at);
    this.attention = attention;
    this.sentence = sentence;
    this.#dispatch("attention");
  }

  #onBeat({ at, ages, memory = {}, message = this.#message, screen = "day" }) {
    this.#setClock(at);
    this.screen = screen;
    this.#message = message; // only a page that does not show the mirror itself gets it here
    for (const [id, age] of Object.entries(ages)) Object.assign(this.process(id) ?? {}, { heard: arrival(at, age) });
    for (const [id, bytes] of Object.entries(memory)) Object.assign(this.process(id) ?? {}, { memory: bytes });
    this.#dispatch("beat");
  }

  /** Correct the clock: forward at once, since the fastest message is the most exact, and back only slowly. */
  #setClock(at) {
    const offset = at - performance.now() / 1000;
    const error = offset - this.#clock;
    this.#clock += error > 0 || error < -2 ? error : error / 20;
    this.heardAt = at;
  }

  /** A lost connection counts after a moment; one that was silent has been lost for longer already. */
  #onLinkChange(isSilent) {
    clearTimeout(this.#patience);
    if (this.#link.live) {
      this.#commands.resend();
      this.#setLive(true);
    } else if (isSilent) this.#setLive(false);
    else this.#patience = setTimeout(() => this.#setLive(false), PATIENCE_SECONDS * 1000);
  }

  #setLive(isLive) {
    if (isLive === this.#isLive) return;
    this.#isLive = isLive;
    this.#dispatch("link");
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The fields of a process that change. */
const STATUS = [
  ...["presence", "presence_since", "state", "cause", "since", "at", "age_seconds", "boot", "seq", "pid"],
  ...["restarts", "started_at", "reason", "last_lines", "retry_at", "heard"],
];

/** The fields of a status that stay the same while only measurements move. */
const UNMOVED = ["presence", "presence_since", "cause", "since", "boot", "pid", "restarts", "started_at", "reason", "retry_at"];

/** @returns {Process} */
function process(id, status, at) {
  const title = id.charAt(0).toUpperCase() + id.slice(1).replaceAll("_", " ");
  const unknown = { name: title, room: "", kind: null, hears: [], commands: {}, primary_commands: [], secondary_commands: [], control: null, controls: [], buttons: [], values: [], resting_phases: [], hide: false, favourite: false, memory: null };
  return { id, ...unknown, ...status, heard: arrival(at, status.age_seconds) };
}

const arrival = (at, age) => (age == null ? null : at - age);

export const house = new House();
