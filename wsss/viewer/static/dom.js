// Small helpers: elements, numbers in words, and the state that stands in the address.

export const start = { runs: [], palettes: {}, errors: [] };

/** An element: h("p.note", {title: "..."}, "text", child, ...). */
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  return fill(element, attributes, children);
}

/** An element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style" && typeof value === "object") {
      for (const [name, setting] of Object.entries(value)) element.style.setProperty(name, setting);
    } else if (["value", "checked", "selected", "disabled"].includes(key)) element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// -- the address -------------------------------------------------------------------------------------------------------

export const address = () => new URLSearchParams(location.search);

export function href(page, params) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== "" && value !== null && value !== undefined && value !== false) query.set(key, value);
  }
  // slashes and colons may stand in a query, and are easier to read
  const text = query.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%7E", "~");
  return page + (text ? `?${text}` : "");
}

/** What of the address stays when another page is opened. */
export const KEPT = ["run", "palette", "layer", "versus", "split", "label", "text", "sort", "down"];

export function kept(names = KEPT) {
  const now = address();
  return Object.fromEntries(names.filter((name) => now.has(name)).map((name) => [name, now.get(name)]));
}

// -- the server --------------------------------------------------------------------------------------------------------

export const run = () => {
  const asked = address().get("run");
  return start.runs.some((item) => item.key === asked) ? asked : start.runs[0].key;
};

export const url = (path, params = {}, key = run()) => href(`/api/${encodeURIComponent(key)}/${path}`, params);

export async function get(path, params = {}, key = run()) {
  return json(await fetch(url(path, params, key)));
}

export async function json(response) {
  if (response.ok) return response.json();
  let text = `${response.status} ${response.statusText}`;
  try { const body = await response.json(); if (typeof body.detail === "string") text = body.detail; } catch { /* no JSON */ }
  throw new Error(text);
}

// -- words -------------------------------------------------------------------------------------------------------------

export const percent = (value, digits = 1) => (value === null || value === undefined ? "–" : (100 * value).toFixed(digits));

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.round(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export function bytes(size) {
  if (size === null || size === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  while (size >= 1000 && place < units.length - 1) { size /= 1000; place += 1; }
  return `${place && size < 10 ? size.toFixed(1) : Math.round(size)} ${units[place]}`;
}

export const when = (seconds) => new Date(1000 * seconds).toLocaleString();

// -- colours -----------------------------------------------------------------------------------------------------------

export const paletteName = () => (start.palettes[address().get("palette")] ? address().get("palette") : "voc");
export const colors = () => start.palettes[paletteName()];
export const css = (color) => `rgb(${color[0]},${color[1]},${color[2]})`;

/** A square in the colour of a label value; 255 is striped. */
export function swatch(value) {
  if (value === 255) return h("i.swatch.striped");
  return h("i.swatch", { style: { background: css(colors()[value]) } });
}

export function chip(value, names) {
  return h("span.chip", {}, swatch(value), value === 255 ? "255, left out" : names[value] ?? String(value));
}

let toasting;
export function toast(text) {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.classList.add("shown");
  clearTimeout(toasting);
  toasting = setTimeout(() => element.classList.remove("shown"), 2600);
}

export async function copy(text) {
  try { await navigator.clipboard.writeText(text); toast("copied"); } catch { toast("could not copy: select the text instead"); }
}

export const failed = (error) => h("div.problem", { role: "alert" }, h("b", {}, "This cannot be shown. "), error.message);

/** A labelled select; options are [value, text] or [group, [[value, text], ...]]. */
export function choice(label, options, value, change, more = {}) {
  const one = ([key, text]) => h("option", { value: key, selected: String(key) === String(value) }, text);
  const list = options.map((item) => (Array.isArray(item[1]) ? h("optgroup", { label: item[0] }, item[1].map(one)) : one(item)));
  const element = h("select", { onchange: (event) => change(event.target.value), ...more }, list);
  return h("label.field", {}, h("span", {}, label), element);
}

/** Layers as options, grouped by branch. */
export function grouped(layers, wanted = () => true) {
  const groups = new Map();
  for (const layer of layers.filter(wanted)) {
    const name = layer.branch || "whole run";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push([layer.key, layer.title]);
  }
  return groups.size === 1 ? [...groups.values()][0] : [...groups.entries()];
}
