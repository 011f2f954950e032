// @ts-check
/** The sound of an alarm. Each browser has its own switch, which it remembers. */

const KEY = "alarm-sound";
const REPEAT_SECONDS = 2;
/** The beginnings of the tones in seconds, each with its frequency in hertz. */
const TONES = [
  [0, 880],
  [0.25, 660],
  [0.5, 880],
];
const TONE_SECONDS = 0.2;
const VOLUME = 0.4;

export class AlarmSound {
  #context = /** @type {AudioContext | null} */ (null);
  #timer = 0;

  constructor() {
    // A browser plays no sound before a person has touched the page.
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => this.isOn && this.#unlock(), { passive: true });
  }

  /** Whether an alarm has a sound in this browser. */
  get isOn() {
    try {
      return localStorage.getItem(KEY) === "on";
    } catch {
      return false; // a browser that keeps nothing for this page
    }
  }

  /** Whether the browser still waits for a touch. */
  get isLocked() {
    return this.isOn && this.#context?.state !== "running";
  }

  /** Switch the sound on or off; on, it is heard once. */
  toggle() {
    const on = !this.isOn;
    try {
      localStorage.setItem(KEY, on ? "on" : "off");
    } catch {
      return;
    }
    if (!on) this.stop();
    else this.#unlock().then(() => this.#timer || this.#play());
  }

  /** Repeat the sound until `stop`. */
  start() {
    if (this.#timer || !this.isOn) return;
    this.#unlock();
    this.#play();
    this.#timer = setInterval(() => this.#play(), REPEAT_SECONDS * 1000);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  async #unlock() {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") await Promise.race([this.#context.resume(), new Promise((done) => setTimeout(done, 200))]);
  }

  #play() {
    const context = this.#context;
    if (context?.state !== "running") return;
    for (const [at, hertz] of TONES) {
      const begins = context.currentTime + at;
      const volume = new GainNode(context, { gain: 0 });
      volume.gain.setTargetAtTime(VOLUME, begins, 0.01);
      volume.gain.setTargetAtTime(0, begins + TONE_SECONDS - 0.05, 0.015);
      const tone = new OscillatorNode(context, { type: "square", frequency: hertz });
      tone.connect(volume).connect(context.destination);
      tone.start(begins);
      tone.stop(begins + TONE_SECONDS);
    }
  }
}
