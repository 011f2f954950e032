// @ts-check
/** Says so when the token was a wrong one; all else of the login is plain HTML. */

if (location.search === "?wrong") {
  const wrong = /** @type {HTMLElement} */ (document.getElementById("wrong"));
  wrong.hidden = false;
  document.getElementById("token")?.setAttribute("aria-invalid", "true");
}
