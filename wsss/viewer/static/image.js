// One photograph with every layer that the run has of it.

import { address, chip, choice, colors, css, failed, get, h, href, kept, percent, run, start, swatch } from "./dom.js";
import { paint, photograph, smooth, valueAt, values } from "./canvas.js";
import { firstLayer } from "./gallery.js";

const MODES = [["stack", "Overlay", "o"], ["side", "Side by side", "s"], ["swipe", "Swipe", "w"], ["blink", "Blink", "b"]];
const OPACITY = { segmentation: 65, error: 75, saliency: 70, cams: 85 };
const OWN = ["id", "on", "mode", "photo", "cam", "net", "at", "speed"];

export async function imagePage({ go, remember, alive }) {
  const layersOfRun = await get("layers");
  const names = layersOfRun.classes;
  let id = address().get("id");
  if (!id) {
    const first = await get("gallery", { ...kept(), size: 1 });
    if (!first.items.length) return { title: "Image", element: h("div.pad", {}, h("p.quiet", {}, "No image fits the filters of the gallery.")) };
    id = first.items[0].id;
  }
  let about = null;
  let picture = null;
  let maps = new Map(); // key -> values
  let kin = null; // affinities of the chosen pixel
  let blinking = 0;
  let timer = null;
  let loading = 0;
  const canvases = []; // {canvas, draw}

  // -- state in the address ----------------------------------------------------------------------------------------------

  const state = () => {
    const now = address();
    const fallback = [now.get("layer") && now.get("layer") !== "photograph" ? now.get("layer") : firstLayer(layersOfRun)];
    const on = (now.has("on") ? now.get("on").split(",").filter(Boolean) : fallback).map((text) => {
      const [key, opacity] = text.split("~");
      return { key, opacity: opacity === undefined ? null : Number(opacity) };
    });
    return {
      on, mode: MODES.some(([key]) => key === now.get("mode")) ? now.get("mode") : "stack", photo: Number(now.get("photo") ?? 100),
      cam: now.get("cam") ? now.get("cam").split(",").map(Number) : null, net: now.get("net"), at: now.get("at"), speed: Number(now.get("speed") ?? 700),
    };
  };
  const text = (on) => on.map((item) => (item.opacity === null ? item.key : `${item.key}~${item.opacity}`)).join(",");
  const set = (changes) => remember({ ...kept(), id, ...own(), ...changes });
  const own = () => Object.fromEntries(OWN.filter((name) => address().has(name)).map((name) => [name, address().get(name)]));
  const link = (other) => href("/image", { ...kept(), ...own(), id: other, at: "", on: text(state().on) });

  // -- the parts of the page ---------------------------------------------------------------------------------------------

  const stage = h("div.stage", { tabindex: "0", "aria-label": "Pictures" });
  const readout = h("div.readout", { hidden: true });
  const list = h("div.layers");
  const top = h("div.imagebar");
  const modes = h("div.segmented", { role: "group", "aria-label": "How layers are shown" });
  const more = h("div.more");
  const legend = h("div.legend");
  const side = h("aside.side", {}, modes, more, list, legend, h("p.keys.quiet.small", {}, "Keys: ← → images · 1–9 layers · o overlay · s side by side · w swipe · b blink"));
  const element = h("section.viewer", {}, h("div.view", {}, top, stage, readout), side);

  async function open(other, { push = false } = {}) {
    const mine = ++loading;
    id = other;
    if (push) history.pushState(null, "", link(other)); else set({ id });
    kin = null;
    try {
      const coming = photograph(id);
      coming.catch(() => {}); // what is wrong with the image is said by the first answer
      const found = await get("image", { ...kept(), image: id });
      const photo = await coming;
      if (mine !== loading || !alive()) return;
      [about, picture] = [found, photo];
      await loadMaps();
      if (mine !== loading || !alive()) return;
      document.title = `${id} · ${run()} · wsss`;
      drawAll();
      if (state().at) askKin();
      ahead();
    } catch (error) {
      if (mine === loading) { stage.replaceChildren(failed(error)); }
    }
  }

  /** The neighbours' photographs and maps, so that arrow keys answer at once. */
  async function ahead() {
    for (const other of [about.next, about.previous].filter(Boolean)) {
      photograph(other).catch(() => {});
      const shown = state().on.map((item) => item.key);
      const found = await get("image", { ...kept(), image: other }).catch(() => null);
      for (const layer of found?.layers ?? []) if (shown.includes(layer.key)) values(layer, other).catch(() => {});
    }
  }

  const shownLayers = () => state().on.map((item) => ({ ...item, layer: about.layers.find((layer) => layer.key === item.key) })).filter((item) => item.layer);

  async function loadMaps() {
    const wanted = shownLayers().map((item) => item.layer);
    const found = await Promise.all(wanted.map((layer) => values(layer, id).then((map) => [layer.key, map]).catch(() => null)));
    maps = new Map(found.filter(Boolean));
  }

  async function toggle(key) {
    const { on } = state();
    const next = on.some((item) => item.key === key) ? on.filter((item) => item.key !== key) : [...on, { key, opacity: null }];
    set({ on: text(next) || "," });
    await loadMaps();
    drawAll();
  }

  function opacity(item) { return (item.opacity ?? OPACITY[item.layer.kind] ?? 80) / 100; }

  function drawAll() {
    drawTop(); drawModes(); drawList(); drawStage(); drawLegend();
  }

  function drawTop() {
    const arrow = (other, word, sign) => h("a.button", { href: other ? link(other) : null, "aria-label": word, "aria-disabled": other ? null : "true", onclick: (event) => { event.preventDefault(); if (other) open(other, { push: true }); } }, sign);
    top.replaceChildren(arrow(about.previous, "Image before", "←"), h("b.id", { title: about.file }, about.id), arrow(about.next, "Next image", "→"),
      h("span.quiet", {}, about.place ? `${about.place.toLocaleString()} of ${about.total.toLocaleString()}` : "not among the filtered ones", ` · ${about.split} · ${about.size[1]} × ${about.size[0]}`),
      h("span.chips", {}, about.classes.map((value) => chip(value, names))));
  }

  function drawModes() {
    const { mode } = state();
    modes.replaceChildren(...MODES.map(([key, word]) => h("button", { type: "button", "data-mode": key, "aria-pressed": String(mode === key), onclick: () => setMode(key) }, word)));
    const now = state();
    const parts = [slider("Photograph", now.photo, (value) => { set({ photo: value === 100 ? "" : value }); redraw(); })];
    if (mode === "blink") parts.push(slider("Pause, ms", now.speed, (value) => { set({ speed: value }); }, 150, 2000, 50));
    if (about.networks.length) {
      const nets = about.networks.map((item) => [item.path, `${item.branch ? `${item.branch}, ` : ""}round ${item.round}`]);
      parts.push(choice("Click for affinities, by the network of", nets, now.net ?? nets.at(-1)[0], (value) => { set({ net: value }); askKin(); }, { name: "net" }));
      if (now.at) parts.push(h("button", { type: "button", onclick: () => { set({ at: "" }); kin = null; drawAll(); } }, "Leave the pixel"));
    }
    more.replaceChildren(...parts);
  }

  function setMode(mode) { set({ mode: mode === "stack" ? "" : mode }); drawAll(); }

  function slider(label, value, change, low = 0, high = 100, step = 1) {
    const says = h("output", {}, String(value));
    return h("label.slider", {}, h("span", {}, label), h("input", { type: "range", min: low, max: high, step, value: String(value), oninput: (event) => { says.textContent = event.target.value; change(Number(event.target.value)); } }), says);
  }

  function drawList() {
    const now = state();
    const groups = new Map();
    about.layers.forEach((layer, place) => {
      const group = layer.kind === "error" ? "Errors" : layer.branch || (layer.key === "truth" ? "Truth" : "Whole run");
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(row(layer, now));
    });
    const errors = groups.get("Errors");
    groups.delete("Errors");
    if (errors) groups.set("Errors", errors);
    const inUse = state().on.some((item) => item.key.startsWith("error:"));
    list.replaceChildren(...[...groups].map(([name, rows]) => name === "Errors"
      ? h("details.group", { open: inUse || null }, h("summary", {}, "Error maps"), rows)
      : h("div.group", {}, groups.size > 1 ? h("h3", {}, name) : null, rows)));
    if (!about.layers.length) list.replaceChildren(h("p.quiet", {}, "No artifact of this run has this image yet."));
  }

  function row(layer, now) {
    const item = now.on.find((other) => other.key === layer.key);
    const number = now.on.indexOf(item) + 1;
    const note = layer.values.iou !== undefined ? `IoU ${percent(layer.values.iou, 0)}` : layer.values.coverage !== undefined && layer.values.coverage < 0.9995 ? `${percent(layer.values.coverage, 0)} %` : "";
    const box = h("input", { type: "checkbox", checked: Boolean(item), onchange: () => toggle(layer.key) });
    const parts = [h("label.name", { title: layer.key }, box, h("span", {}, layer.title.replace(/^errors: /, "")), h("small.quiet", {}, note))];
    if (item) {
      parts.push(slider("", Math.round(100 * opacity({ ...item, layer })), (value) => {
        set({ on: text(state().on.map((other) => (other.key === layer.key ? { ...other, opacity: value } : other))) });
        redraw();
      }));
      const map = maps.get(layer.key);
      if (layer.kind === "cams" && map && map.classes.length > 1) {
        const chosen = now.cam ?? map.classes;
        parts.push(h("div.chips", {}, map.classes.map((value) => h("button.chip", { type: "button", "aria-pressed": String(chosen.includes(value)), onclick: () => { const next = chosen.includes(value) ? chosen.filter((other) => other !== value) : [...chosen, value]; set({ cam: next.length === map.classes.length || !next.length ? "" : next.join(",") }); drawList(); drawStage(); } }, swatch(value), names[value]))));
      }
    }
    return h("div.layer", { "data-layer": layer.key, "data-on": item ? String(number) : null }, parts);
  }

  // -- the pictures ------------------------------------------------------------------------------------------------------

  function panes() {
    const now = state();
    const items = shownLayers().filter((item) => maps.has(item.key));
    const each = items.map((item) => ({ title: item.layer.title, items: [item] }));
    const found = now.mode === "side" ? [{ title: "photograph", items: [] }, ...each]
      : now.mode === "blink" ? [{ title: each.length ? each[blinking % each.length].title : "photograph", items: each.length ? each[blinking % each.length].items : [], blink: true }]
      : now.mode === "swipe" && items.length > 1 ? [{ swipe: true, title: `${each.at(-2).title} | ${each.at(-1).title}`, left: each.at(-2).items, right: each.at(-1).items }]
      : now.mode === "swipe" ? [{ swipe: true, title: `photograph | ${each[0]?.title ?? "photograph"}`, left: [], right: items }]
      : [{ title: items.map((item) => item.layer.title).join(" + ") || "photograph", items }];
    if (kin) {
      const heat = (title, map) => ({ title, items: [{ layer: { kind: "heat", title }, map: { ...map, kind: "heat" }, opacity: 90 }], heat: map });
      if (kin.row) found.push(heat(`affinity of the pixel, ${kin.name}`, kin.row));
      if (kin.unary) found.push(heat("unary affinity", kin.unary));
    }
    return found;
  }

  let painted = new Map();
  function canvasOf(item) {
    const map = item.map ?? maps.get(item.key);
    const chosen = state().cam;
    const key = `${item.key ?? item.layer.title}|${chosen}|${map.data.length}`;
    const before = painted.get(key);
    if (before?.map === map || before?.map?.data === map.data) return before.canvas;
    const canvas = paint(map, map.kind === "cams" && chosen && chosen.some((value) => map.classes.includes(value)) ? chosen : null);
    painted.set(key, { map, canvas });
    return canvas;
  }

  function compose(context, width, height, items, clip = null) {
    const now = state();
    context.save();
    if (clip) { context.beginPath(); context.rect(...clip); context.clip(); }
    context.fillStyle = "#0c0e11";
    context.fillRect(0, 0, width, height);
    context.globalAlpha = now.photo / 100;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, width, height);
    if (items.some((item) => item.layer.kind === "heat")) {
      // the photograph's own colours would mix with those of the heat
      context.globalAlpha = 1;
      context.globalCompositeOperation = "saturation";
      context.fillStyle = "#777";
      context.fillRect(0, 0, width, height);
      context.globalCompositeOperation = "source-over";
    }
    for (const item of items) {
      const latest = now.on.find((other) => other.key === item.key);
      context.globalAlpha = opacity(latest ? { ...item, opacity: latest.opacity } : item);
      context.imageSmoothingEnabled = smooth(item.layer.kind);
      context.drawImage(canvasOf(item), 0, 0, width, height);
    }
    context.restore();
  }

  let cut = 0.5;
  function drawStage() {
    clearInterval(timer);
    painted = new Map();
    const found = panes();
    canvases.length = 0;
    const single = found.length === 1;
    stage.classList.toggle("single", single);
    stage.style.setProperty("--ratio", about.size[1] / about.size[0]);
    stage.replaceChildren(...found.map((pane) => {
      const canvas = h("canvas", { role: "img", "aria-label": `${about.id}: ${pane.title}` });
      const title = h("figcaption", {}, pane.title);
      const figure = h("figure.pane", {}, h("div.frame", {}, canvas), title);
      const entry = { canvas, pane, title };
      canvases.push(entry);
      canvas.addEventListener("pointermove", (event) => point(event, entry));
      canvas.addEventListener("pointerleave", leave);
      canvas.addEventListener("click", (event) => choose(event, entry));
      if (pane.swipe) {
        const knob = h("input.cut", { type: "range", min: "0", max: "1000", value: String(1000 * cut), "aria-label": "Where the two meet", oninput: (event) => { cut = event.target.value / 1000; paintEntry(entry); } });
        figure.append(knob);
        const drag = (event) => { if (event.buttons || event.pointerType === "mouse") { cut = place(event, canvas)[0]; knob.value = String(1000 * cut); paintEntry(entry); } };
        canvas.addEventListener("pointermove", drag);
      }
      return figure;
    }));
    const blinkEntry = canvases.find((entry) => entry.pane.blink);
    if (blinkEntry && shownLayers().length > 1) {
      const tick = () => {
        if (!blinkEntry.canvas.isConnected) return;
        blinking += 1;
        blinkEntry.pane = panes()[0];
        blinkEntry.title.textContent = blinkEntry.pane.title;
        paintEntry(blinkEntry);
        timer = setTimeout(tick, state().speed);
      };
      timer = setTimeout(tick, state().speed);
    }
    redraw();
  }

  function redraw() { canvases.forEach(paintEntry); }

  let mark = null;
  function paintEntry(entry) {
    const { canvas, pane } = entry;
    if (!picture || !canvas.isConnected) return;
    const box = canvas.parentElement.getBoundingClientRect();
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.max(1, Math.round(box.width * ratio));
    const height = Math.max(1, Math.round((width * about.size[0]) / about.size[1]));
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
    const context = canvas.getContext("2d");
    if (pane.swipe) {
      const x = Math.round(cut * width);
      compose(context, width, height, pane.left, [0, 0, x, height]);
      compose(context, width, height, pane.right, [x, 0, width - x, height]);
      context.fillStyle = "#fff";
      context.fillRect(x - ratio, 0, 2 * ratio, height);
    } else compose(context, width, height, pane.items);
    const at = state().at?.split(",").map(Number);
    if (at) ring(context, at[0] * width, at[1] * height, ratio, true);
    if (mark && mark.entry !== entry && canvases.length > 1) ring(context, mark.x * width, mark.y * height, ratio, false);
  }

  function ring(context, x, y, ratio, strong) {
    for (const [color, size] of [["#000", 3.5], ["#fff", 1.6]]) {
      context.beginPath();
      context.arc(x, y, (strong ? 7 : 5) * ratio, 0, 2 * Math.PI);
      context.strokeStyle = color;
      context.lineWidth = size * ratio;
      context.stroke();
    }
  }

  // -- under the cursor --------------------------------------------------------------------------------------------------

  function place(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const inside = (value) => Math.min(Math.max(value, 0), 0.999999);
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  function point(event, entry) {
    const [x, y] = place(event, entry.canvas);
    mark = { x, y, entry };
    if (canvases.length > 1) canvases.filter((other) => other !== entry).forEach(paintEntry);
    const rows = shownLayers().filter((item) => maps.has(item.key)).map((item) => h("div", {}, h("span", {}, item.layer.title), h("b", {}, says(item.layer, maps.get(item.key), x, y))));
    const row = Math.floor(y * about.size[0]), column = Math.floor(x * about.size[1]);
    if (kin?.row) rows.push(h("div", {}, h("span", {}, "affinity"), h("b", {}, ((valueAt(kin.row, x, y) / 255) * kin.row.largest).toPrecision(2))));
    if (kin?.unary) rows.push(h("div", {}, h("span", {}, "unary"), h("b", {}, ((valueAt(kin.unary, x, y) / 255) * kin.unary.largest).toPrecision(2))));
    readout.replaceChildren(h("div.quiet", {}, `x ${column}, y ${row}`), ...rows);
    readout.hidden = false;
    const width = readout.offsetWidth, height = readout.offsetHeight;
    readout.style.left = `${Math.max(4, Math.min(event.clientX + 16, window.innerWidth - width - 8))}px`;
    readout.style.top = `${event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 18}px`;
  }

  function leave() {
    mark = null;
    readout.hidden = true;
    if (canvases.length > 1) redraw();
  }

  function says(layer, map, x, y) {
    if (layer.kind === "segmentation") { const value = valueAt(map, x, y); return [swatch(value), value === 255 ? "255, left out" : `${names[value] ?? "?"} (${value})`]; }
    if (layer.kind === "error") return start.errors[valueAt(map, x, y)]?.name ?? "?";
    if (layer.kind === "saliency") return (valueAt(map, x, y) / 255).toFixed(2);
    return map.classes.map((value, plane) => h("span.pair", {}, swatch(value), `${names[value]} ${(valueAt(map, x, y, plane) / 255).toFixed(2)} `));
  }

  // -- affinities of a pixel ---------------------------------------------------------------------------------------------

  function choose(event, entry) {
    if (!about.networks.length || entry.pane.swipe) return;
    const [x, y] = place(event, entry.canvas);
    set({ at: `${x.toFixed(4)},${y.toFixed(4)}` });
    askKin();
  }

  async function askKin() {
    const now = state();
    if (!now.at) return;
    const [x, y] = now.at.split(",").map(Number);
    const network = now.net && about.networks.some((item) => item.path === now.net) ? now.net : about.networks.at(-1)?.path;
    if (!network) return;
    const of = id;
    const round = about.networks.find((item) => item.path === network);
    stage.classList.add("waiting");
    const asking = h("p.asking", { role: "status" }, `Asking the network of round ${round.round} …`, h("small", {}, " the first time it has to be loaded"));
    const slow = setTimeout(() => { if (of === id) stage.append(asking); }, 400);
    try {
      const answer = await get("affinity", { image: id, network, x, y });
      if (of !== id) return;
      const map = (part) => (part ? { planes: 1, height: part.shape[0], width: part.shape[1], classes: [], data: Uint8Array.from(part.values), largest: part.largest } : null);
      kin = { row: map(answer.row), unary: map(answer.unary), name: `round ${round.round}` };
      drawAll();
    } catch (error) {
      if (of === id) { stage.append(failed(error)); }
    } finally { clearTimeout(slow); asking.remove(); stage.classList.remove("waiting"); }
  }

  function drawLegend() {
    const found = new Set(about.classes);
    let ignored = false;
    for (const item of shownLayers()) {
      const map = maps.get(item.key);
      if (!map || item.layer.kind !== "segmentation") continue;
      for (const value of new Set(map.data)) { if (value === 255) ignored = true; else if (value) found.add(value); }
    }
    const errors = shownLayers().some((item) => item.layer.kind === "error");
    legend.replaceChildren(...[...found].sort((a, b) => a - b).map((value) => chip(value, names)), ignored ? chip(255, names) : "", ...(errors ? start.errors.slice(1).map((item, place) => h("span.chip", {}, h("i.swatch", { class: place >= 4 ? "swatch striped" : "swatch", style: place >= 4 ? {} : { background: css(item.color) } }), item.name)) : []));
  }

  // -- keys --------------------------------------------------------------------------------------------------------------

  function keys(event) {
    if (event.target.matches?.("select, input[type=search], input[type=range]") || event.metaKey || event.ctrlKey || event.altKey || !about) return;
    if (event.key === "ArrowRight" && about.next) open(about.next, { push: true });
    else if (event.key === "ArrowLeft" && about.previous) open(about.previous, { push: true });
    else if (/^[1-9]$/.test(event.key)) { const layer = about.layers.filter((item) => item.kind !== "error")[Number(event.key) - 1]; if (layer) toggle(layer.key); }
    else if (MODES.some(([, , key]) => key === event.key)) setMode(MODES.find(([, , key]) => key === event.key)[0]);
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", keys);
  const resized = new ResizeObserver(redraw);
  resized.observe(stage);

  return {
    title: id, element,
    entered: () => open(id),
    refresh: async () => { Object.assign(layersOfRun, await get("layers")); open(id); },
    leave: () => { loading += 1; clearTimeout(timer); document.removeEventListener("keydown", keys); resized.disconnect(); },
  };
}
