// @ts-check
/** Sends a request to the mirror, and returns its answer. */

import { t } from "../text.js";

/** The mirror refused a request, or did not answer: then `status` is 0. */
export class RequestError extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {{body?: unknown, method?: string, signal?: AbortSignal}} [options] with a body, the method is POST
 * @returns {Promise<any>} the document; throws RequestError
 */
export async function request(path, { body, method, signal } = {}) {
  const headers = body === undefined ? undefined : { "Content-Type": "application/json" };
  const text = body === undefined ? undefined : JSON.stringify(body);
  let answer;
  let found;
  try {
    answer = await fetch(path, { method: method ?? (text ? "POST" : "GET"), headers, body: text, signal });
    found = await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(answer?.ok === false ? answer.status : 0, t("device.no_answer"));
  }
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new RequestError(answer.status, sentence(found.reason ?? answer.statusText));
  return found;
}

/** Return a reason as a sentence: with a capital letter, and a full stop. */
export function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?。]$/.test(whole) ? whole : `${whole}.`;
}

/** Return the path of a device in the API. */
export function path(...parts) {
  return `/api/${parts.map(encodeURIComponent).join("/")}`;
}
