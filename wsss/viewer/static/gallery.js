// Thumbnails of one layer, or of two side by side, filtered and sorted on the server.

import { address, chip, choice, css, get, grouped, h, href, kept, paletteName, percent, start, url } from "./dom.js";

const SIZE = 60;
const SORTS = [["list", "order of the list"], ["id", "id"], ["iou", "IoU"], ["coverage", "coverage"], ["foreground", "share of objects"], ["change", "change between the two"], ["disagreement", "disagreement of all labels"]];

export async function galleryPage({ go, remember, alive }) {
  const about = await get("layers");
  const names = about.classes;
  const state = () => ({ layer: firstLayer(about), ...kept() });
  const grid = h("div.grid", { "aria-live": "off" });
  const status = h("div.status", { role: "status" });
  const pager = h("div.pager");
  const bottom = h("div.pager");
  let timer = null;
  let asked = 0;

  const set = (changes) => { remember({ ...state(), page: "", ...changes }); controls(); load(); };
  const bar = h("form.bar", { onsubmit: (event) => event.preventDefault() });

  function controls() {
    const now = state();
    const splits = Object.entries(about.splits).map(([name, count]) => [name, `${name} (${count})`]);
    const layers = [["photograph", "photograph"], ...grouped(about.layers)];
    const truth = about.masks.length ? [["truth", "truth"]] : [];
    const errors = about.masks.length ? [["Errors", about.layers.filter((item) => item.kind === "segmentation").map((item) => [`error:${item.key}`, `errors: ${item.title}${item.branch ? ` (${item.branch})` : ""}`])]] : [];
    const all = [...layers, ...truth, ...errors];
    bar.replaceChildren(
      choice("Layer", all, now.layer, (value) => set({ layer: value }), { name: "layer" }),
      choice("Beside it", [["", "nothing"], ...all], now.versus ?? "", (value) => set({ versus: value }), { name: "versus" }),
      choice("Split", [["", "all"], ...splits], now.split ?? "", (value) => set({ split: value }), { name: "split" }),
      choice("Class", [["", "all"], ...names.slice(1).map((name, place) => [place + 1, name])], now.label ?? "", (value) => set({ label: value }), { name: "label" }),
      choice("Sort by", SORTS, now.sort ?? "list", (value) => set({ sort: value === "list" ? "" : value, down: ["change", "disagreement"].includes(value) ? "1" : "" }), { name: "sort" }),
      h("button.turn", { type: "button", title: now.down ? "largest first" : "smallest first", "aria-label": "Turn the order round", onclick: () => set({ down: now.down ? "" : "1" }) }, now.down ? "↓" : "↑"),
      h("label.field.grow", {}, h("span", {}, "Id"), h("input", { type: "search", name: "text", placeholder: "part of an id", value: now.text ?? "", oninput: typed })),
    );
  }

  let typing = null;
  function typed(event) {
    clearTimeout(typing);
    const value = event.target.value;
    typing = setTimeout(() => { remember({ ...state(), page: "", text: value }); load(); }, 250);
  }

  async function load() {
    const mine = ++asked;
    clearTimeout(timer);
    const now = state();
    try {
      const answer = await get("gallery", { ...now, page: address().get("page") ?? 1, size: SIZE });
      if (mine !== asked || !alive()) return;
      grid.replaceChildren(...answer.items.map((item) => card(item, now)));
      pages(answer);
      if (!answer.items.length) grid.replaceChildren(h("p.quiet", {}, "No image fits these filters."));
      if (answer.share < 1) timer = setTimeout(load, 1200);
      else ahead(answer, now, () => mine === asked && alive());
    } catch (error) {
      if (mine !== asked) return;
      status.replaceChildren(h("div.problem", { role: "alert" }, error.message));
      grid.replaceChildren();
    }
  }

  /** The next page's pictures into the browser's cache: after this page's own, and one at a time. */
  async function ahead(answer, now, wanted) {
    if (answer.page >= answer.pages) return;
    await Promise.all([...grid.querySelectorAll("img")].map((image) => image.decode().catch(() => {})));
    const next = wanted() ? await get("gallery", { ...now, page: answer.page + 1, size: SIZE }).catch(() => null) : null;
    for (const item of next?.items ?? []) {
      for (const key of [now.layer, now.versus].filter((name) => name && item.versions[name])) {
        if (!wanted()) return;
        await fetch(thumbnail(item, key), { priority: "low" }).then((response) => response.blob()).catch(() => {});
      }
    }
  }

  function pages(answer) {
    const counting = answer.share < 1 ? h("span.counting", {}, h("progress", { value: String(answer.share), max: "1" }), ` counting: ${percent(answer.share, 0)} % known, the order is not final`) : null;
    status.replaceChildren(h("span", {}, `${answer.total.toLocaleString()} image${answer.total === 1 ? "" : "s"}`), counting ?? "", answer.note ? h("span.warn", {}, answer.note) : "", ...legend());
    const to = (page, text, label) => h("a.button", { href: href("/gallery", { ...state(), page: page > 1 ? page : "" }), "aria-label": label, "aria-disabled": page < 1 || page > answer.pages ? "true" : null, onclick: (event) => { event.preventDefault(); if (page < 1 || page > answer.pages) return; remember({ ...state(), page: page > 1 ? page : "" }); load(); window.scrollTo(0, 0); } }, text);
    for (const element of [pager, bottom]) {
      element.replaceChildren(...(answer.pages > 1 ? [to(answer.page - 1, "←", "Page before"), h("span", {}, `page ${answer.page} of ${answer.pages}`), to(answer.page + 1, "→", "Next page")] : []));
    }
  }

  function legend() {
    const now = state();
    if (![now.layer, now.versus].some((key) => key?.startsWith("error:"))) return [];
    return start.errors.slice(1).map((item) => h("span.chip", {}, h("i.swatch", { style: { background: css(item.color) } }), item.name));
  }

  function card(item, now) {
    const keys = [now.layer, now.versus].filter(Boolean);
    const pictures = keys.map((key) => picture(item, key));
    const on = keys.filter((key) => key !== "photograph").join(",");
    const target = href("/image", { ...now, id: item.id, on, mode: keys.length > 1 ? "side" : "" });
    return h("a.card", { href: target },
      h(keys.length > 1 ? "div.pictures.two" : "div.pictures", {}, pictures),
      h("div.caption", {}, h("b", { title: item.id }, item.id), h("span.values", {}, values(item.values, now.sort))),
      h("div.chips", {}, item.classes.slice(0, 4).map((value) => chip(value, names)), item.classes.length > 4 ? h("span.chip", {}, `+${item.classes.length - 4}`) : null));
  }

  const thumbnail = (item, key) => url("thumbnail", { layer: key, image: item.id, palette: paletteName(), v: item.versions[key] });

  function picture(item, key) {
    const missing = () => h("span.none", {}, "none");
    if (!item.versions[key]) return missing();
    const image = h("img", { src: thumbnail(item, key), alt: `${item.id}: ${key}`, decoding: "async" });
    image.addEventListener("error", () => image.replaceWith(missing()));
    return image;
  }

  controls();
  await load();
  const refresh = async () => { Object.assign(about, await get("layers")); controls(); load(); };
  return { element: h("section.gallery", {}, bar, h("div.line", {}, status, pager), grid, h("div.line.end", {}, bottom)), title: "Gallery", refresh, leave: () => { asked += 1; clearTimeout(timer); } };
}

function values(found, sort) {
  const parts = [];
  if (found.iou !== undefined) parts.push(`IoU ${percent(found.iou, 0)}`);
  for (const [name, word] of [["change", "changed"], ["disagreement", "disputed"]]) if (sort === name && found[name] !== undefined) parts.push(`${percent(found[name], 1)} % ${word}`);
  if (sort === "foreground" && found.foreground !== undefined) parts.push(`${percent(found.foreground, 0)} % objects`);
  if (found.coverage !== undefined && sort === "coverage") parts.push(`${percent(found.coverage, 0)} % labelled`);
  return parts.join(" · ");
}

/** The last label layer before the predictions: what people come to look at. */
export function firstLayer(about) {
  const labels = about.layers.filter((item) => item.kind === "segmentation" && item.key.includes("labels/") && !item.key.includes(":"));
  const best = labels.filter((item) => item.branch === labels[0].branch).at(-1);
  return (best ?? about.layers.at(-1))?.key ?? "photograph";
}
