// @ts-check
/** The rights of the account that this page was opened with. */

import { request } from "./request.js";

/**
 * @typedef {object} Rights
 * @property {string | null} name the person; null for the owner
 * @property {boolean} sees_everything
 * @property {boolean} manage whether it may restart, stop and start processes
 * @property {boolean} edit whether it may change the configuration
 * @property {string | null} edit_reason
 * @property {string | null} edit_code
 */

/** @type {Rights} */
const NONE = { name: null, sees_everything: false, manage: false, edit: false, edit_reason: null, edit_code: null };

export class Account {
  /** @returns {Promise<Rights>} */
  async read() {
    try {
      return await request("/api/account");
    } catch {
      return NONE;
    }
  }
}
