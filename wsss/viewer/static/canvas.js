// Maps of one image as canvases: fetched as values, coloured here, so that palette and cursor cost no request.

import { colors, css, start, url } from "./dom.js";

const fetched = new Map();
const MOST_KEPT = 80;

function keep(key, make) {
  if (!fetched.has(key)) {
    fetched.set(key, make().catch((error) => { fetched.delete(key); throw error; }));
    if (fetched.size > MOST_KEPT) fetched.delete(fetched.keys().next().value);
  }
  return fetched.get(key);
}

/** The values of a layer: {planes, height, width, classes, kind, data}. */
export function values(layer, image) {
  const source = url("map", { layer: layer.key, image, v: layer.version });
  return keep(source, async () => {
    const response = await fetch(source);
    if (!response.ok) throw new Error(`${layer.title}: ${response.status} ${response.statusText}`);
    const [planes, height, width] = response.headers.get("x-shape").split(",").map(Number);
    const classes = (response.headers.get("x-classes") || "").split(",").filter(Boolean).map(Number);
    return { planes, height, width, classes, kind: response.headers.get("x-kind"), data: new Uint8Array(await response.arrayBuffer()) };
  });
}

/** The photograph as an image element that is ready to draw. */
export function photograph(image) {
  const source = url("photograph", { image });
  return keep(source, async () => {
    const element = new Image();
    element.src = source;
    await element.decode();
    return element;
  });
}

/** The value of a map at a place given in shares of width and height. */
export function valueAt(map, x, y, plane = 0) {
  const column = Math.min(Math.floor(x * map.width), map.width - 1);
  const row = Math.min(Math.floor(y * map.height), map.height - 1);
  return map.data[(plane * map.height + row) * map.width + column];
}

function blank(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** A map in colours; what is background is clear. `chosen` are the classes of CAMs that are drawn, null for all. */
export function paint(map, chosen = null) {
  const canvas = blank(map.width, map.height);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(map.width, map.height);
  const painter = { segmentation: paintLabels, error: paintErrors, saliency: paintSaliency, cams: paintCams, heat: paintHeat }[map.kind];
  painter(map, picture.data, chosen);
  context.putImageData(picture, 0, 0);
  return canvas;
}

const striped = (row, column, period) => ((row + column) % period) < period / 2;

function paintLabels(map, out) {
  const palette = colors();
  const { width, height, data } = map;
  const period = Math.max(6, Math.round(Math.max(width, height) / 60));
  for (let place = 0, row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1, place += 1) {
      const value = data[place];
      if (value === 0) continue;
      const at = 4 * place;
      if (value === 255) {
        const tone = striped(row, column, period) ? 178 : 255;
        out[at] = tone; out[at + 1] = tone; out[at + 2] = tone; out[at + 3] = 235;
        continue;
      }
      const edge = (column && differs(data[place - 1], value)) || (row && differs(data[place - width], value)) || (column < width - 1 && differs(data[place + 1], value)) || (row < height - 1 && differs(data[place + width], value));
      const color = edge ? [255, 255, 255] : palette[value];
      out[at] = color[0]; out[at + 1] = color[1]; out[at + 2] = color[2]; out[at + 3] = 255;
    }
  }
}

const differs = (other, value) => other !== value && other !== 255;

function paintErrors(map, out) {
  const { data, width } = map;
  const period = Math.max(6, Math.round(width / 60));
  for (let place = 0; place < data.length; place += 1) {
    const value = data[place];
    if (value === 0) continue;
    const color = start.errors[value]?.color ?? [0, 0, 0];
    const at = 4 * place;
    const light = value >= 5 && striped(Math.floor(place / width), place % width, period) ? 50 : 0;
    out[at] = color[0] + light; out[at + 1] = color[1] + light; out[at + 2] = color[2] + light;
    out[at + 3] = value === 1 ? 170 : 245;
  }
}

function paintSaliency(map, out) {
  for (let place = 0; place < map.data.length; place += 1) {
    const value = map.data[place];
    out[4 * place] = out[4 * place + 1] = out[4 * place + 2] = value;
    out[4 * place + 3] = 255;
  }
}

function paintCams(map, out, chosen) {
  const palette = colors();
  const size = map.width * map.height;
  for (let place = 0; place < size; place += 1) {
    let top = 0, sum = 0, red = 0, green = 0, blue = 0;
    for (let plane = 0; plane < map.planes; plane += 1) {
      if (chosen && !chosen.includes(map.classes[plane])) continue;
      const value = map.data[plane * size + place];
      if (value > top) top = value;
      // classes that overlap mix, the stronger one far more
      const weight = value ** 4;
      const color = palette[map.classes[plane]];
      sum += weight; red += weight * color[0]; green += weight * color[1]; blue += weight * color[2];
    }
    const glow = 0.55 * (top / 255) ** 5;
    const mixed = [red, green, blue];
    for (let channel = 0; channel < 3; channel += 1) { const tone = sum ? mixed[channel] / sum : 0; out[4 * place + channel] = tone + (255 - tone) * glow; }
    out[4 * place + 3] = top;
  }
}

// dark blue over red to light yellow, evenly brighter; never opaque, so that the picture below shows
const HEAT = [[20, 14, 60], [120, 28, 109], [212, 72, 66], [251, 155, 6], [252, 255, 164]];

function paintHeat(map, out) {
  for (let place = 0; place < map.data.length; place += 1) {
    const share = Math.sqrt(map.data[place] / 255);
    const step = Math.min(share * (HEAT.length - 1), HEAT.length - 1.001);
    const [low, part] = [Math.floor(step), step - Math.floor(step)];
    for (let channel = 0; channel < 3; channel += 1) out[4 * place + channel] = HEAT[low][channel] * (1 - part) + HEAT[low + 1][channel] * part;
    out[4 * place + 3] = 130 + 80 * share;
  }
}

/** Whether a map is smooth, so that enlarging may blend its values. */
export const smooth = (kind) => kind === "cams" || kind === "saliency" || kind === "heat";
export { css };
