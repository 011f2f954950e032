// @ts-check
/** Follows a job of the mirror to its end, also while the mirror itself restarts. */

import { path, request, RequestError } from "./request.js";

/** An answer comes at the latest after so long, so that each step is seen. */
const WAIT_SECONDS = 1;
const RETRY_MILLISECONDS = 500;
/** The mirror may be away for so long; then the result is not known. */
const PATIENCE_MILLISECONDS = 60_000;

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {"running" | "done" | "failed" | "interrupted"} state
 * @property {string | null} step
 * @property {string | null} reason
 * @property {any[]} [changes]
 * @property {boolean | null} [is_rolled_back]
 */

/**
 * @param {Job} job
 * @param {(job: Job) => void} [show] called with each new state
 * @returns {Promise<Job>} the job as it ended; throws RequestError if the mirror does not answer for long
 */
export async function follow(job, show = () => {}) {
  let heardAt = performance.now();
  let step = /** @type {string | null | undefined} */ (undefined);
  while (job.state === "running") {
    if (job.step !== step) show(job);
    step = job.step;
    try {
      job = await request(`${path("jobs", job.id)}?wait=${WAIT_SECONDS}`);
      heardAt = performance.now();
    } catch (error) {
      const isAway = error instanceof RequestError && (error.status === 0 || error.status >= 500);
      if (!isAway || performance.now() - heardAt > PATIENCE_MILLISECONDS) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }
  return job;
}
