// @ts-check
/** Commands on their way, each until its receipt is there. */

const TIMEOUT_SECONDS = 2;
/** How much longer than the device's own time the mirror may take to say that there was no answer. */
const GRACE_SECONDS = 1;

/** @typedef {{outcome: string, reason?: string, took_seconds?: number}} Receipt */

export class Commands {
  #send;
  /** @type {Map<string, {message: any, until: number, settle: (receipt: Receipt) => void}>} */
  #waiting = new Map();

  /** @param {(message: any) => boolean} send says whether the message could be sent */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Send a command to a device. The promise is always kept, with a receipt.
   * @returns {Promise<Receipt>}
   */
  send(device, command, args = {}) {
    const id = newId();
    const message = { type: "command", device, command, args, id, timeout_seconds: TIMEOUT_SECONDS };
    if (!this.#send(message)) {
      return Promise.resolve({ outcome: "unsent", reason: "the mirror does not answer" });
    }
    return new Promise((settle) => {
      this.#waiting.set(id, { message, until: performance.now() + TIMEOUT_SECONDS * 1000, settle });
      const limit = (TIMEOUT_SECONDS + GRACE_SECONDS) * 1000;
      setTimeout(() => this.take({ id, outcome: "unanswered", reason: "the mirror did not say" }), limit);
    });
  }

  /** Take a receipt, or an error in its place. */
  take({ id, ...receipt }) {
    this.#waiting.get(id)?.settle(receipt);
    this.#waiting.delete(id);
  }

  /** After an interruption, ask again: the same id is not done twice. */
  repeat() {
    for (const { message, until } of this.#waiting.values()) {
      const left = (until - performance.now()) / 1000;
      if (left > 0) this.#send({ ...message, timeout_seconds: left });
    }
  }
}

/** `crypto.randomUUID` is there on HTTPS only; a mirror at home may be without. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
