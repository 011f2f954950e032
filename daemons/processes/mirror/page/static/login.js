// @ts-check
/** Shows an error after a wrong token, and signs in with the token of a QR code; the rest is plain HTML. */

const field = /** @type {HTMLInputElement} */ (document.getElementById("token"));

if (location.search === "?wrong") {
  const wrong = /** @type {HTMLElement} */ (document.getElementById("wrong"));
  wrong.hidden = false;
  field.setAttribute("aria-invalid", "true");
}

// "#token=..." is the part of the address that no server sees; it does not stay in the address of the page either.
const given = new URLSearchParams(location.hash.slice(1));
const token = given.get("token");
if (token) {
  if (given.get("glass") === "black") {
    const glass = /** @type {HTMLInputElement} */ (document.getElementById("glass"));
    glass.disabled = false;
    glass.value = "black";
  }
  history.replaceState(null, "", "/login");
  field.value = token;
  field.form?.requestSubmit();
}
