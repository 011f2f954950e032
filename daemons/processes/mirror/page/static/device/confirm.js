// @ts-check
/** A question before an action that hurts. */

import { make } from "../dom.js";
import { t } from "../text.js";

/**
 * Ask, and return whether the person agrees. The focus is on "Cancel" first, and afterwards where it was.
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, label) {
  const heading = make("h2", { id: "question" }, title);
  const cancel = make("button", { type: "button", class: "control second", autofocus: "" }, t("device.cancel"));
  const agree = make("button", { type: "button", class: "control strong" }, label);
  const dialog = /** @type {HTMLDialogElement} */ (
    make("dialog", { "aria-labelledby": "question" }, heading, make("p", {}, text), make("div", { class: "buttons" }, cancel, agree))
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    cancel.addEventListener("click", () => dialog.close());
    agree.addEventListener("click", () => dialog.close("agreed"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "agreed");
    });
    dialog.showModal();
  });
}
