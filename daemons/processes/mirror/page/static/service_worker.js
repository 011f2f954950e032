// @ts-check
/**
 * Keeps the page in the browser: it opens at once on a slow line, and says offline that the mirror does not answer. It
 * keeps no state of the house, and never answers for the API. The mirror writes version and language into it; a new
 * version is a new script, which the browser notices.
 */

const version = "VERSION";
const language = "LANGUAGE";
const cacheName = `house-${version}`;
const document = `/page/${version}/${language}.index.html`;
const files = [document, `/page/${version}/app.js`, `/page/${version}/app.css`, `/page/${version}/${language}.json`];
const icons = ["/page/icon.svg", "/page/icon-192.png", "/page/manifest.webmanifest"];
const worker = /** @type {any} */ (self);

worker.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(cacheName);
    await cache.addAll([...files, ...icons]);
    await worker.skipWaiting();
  };
  event.waitUntil(keep());
});

worker.addEventListener("activate", (event) => {
  const clear = async () => {
    for (const name of await caches.keys()) if (name !== cacheName) await caches.delete(name);
    await worker.clients.claim();
  };
  event.waitUntil(clear());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname, search } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  // Another language comes from the mirror.
  const isPage = request.mode === "navigate" && pathname === "/" && !new URLSearchParams(search).has("lang");
  const kept = isPage ? document : [...files, ...icons].includes(pathname) ? pathname : null;
  if (kept) event.respondWith(caches.match(kept).then((found) => found ?? fetch(request)));
});
