// @ts-check
/** The WebSocket to the mirror: lost as soon as it is silent, and back by itself. */

const SILENCE_SECONDS = 3;
const SOONEST_SECONDS = 0.1;
const LATEST_SECONDS = 2;

export class Link {
  #hear;
  #turn;
  #socket = /** @type {WebSocket | null} */ (null);
  #cursor = "";
  #wait = SOONEST_SECONDS;
  #watchdog = 0;
  #retry = 0;

  /** Whether the mirror was heard a moment ago. */
  live = false;

  /**
   * @param {(message: any) => void} hear takes each message
   * @param {() => void} turn is told when `live` has changed
   */
  constructor(hear, turn) {
    this.#hear = hear;
    this.#turn = turn;
    // Who looks at the page again, or has a network again, shall not wait for the next try.
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
  }

  open() {
    clearTimeout(this.#retry);
    const address = new URL("/api/live", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    if (this.#cursor) address.searchParams.set("after", this.#cursor);

    const socket = new WebSocket(address);
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.send({ type: "ping" }); // its answer tells at once that all is well, and what time it is
    };
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = () => {
      this.#lose();
      if (!opened) askWhetherWelcome();
    };
    this.#watch();
  }

  /** Send a message, or say that it could not be sent. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #take(message) {
    this.#watch();
    this.#wait = SOONEST_SECONDS;
    if (message.cursor) this.#cursor = message.cursor;
    const returned = !this.live;
    this.live = true;
    this.#hear(message);
    if (returned) this.#turn();
  }

  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lose(), SILENCE_SECONDS * 1000);
  }

  #lose() {
    clearTimeout(this.#watchdog);
    if (this.#socket) {
      // A socket whose other end is gone may take minutes to close. It is not waited for, and not listened to.
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
    const jitter = 0.5 + Math.random() / 2; // lest all the mirrors of the house come back in step
    this.#retry = setTimeout(() => this.open(), this.#wait * jitter * 1000);
    this.#wait = Math.min(this.#wait * 2, LATEST_SECONDS);
    if (!this.live) return;
    this.live = false;
    this.#turn();
  }

  #hurry() {
    if (!this.#socket) this.open();
  }
}

/** A WebSocket does not say why it was refused; a plain request does. */
async function askWhetherWelcome() {
  const answer = await fetch("/api/house").catch(() => null);
  if (answer?.status === 401) location.assign("/login");
}
