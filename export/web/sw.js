// Keeps the whole site for use without a network. `site.js` is written by the builder: the files and
// a version made of their content, so that a changed site installs anew and an unchanged one does not.
importScripts("site.js");

const RUNTIME = new URL(self.location.href).searchParams.get("runtime");
const CACHE = `${self.SITE.prefix}${self.SITE.version}-${RUNTIME}`;

self.addEventListener("install", (event) => {
  // "no-cache" asks the server whether its copy changed: an old file never gets into a new version.
  const files = [...self.SITE.files, ...self.SITE.runtimes[RUNTIME]];
  const requests = files.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(requests))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const forgetOld = async () => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(self.SITE.prefix) && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(forgetOld());
});

self.addEventListener("fetch", (event) => {
  const sameOrigin = new URL(event.request.url).origin === self.location.origin;
  if (event.request.method !== "GET" || !sameOrigin) return;
  const answer = async () => {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(event.request, { ignoreSearch: true });
    return kept ?? fetch(event.request);
  };
  event.respondWith(answer());
});
