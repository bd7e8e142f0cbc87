// Installs the service worker and says when the whole site is kept for use without a network.

/** @param {string} runtime name of the wasm build that this browser runs. */
export async function keepOffline(runtime) {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(`sw.js?runtime=${runtime}`);
    await navigator.serviceWorker.ready; // it is active: every file is in its cache
    document.getElementById("offline").hidden = false;
    document.documentElement.dataset.offline = "ready";
  } catch {
    // No secure context, or storage is refused: the page works, but only with its server.
    document.documentElement.dataset.offline = "refused";
  }
}
