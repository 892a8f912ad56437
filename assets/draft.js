// A draft is in its address. Moving a limit must not load the page again, which would
// take the focus from the slider, so the address is written without Dash being told.
(function () {
  "use strict";

  const PAUSE = 1000;
  let last = 0;

  // A slide of many steps is one step back; after a pause a new one begins.
  function keep(query) {
    const now = Date.now();
    const url = window.location.pathname + query;
    if (query === window.location.search) return;
    if (now - last > PAUSE) window.history.pushState(null, "", url);
    else window.history.replaceState(null, "", url);
    last = now;
  }

  // Dash compares addresses with the last one it wrote and would miss a step back.
  window.addEventListener("popstate", () => {
    last = 0;
    const { pathname, search, hash, href } = window.location;
    if (pathname !== "/draft") return;
    // All of it: a Location that knows half of the address puts the other half back.
    window.dash_clientside.set_props("_pages_location", { pathname, search, hash, href });
    window.dash_clientside.set_props("address", { pathname, search, hash, href });
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, { draft: { keep } });
})();
