// Drawings: bars through the pipeline, lines over rounds, a confusion matrix.

import { h, percent, svg } from "./dom.js";

/** Horizontal bars; each item has label, note, value in [0, 1], tone, and maybe what happens when it is chosen. */
export function bars(items) {
  const top = Math.max(...items.map((item) => item.value), 0.01);
  const scale = Math.ceil(top * 10) / 10;
  return h("div.bars", {}, items.map((item) => h(item.choose ? "button.row" : "div.row", { type: item.choose ? "button" : null, onclick: item.choose },
    h("span.label", {}, item.label, h("small", {}, item.note)),
    h("span.track", {}, h("i", { "data-tone": item.tone, style: { width: `${(100 * item.value) / scale}%` } })),
    h("b", {}, percent(item.value)))));
}

/** Lines over whole numbers; each has label, tone, dashed and points [x, y in [0, 1] or null]. */
export function lines(series) {
  const [width, height, left, right, up, down] = [560, 280, 40, 12, 12, 30];
  const drawn = series.map((line) => ({ ...line, points: line.points.filter((point) => point[1] !== null) })).filter((line) => line.points.length);
  const xs = [...new Set(drawn.flatMap((line) => line.points.map((point) => point[0])))].sort((a, b) => a - b);
  const ys = drawn.flatMap((line) => line.points.map((point) => point[1]));
  const step = Math.max(...ys) - Math.min(...ys) > 0.45 ? 0.2 : 0.1;
  const low = Math.max(0, step * Math.floor(Math.min(...ys) / step - 0.15));
  const high = Math.min(1, step * Math.ceil(Math.max(...ys) / step + 0.15));
  const x = (value) => left + (xs.length < 2 ? 0.5 : (value - xs[0]) / (xs.at(-1) - xs[0])) * (width - left - right - 30) + 15;
  const y = (value) => up + (1 - (value - low) / (high - low || 1)) * (height - up - down);
  const grid = [];
  for (let value = low; value <= high + 1e-9; value += step) grid.push(svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "gridline" }), svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, (100 * value).toFixed(0)));
  const ticks = xs.map((value, place) => svg("text", { x: x(value) + (place && place === xs.length - 1 ? 24 : 0), y: height - 8, "text-anchor": place && place === xs.length - 1 ? "end" : "middle" }, `round ${value}`));
  const paths = drawn.map((line) => svg("g", { "data-tone": line.tone, class: "series" },
    svg("path", { d: line.points.map((point, place) => `${place ? "L" : "M"}${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`).join(""), "stroke-dasharray": line.dashed ? "5 4" : null }),
    line.points.map((point) => svg("circle", { cx: x(point[0]), cy: y(point[1]), r: 3.5 }, svg("title", {}, `${line.label}, round ${point[0]}: ${percent(point[1])}`)))));
  return h("div.chart", {}, svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Scores over the rounds" }, grid, ticks, paths),
    h("div.legend", {}, drawn.map((line) => h("span.chip", {}, h("i", { class: line.dashed ? "stroke dashed" : "stroke", "data-tone": line.tone }), line.label, h("small.quiet", {}, ` ${percent(line.points.at(-1)[1])}`)))));
}

/** Truth down, given across, in shares of the truth; hovering says the numbers. */
export function matrix(counts, names) {
  const size = names.length;
  const rows = counts.slice(0, size - 1);
  const sums = rows.map((row) => row.reduce((sum, value) => sum + value, 0));
  const cell = size > 40 ? 10 : 20;
  const [left, up] = [92, 92];
  const [width, height] = [left + size * cell + 4, up + rows.length * cell + 4];
  const says = h("p.quiet.small", {}, "Rows are the truth, columns the labels given; darker is a larger share of the row. Point at a cell to read it.");
  const cells = rows.flatMap((row, down) => row.map((value, across) => {
    const share = sums[down] ? value / sums[down] : 0;
    const right = down === across;
    const element = svg("rect", { x: left + across * cell, y: up + down * cell, width: cell - 1, height: cell - 1, rx: 2, class: right ? "hit" : "miss", "fill-opacity": share ? (0.08 + 0.92 * Math.sqrt(share)).toFixed(3) : 0 });
    element.addEventListener("pointerenter", () => { says.textContent = `${names[down]} given as ${names[across]}: ${percent(share)} % of its pixels (${value.toLocaleString()})`; });
    return element;
  }));
  const font = size > 40 ? 8 : 11;
  const down = names.slice(0, -1).map((name, place) => svg("text", { x: left - 6, y: up + (place + 0.5) * cell + font / 3, "text-anchor": "end", "font-size": font }, short(name)));
  const across = names.map((name, place) => svg("text", { transform: `translate(${left + (place + 0.5) * cell + font / 3},${up - 6}) rotate(-90)`, "font-size": font }, short(name)));
  return h("div", {}, h("div.scroll", {}, svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "confusion", style: `max-width:${width}px`, role: "img", "aria-label": "Confusion matrix" }, svg("rect", { x: left, y: up, width: size * cell, height: rows.length * cell, class: "ground" }), cells, down, across)), says);
}

const short = (name) => (name.length > 13 ? `${name.slice(0, 12)}…` : name);
