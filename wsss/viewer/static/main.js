// Show one of the pages, and look for new artifacts of the pipeline.

import { address, failed, get, h, href, json, kept, paletteName, run, start } from "./dom.js";
import { overviewPage } from "./overview.js";
import { galleryPage } from "./gallery.js";
import { imagePage } from "./image.js";
import { provenancePage } from "./provenance.js";

const PAGES = { "/": overviewPage, "/gallery": galleryPage, "/image": imagePage, "/provenance": provenancePage };
const SECONDS_BETWEEN_LOOKS = 5;
const main = document.getElementById("page");
let shown = null;
let drawing = 0;

/** Opens a page; `replace` leaves no step to go back to. */
export function go(target, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", target);
  show();
}

/** Changes parts of the state without drawing the page anew. */
export function remember(changes) {
  const now = Object.fromEntries(address());
  history.replaceState(null, "", href(location.pathname, { ...now, ...changes }));
  links();
}

async function show() {
  const mine = ++drawing;
  shown?.leave?.();
  shown = null;
  links();
  const page = PAGES[location.pathname] ?? overviewPage;
  try {
    const made = await page({ go, remember, alive: () => mine === drawing });
    if (mine !== drawing) { made.leave?.(); return; }
    shown = made;
    main.replaceChildren(made.element);
    document.title = `${made.title} · ${run()} · wsss`;
    made.entered?.();
  } catch (error) {
    if (mine === drawing) main.replaceChildren(h("div.pad", {}, failed(error)));
  }
}

function links() {
  const name = run();
  const select = document.getElementById("run");
  select.hidden = start.runs.length < 2;
  document.getElementById("run-name").textContent = start.runs.length < 2 ? name : "";
  select.value = name;
  document.getElementById("palette").value = paletteName();
  for (const link of document.querySelectorAll("[data-page]")) {
    const page = link.dataset.page;
    link.href = href(page, kept(page === "/gallery" || page === "/image" ? undefined : ["run", "palette"]));
    if (link.parentElement.tagName === "NAV") link.toggleAttribute("aria-current", location.pathname === page);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.target) return;
  event.preventDefault();
  go(link.getAttribute("href"));
  if (!link.closest("nav")) return;
  window.scrollTo(0, 0);
});
window.addEventListener("popstate", show);

async function look() {
  let before = "";
  const name = run();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * SECONDS_BETWEEN_LOOKS));
    if (document.hidden) continue;
    try {
      const strip = await get("stages");
      const now = JSON.stringify([run(), strip.stages.map((stage) => stage.items.map((item) => [item.path, item.state, item.changed, item.progress, item.sign]))]);
      if (before && before !== now && run() === name) shown?.refresh?.(strip);
      before = now;
    } catch { /* the server has ended; it may come back */ }
  }
}

async function begin() {
  Object.assign(start, await json(await fetch("/api/start")));
  const select = document.getElementById("run");
  select.replaceChildren(...start.runs.map((item) => h("option", { value: item.key }, item.key)));
  select.addEventListener("change", () => go(href(location.pathname, { ...kept(["palette"]), run: select.value })));
  const palette = document.getElementById("palette");
  palette.addEventListener("change", () => go(href(location.pathname, { ...Object.fromEntries(address()), palette: palette.value === "voc" ? "" : palette.value }), { replace: true }));
  await show();
  look();
}

begin().catch((error) => main.replaceChildren(h("div.pad", {}, failed(error))));
