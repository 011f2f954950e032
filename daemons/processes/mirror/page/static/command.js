// @ts-check
/** Sends commands, and keeps each until its receipt arrives. */

const TIMEOUT_SECONDS = 2;
/** How much longer than the device the mirror may take to answer. */
const GRACE_SECONDS = 1;

/** @typedef {{outcome: string, reason?: string, code?: string, values?: Record<string, any>, took_seconds?: number}} Receipt */

export class Commands {
  #send;
  #isPatient;
  /** @type {Map<string, {message: any, until: number, resolve: (receipt: Receipt) => void}>} */
  #waiting = new Map();

  /**
   * @param {(message: any) => boolean} send returns whether the message could be sent
   * @param {() => boolean} isPatient returns whether a lost connection may be back in a moment
   */
  constructor(send, isPatient) {
    this.#send = send;
    this.#isPatient = isPatient;
  }

  /**
   * Send a command to a device. The promise always resolves, with a receipt.
   * @returns {Promise<Receipt>}
   */
  send(device, command, args = {}) {
    const id = newId();
    const message = { type: "command", device, command, args, id, timeout_seconds: TIMEOUT_SECONDS };
    if (!this.#send(message) && !this.#isPatient()) {
      return Promise.resolve({ outcome: "unsent", reason: "the mirror does not answer", code: "no_mirror" });
    }
    return new Promise((resolve) => {
      this.#waiting.set(id, { message, until: performance.now() + TIMEOUT_SECONDS * 1000, resolve });
      const limit = (TIMEOUT_SECONDS + GRACE_SECONDS) * 1000;
      setTimeout(() => this.settle({ id, outcome: "unanswered", reason: "the mirror sent no receipt", code: "no_receipt" }), limit);
    });
  }

  /** Resolve a command with its receipt, or with an error. */
  settle({ id, ...receipt }) {
    this.#waiting.get(id)?.resolve(receipt);
    this.#waiting.delete(id);
  }

  /** Send pending commands again after an interruption; a device carries out the same id only once. */
  resend() {
    for (const { message, until } of this.#waiting.values()) {
      const left = (until - performance.now()) / 1000;
      if (left > 0) this.#send({ ...message, timeout_seconds: left });
    }
  }
}

/** Return a random id. `crypto.randomUUID` exists on HTTPS only, and many mirrors are served by HTTP. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
