// @ts-check
/** The WebSocket to the mirror. It is lost when no message comes for some seconds, and then reconnects. */

const SILENCE_SECONDS = 3;
const MIN_RETRY_SECONDS = 0.1;
const MAX_RETRY_SECONDS = 2;

export class Link {
  #onMessage;
  #onLiveChange;
  #socket = /** @type {WebSocket | null} */ (null);
  #cursor = "";
  #wait = MIN_RETRY_SECONDS;
  #watchdog = 0;
  #retry = 0;

  /** Whether the latest message came a moment ago. */
  live = false;

  /**
   * @param {(message: any) => void} onMessage called with each message
   * @param {(isSilent: boolean) => void} onLiveChange called when `live` has changed; `isSilent` if the mirror sent nothing
   */
  constructor(onMessage, onLiveChange) {
    this.#onMessage = onMessage;
    this.#onLiveChange = onLiveChange;
    // When the page becomes visible or the network returns, reconnect without waiting for the next try.
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#reconnectNow());
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
      this.send({ type: "ping" }); // its answer proves at once that the mirror works, and has the time
    };
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = () => {
      this.#disconnect();
      if (!opened) checkSignIn();
    };
    this.#watch();
  }

  /** Send a message; return false if there is no connection. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #receive(message) {
    this.#watch();
    this.#wait = MIN_RETRY_SECONDS;
    if (message.cursor) this.#cursor = message.cursor;
    const returned = !this.live;
    this.live = true;
    this.#onMessage(message);
    if (returned) this.#onLiveChange(false);
  }

  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#disconnect(true), SILENCE_SECONDS * 1000);
  }

  #disconnect(isSilent = false) {
    clearTimeout(this.#watchdog);
    if (this.#socket) {
      // A socket without a peer may take minutes to close, so its events are ignored from here on.
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
    const jitter = 0.5 + Math.random() / 2; // so that not all pages reconnect at the same moment
    this.#retry = setTimeout(() => this.open(), this.#wait * jitter * 1000);
    this.#wait = Math.min(this.#wait * 2, MAX_RETRY_SECONDS);
    if (!this.live) return;
    this.live = false;
    this.#onLiveChange(isSilent);
  }

  #reconnectNow() {
    if (!this.#socket) this.open();
  }
}

/** Go to the sign-in form if the page has no valid cookie: a WebSocket hides the status code, a plain request has it. */
async function checkSignIn() {
  const answer = await fetch("/api/house").catch(() => null);
  if (answer?.status === 401) location.assign("/login");
}
