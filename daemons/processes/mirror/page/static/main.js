// @ts-check
/** The start of the page: defines its elements, and connects to the mirror. */

import { Attention } from "./attention/attention.js";
import { Banner } from "./banner.js";
import { Card } from "./mirror/card.js";
import { Clock } from "./mirror/clock.js";
import { Drawing } from "./subscriptions/drawing.js";
import { house } from "./house.js";
import { Processes } from "./subscriptions/processes.js";
import { Rooms } from "./mirror/rooms.js";
import { Sentence } from "./mirror/sentence.js";
import { followScreen } from "./screen.js";
import { loadTexts } from "./text.js";
import { fadeWhenQuiet, followAddress } from "./views.js";

start();

async function start() {
  await loadTexts(); // the elements show texts as soon as they are defined
  customElements.define("house-attention", Attention);
  customElements.define("house-banner", Banner);
  customElements.define("house-card", Card);
  customElements.define("house-clock", Clock);
  customElements.define("house-drawing", Drawing);
  customElements.define("house-processes", Processes);
  customElements.define("house-rooms", Rooms);
  customElements.define("house-sentence", Sentence);

  // The history is large and seldom used, so it is loaded after everything else.
  house.addEventListener("house", async () => customElements.define("house-history", (await import("./history/history.js")).History), { once: true });

  document.documentElement.dataset.glass = new URLSearchParams(location.search).get("glass") ?? "";
  followScreen();
  followAddress();
  fadeWhenQuiet();
  house.open();
  keepPage();
}

/** Keep the page in the browser, where that is allowed: on HTTPS and on this machine. */
function keepPage() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  // A new version of the page takes its place as soon as it is complete.
  if (serviceWorker.controller) serviceWorker.addEventListener("controllerchange", () => location.reload());
  serviceWorker.register("/service_worker.js").catch(() => {}); // without it, the page only opens more slowly
}
