// @ts-check
/** Shows an error after a wrong token; the rest of the form is plain HTML. */

if (location.search === "?wrong") {
  const wrong = /** @type {HTMLElement} */ (document.getElementById("wrong"));
  wrong.hidden = false;
  document.getElementById("token")?.setAttribute("aria-invalid", "true");
}
