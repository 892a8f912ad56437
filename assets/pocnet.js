// What a page does in the browser. All state is in the URL; nothing is kept here.
(function () {
  "use strict";

  const SHARED = ["from", "to", "product", "product_class", "pathway", "region", "site", "definition"];

  const DEFAULTS = ["any", "no_product"];

  function written(params) {
    const pairs = [];
    params.forEach((value, key) => {
      if (value) pairs.push(encodeURIComponent(key) + "=" + encodeURIComponent(value).replace(/%2C/g, ","));
    });
    return pairs.length ? "?" + pairs.join("&") : "";
  }

  function shared(search) {
    const kept = new URLSearchParams();
    const all = new URLSearchParams(search);
    SHARED.forEach((key) => all.get(key) && kept.set(key, all.get(key)));
    return written(kept);
  }

  // The page's own options stay; a filter at its default leaves the URL.
  function apply(clicks, values, ids) {
    // Dash also calls this when a page brings a new bar, before anybody pressed it.
    if (!clicks) return window.dash_clientside.no_update;
    const params = new URLSearchParams(window.location.search);
    ids.forEach((id, i) => {
      const value = Array.isArray(values[i]) ? values[i].join(",") : values[i] || "";
      params.set(id.key, DEFAULTS.includes(value) ? "" : value);
    });
    return written(params);
  }

  // The part of a page that a link leads to; pages come after their address.
  let sought = "";
  function seek() {
    const part = sought && document.getElementById(sought);
    if (!part) return;
    sought = "";
    part.scrollIntoView();
  }

  let last = null;
  function navigate(pathname, search, ids) {
    document.querySelectorAll("#navigation a").forEach((link) => {
      const path = new URL(link.href).pathname;
      const here = path === "/" ? pathname === "/" : (pathname + "/").startsWith(path + "/");
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    if (last !== null && last !== pathname) arrive();
    last = pathname;
    sought = window.location.hash.slice(1);
    const query = shared(search);
    return ids.map((id) => id.path + query);
  }

  // A new page is announced: the menu closes and reading starts at the top.
  function arrive() {
    const menu = document.querySelector(".menu-toggle");
    if (menu) menu.setAttribute("aria-expanded", "false");
    document.getElementById("main").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }

  function copy(button) {
    const said = button.textContent;
    const done = (words) => {
      button.textContent = words;
      setTimeout(() => (button.textContent = said), 2000);
    };
    const text = window.location.href;
    // navigator.clipboard exists on https and loopback only.
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => done("Copied"), () => window.prompt("Link to this view", text));
    else window.prompt("Link to this view", text);
  }

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest("[aria-controls][aria-expanded]");
    if (toggle) toggle.setAttribute("aria-expanded", toggle.getAttribute("aria-expanded") !== "true");
    // An open list lies over the bar's own button, so it has one too.
    if (event.target.closest(".apply-here")) document.getElementById("filters-apply").click();
    const link = event.target.closest(".copy-link");
    if (link) copy(link);
    document.querySelectorAll("details.viewer[open], .filter details[open]").forEach((open) => {
      if (!open.contains(event.target)) open.open = false;
    });
  });

  // A list near the right edge opens to the left. "toggle" does not bubble: capture it.
  document.addEventListener("toggle", (event) => {
    const list = event.target.querySelector && event.target.querySelector(".filter-options");
    if (!list) return;
    list.classList.remove("leftward");
    if (list.getBoundingClientRect().right > window.innerWidth) list.classList.add("leftward");
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details.viewer[open], .filter details[open]").forEach((open) => {
      open.open = false;
      open.querySelector("summary").focus();
    });
  });

  // Tables come as texts in data-table (see dashboard/table.py). Nodes are made one by
  // one from text, so that nothing a site wrote can become markup.
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  function signed(state, words, hidden) {
    return [
      make("span", { class: "sign", "aria-hidden": "true" }, state[0]),
      make("span", hidden ? { class: "visually-hidden" } : {}, words || state[1]),
    ];
  }

  function linked(cell) {
    const query = shared(window.location.search);
    const after = cell.path && cell.path.includes("?") ? query.replace("?", "&") : query;
    const href = cell.site ? batches(cell.site) : cell.path + after;
    return make("a", { href }, cell.words);
  }

  // Where the batches behind a site's point are listed, as everything else is asked now.
  function batches(site) {
    const params = new URLSearchParams(window.location.search);
    params.set("site", site);
    return "/failures" + written(params) + "#failure-batches";
  }

  function behind(clicked) {
    const site = clicked && clicked.points[0].customdata;
    if (site) window.location.assign(batches(site));
  }

  // Short cells stay on one line and long ones get room: no column of single words.
  function lengths(table) {
    return table.columns.map((column, i) => {
      const longest = Math.max(0, ...table.rows.map((line) => (typeof line.cells[i] === "string" ? line.cells[i].length : 1)));
      return longest > 48 ? " is-long" : longest > 22 ? " is-middling" : " is-short";
    });
  }

  function row(table, line) {
    const cells = line.cells.map((cell, i) => {
      const look = { class: "is-" + table.columns[i].kind + table.lengths[i] };
      const inside = typeof cell === "string" ? [cell] : cell.words ? [linked(cell)] : signed(table.states[cell.state], null, true);
      return i ? make("td", look, ...inside) : make("th", { scope: "row", ...look }, ...inside);
    });
    if (table.states) {
      const tag = { class: "state state-" + line.state };
      cells.push(make("td", {}, make("span", tag, ...signed(table.states[line.state], line.reason))));
    }
    return make("tr", {}, ...cells);
  }

  function build(region) {
    const table = JSON.parse(region.dataset.table);
    table.lengths = lengths(table);
    const headings = table.columns.map((c) => make("th", { scope: "col", class: "is-" + c.kind }, c.heading));
    if (table.states) headings.push(make("th", { scope: "col" }, "State"));
    region.replaceChildren(
      make(
        "table",
        { class: "figures" },
        make("caption", { class: "visually-hidden" }, table.caption),
        make("thead", {}, make("tr", {}, ...headings)),
        make("tbody", {}, ...table.rows.map((line) => row(table, line))),
      ),
    );
    region.built = region.dataset.table;
  }

  function buildTables() {
    document.querySelectorAll("[data-table]").forEach((region) => {
      if (region.built !== region.dataset.table && !region.closest("details:not([open])")) build(region);
    });
  }

  document.addEventListener("toggle", buildTables, true);
  new MutationObserver(() => {
    buildTables();
    seek();
  }).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["data-table"],
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, { pocnet: { apply, navigate, behind } });
})();
