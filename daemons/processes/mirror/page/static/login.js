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
  history.replaceState(null, "", "/login");
  signIn({ token, ...(given.get("glass") === "black" ? { glass: "black" } : {}) });
}

/** Sign in by a form of its own: for a token in the password field, a browser would offer to save it, in front of the page. */
function signIn(values) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/login";
  for (const [name, value] of Object.entries(values)) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name, value });
    form.append(input);
  }
  document.body.append(form);
  form.requestSubmit();
}
