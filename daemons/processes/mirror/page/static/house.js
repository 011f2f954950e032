// @ts-check
/** What is known of the house, and the one place that everything on the page reads it from. */

import { Calendar } from "./calendar.js";
import { Commands } from "./command.js";
import { Link } from "./link.js";

/**
 * @typedef {object} Process one box of the house: a device, or one of the house's own services
 * @property {string} id
 * @property {string} name
 * @property {string} room
 * @property {string | null} kind null for a service
 * @property {string | null} host on which host of the house it is; null where that has one only, and for a service
 * @property {boolean} elsewhere whether it has no process on the mirror's own host
 * @property {string[]} hears
 * @property {Record<string, Record<string, string>>} commands
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
 * @property {number | null} heard Unix seconds
 * @property {number | null} memory bytes
 */

/**
 * Its events: `house` (everything may be different), `change` (of one process: `detail` has its `id`, and whether it was
 * `heard`), `beat` (ages and memory), `link` (the mirror was lost, or found), and `tick` (four times a second).
 */
class House extends EventTarget {
  /** @type {Map<string, Process>} */
  devices = new Map();
  /** @type {Map<string, Process>} */
  services = new Map();
  calendar = new Calendar();
  name = "";
  /** The device that is the mirror. */
  mirror = "";
  /** When the mirror was last heard, by its own clock; null before the first time. */
  heardAt = /** @type {number | null} */ (null);

  #message = "";
  #clock = Date.now() / 1000 - performance.now() / 1000;
  #link = new Link((message) => this.#hear(message), () => this.#turn());
  #commands = new Commands((message) => this.#link.send(message));

  open() {
    this.#link.open();
    setInterval(() => this.#tell("tick"), 250);
  }

  /** The time by the mirror's clock, in Unix seconds: this machine's own clock may be wrong. */
  get now() {
    return this.#clock + performance.now() / 1000;
  }

  get isLive() {
    return this.#link.live;
  }

  /** The sentence that tells how the house stands. */
  get message() {
    return this.devices.get(this.mirror)?.state?.message ?? this.#message;
  }

  /** Devices and services, by name. */
  process(id) {
    return this.devices.get(id) ?? this.services.get(id);
  }

  /** How far what is known of a process can be trusted: nothing is live when the mirror is lost. */
  presence(process) {
    return this.isLive || process.presence !== "live" ? process.presence : "stale";
  }

  /** @returns {Promise<import("./command.js").Receipt>} */
  command(device, word, args) {
    return this.#commands.send(device, word, args);
  }

  #hear(message) {
    switch (message.type) {
      case "house":
        return this.#learn(message);
      case "change":
        return this.#change(message);
      case "beat":
        return this.#beat(message);
      case "pong":
        return this.#set(message.at);
      case "receipt":
        return this.#commands.take(message);
      case "error":
        if (message.id) this.#commands.take({ ...message, outcome: "rejected" });
    }
  }

  #learn({ at, house, mirror, message, devices, services }) {
    this.#set(at);
    this.name = house.name;
    this.host = house.host;
    this.calendar = new Calendar(house.locale, house.timezone);
    this.mirror = mirror;
    this.#message = message;
    const all = (processes) => new Map(Object.entries(processes).map(([id, told]) => [id, process(id, told, at)]));
    this.devices = all(devices);
    this.services = all(services);
    this.#tell("house");
  }

  #change({ at, device, now, heard }) {
    const known = this.process(device);
    if (!known) return;
    Object.assign(known, now, { heard: moment(at, now.age_seconds) });
    this.#tell("change", { id: device, heard });
  }

  #beat({ at, ages, memory = {} }) {
    this.#set(at);
    for (const [id, age] of Object.entries(ages)) Object.assign(this.process(id) ?? {}, { heard: moment(at, age) });
    for (const [id, bytes] of Object.entries(memory)) Object.assign(this.process(id) ?? {}, { memory: bytes });
    this.#tell("beat");
  }

  /** Set the clock. The quickest message is the truest, so it goes forward at once, and back only a little. */
  #set(at) {
    const told = at - performance.now() / 1000;
    const off = told - this.#clock;
    this.#clock += off > 0 || off < -2 ? off : off / 20;
    this.heardAt = at;
  }

  #turn() {
    if (this.isLive) this.#commands.repeat();
    this.#tell("link");
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @returns {Process} */
function process(id, told, at) {
  const title = id.charAt(0).toUpperCase() + id.slice(1).replaceAll("_", " ");
  const unknown = { name: title, room: "", kind: null, hears: [], commands: {}, memory: null };
  return { id, ...unknown, ...told, heard: moment(at, told.age_seconds) };
}

const moment = (at, age) => (age == null ? null : at - age);

export const house = new House();
