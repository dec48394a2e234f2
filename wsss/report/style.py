"""The look of the page: one stylesheet for desk, phone and paper, and a small script that enlarges pictures.

Both are text in a module, not files beside it: so the digest of the stage's code sees them, and no installation can
lack them.
"""

from __future__ import annotations

STYLE = """
:root { --ink: #1c2126; --muted: #626b75; --line: #dfe3e8; --soft: #f4f6f8; --train: #c07012; --val: #2b62a3;
  --warn: #8a4b00; --warn-paper: #fff6e8; color-scheme: light; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.5; font-size: 16px;
  font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
main, header > div, nav > div, footer { max-width: 1280px; margin: 0 auto; padding: 0 32px; }
header { padding: 44px 0 20px; }
h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 23px; letter-spacing: -0.01em; margin: 0 0 8px; line-height: 1.25; }
h3 { font-size: 16px; margin: 30px 0 8px; }
p { margin: 0 0 12px; max-width: 76ch; }
section { padding: 34px 0 26px; border-top: 1px solid var(--line); scroll-margin-top: 44px; }
section:first-child { border-top: 0; }
.kicker { color: var(--muted); font-size: 13px; margin: 0 0 6px; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 26px; margin: 14px 0 0; padding: 0; list-style: none;
  font-size: 14px; }
.facts span { color: var(--muted); margin-right: 6px; }
.muted, .lead { color: var(--muted); }
.lead { font-size: 15px; }
code, .id { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.92em; }
nav { position: sticky; top: 0; z-index: 2; background: rgba(255, 255, 255, 0.96);
  border-block: 1px solid var(--line); }
nav > div { display: flex; gap: 24px; overflow-x: auto; scrollbar-width: none; }
nav a { color: var(--muted); text-decoration: none; font-size: 14px; padding: 9px 0; white-space: nowrap; }
nav a:hover, nav a:focus-visible { color: var(--ink); text-decoration: underline; text-underline-offset: 5px; }
.warnings { background: var(--warn-paper); border-left: 3px solid #e2a13a; padding: 12px 18px; margin: 24px 0 0;
  font-size: 15px; color: var(--warn); }
.warnings p { margin: 0; max-width: none; } .warnings p + p { margin-top: 6px; }
.cards { display: flex; flex-wrap: wrap; gap: 14px; margin: 8px 0 34px; }
.card { background: var(--soft); border-radius: 8px; padding: 18px 22px 16px; flex: var(--share) 1 250px; }
.card h3 { margin: 0 0 10px; font-size: 15px; } .card p { font-size: 12.5px; color: var(--muted); margin: 12px 0 0;
  line-height: 1.45; }
.big { display: flex; flex-wrap: wrap; gap: 8px 40px; font-variant-numeric: tabular-nums; }
.big b { display: block; font-size: 38px; line-height: 1.05; letter-spacing: -0.02em; font-weight: 650; }
.big b small { font-size: 15px; font-weight: 400; letter-spacing: 0; } .big span { font-size: 13px;
  color: var(--muted); }
.split { display: grid; grid-template-columns: 300px minmax(0, 1fr); gap: 44px; align-items: start; }
.split h3 { margin-top: 4px; } .split .legend { flex-direction: column; }
.key { display: inline-flex; align-items: center; gap: 7px; margin-right: 20px; font-size: 13.5px;
  white-space: nowrap; }
.key i { width: 14px; height: 14px; border-radius: 2px; display: inline-block; flex: none; }
.chart svg { display: block; height: auto; max-width: 100%; }
.narrow { display: none; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums;
  margin: 0 0 22px; }
th { text-align: right; font-weight: 600; font-size: 12.5px; color: var(--muted); padding: 6px 0 6px 16px;
  border-bottom: 1px solid var(--line); vertical-align: bottom; line-height: 1.3; }
td { text-align: right; padding: 8px 0 2px 16px; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td:first-child { font-weight: 600; white-space: normal; }
tr.protocol td { padding: 0 0 9px; font-size: 12.5px; font-weight: 400; color: var(--muted); text-align: left;
  border-bottom: 1px solid var(--line); white-space: normal; }
.numbers { table-layout: fixed; } .numbers th:first-child { width: 29%; }
td.main { font-weight: 700; }
td small { color: var(--muted); font-size: 12px; }
.classes td { padding: 4px 0 4px 16px; border-bottom: 1px solid #eef0f3; }
.classes td:first-child { font-weight: 400; white-space: nowrap; padding-left: 0; }
.classes th { white-space: normal; } .confusions { max-width: 560px; }
.confusions td:nth-child(2), .confusions th:nth-child(2) { text-align: left; }
.bar { display: flex; align-items: center; gap: 8px; min-width: 120px; }
.bar i { flex: 1; height: 9px; background: #eef0f3; border-radius: 2px; overflow: hidden; }
.bar i::before { content: ""; display: block; height: 100%; width: var(--value); background: var(--tone); }
.bar span { width: 36px; text-align: right; }
.swatch { display: inline-block; width: 13px; height: 13px; border-radius: 2px; margin-right: 8px;
  vertical-align: -1px; }
.scroll { overflow-x: auto; }
.striped { background: repeating-linear-gradient(135deg, #fff 0 3px, #b2b6bc 3px 6px);
  outline: 1px solid var(--line); }
.dimmed { background: linear-gradient(135deg, #2c2f33, #6b7075); }
.guide { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 10px 34px;
  margin: 18px 0 20px; }
.guide h4 { margin: 0 0 3px; font-size: 14px; } .guide p { margin: 0; font-size: 13.5px; color: var(--muted);
  line-height: 1.45; }
.legend { display: flex; flex-wrap: wrap; gap: 5px 0; margin: 12px 0 10px; }
.sample { border-top: 1px solid var(--line); padding: 13px 0 15px; break-inside: avoid; }
.sample h4 { margin: 0 0 9px; font-size: 14px; font-weight: 600; display: flex; flex-wrap: wrap; gap: 2px 14px;
  align-items: baseline; }
.sample h4 .key { font-weight: 400; margin: 0; font-size: 13px; } .sample h4 .key i { width: 11px; height: 11px; }
.strip { display: grid; gap: 10px; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); }
.strip.many { grid-template-columns: repeat(auto-fill, minmax(172px, 1fr)); }
figure { margin: 0; }
.strip img { display: block; width: 100%; aspect-ratio: var(--ratio); object-fit: contain; background: var(--soft);
  height: auto; border-radius: 3px; cursor: zoom-in; }
figcaption { font-size: 12.5px; line-height: 1.35; margin-top: 5px; }
figcaption span { display: block; } figcaption span + span { color: var(--muted); }
.heats { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 26px 30px; }
dl { margin: 0; display: grid; grid-template-columns: minmax(170px, max-content) 1fr; gap: 7px 26px;
  font-size: 14.5px; }
dt { font-weight: 600; } dd { margin: 0; max-width: 84ch; color: #3d444c; }
details { border-top: 1px solid var(--line); padding: 9px 0; font-size: 14px; }
summary { cursor: pointer; } summary .muted { margin-left: 8px; }
pre { font-size: 12.5px; background: var(--soft); padding: 12px 14px; border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: 9px 0 4px; }
footer { color: var(--muted); font-size: 13px; padding-top: 22px; padding-bottom: 44px; }
dialog { border: 0; padding: 0; background: transparent; max-width: 96vw; max-height: 96vh; color: #fff;
  overflow: hidden; }
dialog:focus-visible { outline: 0; }
dialog::backdrop { background: rgba(14, 16, 19, 0.9); }
dialog img { display: block; width: min(92vw, 1000px); max-height: 82vh; object-fit: contain; }
dialog p { margin: 12px 0 0; font-size: 14px; text-align: center; max-width: none; color: #e8ebee; }
@media (max-width: 1000px) { .split { grid-template-columns: 1fr; gap: 14px; }
  .split .legend { flex-direction: row; } .strip { grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); } }
@media (max-width: 640px) {
  body { font-size: 15px; }
  main, header > div, nav > div, footer { padding-left: 16px; padding-right: 16px; }
  header { padding-top: 26px; } h1 { font-size: 27px; } h2 { font-size: 20px; }
  section { padding: 26px 0 18px; }
  .wide { display: none; } .narrow { display: block; }
  .card { padding: 15px 16px 13px; } .big { gap: 8px 24px; } .big b { font-size: 30px; }
  .strip, .strip.many { grid-template-columns: 1fr 1fr; gap: 9px; }
  figcaption { font-size: 12px; }
  .numbers thead { display: none; } .numbers, .numbers tbody { display: block; }
  .numbers tr { display: grid; grid-template-columns: 1fr 1fr; gap: 1px 18px; padding-top: 10px; }
  .numbers td { display: flex; justify-content: space-between; align-items: baseline; padding: 2px 0; }
  .numbers td::before { content: attr(data-label); color: var(--muted); font-weight: 400; font-size: 12.5px;
    white-space: normal;
    text-align: left; padding-right: 8px; line-height: 1.25; }
  .numbers td:first-child, .numbers tr.protocol td { grid-column: 1 / -1; display: block; }
  .numbers td:first-child::before { display: none; }
  .numbers tr.protocol { padding-top: 2px; }
  .classes th:first-child, .classes td:first-child { position: sticky; left: 0; background: #fff; z-index: 1;
    padding-right: 6px; }
  .bar { min-width: 0; justify-content: flex-end; } .bar i { display: none; }
  .classes th, .classes td { padding-left: 8px; } .classes :is(th, td):first-child { padding-left: 0; }
  .classes { font-size: 13.5px; } .classes:not(.confusions) :is(th, td):nth-child(2) { display: none; }
  dl { grid-template-columns: 1fr; gap: 2px; } dd { margin-bottom: 9px; }
}
@media print {
  nav, dialog { display: none; } body { font-size: 10.5pt; } header { padding-top: 0; }
  main, header > div, footer { max-width: none; padding: 0; }
  .split, .guide { break-inside: avoid; } .heats { grid-template-columns: repeat(3, 1fr); gap: 12px; }
  .numbers { font-size: 9pt; } .numbers th { font-size: 7pt; } .numbers th:first-child { width: 20%; min-width: 0; }
  th { font-size: 8pt; } :is(th, td):not(:first-child) { padding-left: 8px; }
  section { padding: 16px 0 10px; } h2, h3 { break-after: avoid; } tr, .card, .chart { break-inside: avoid; }
  .strip { grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); gap: 6px; }
  figcaption { font-size: 7.5pt; } .sample h4 { font-size: 9pt; }
  @page { margin: 14mm; }
}
"""

SCRIPT = """
(() => {
  const dialog = document.querySelector("dialog"), image = dialog.querySelector("img"),
    text = dialog.querySelector("p");
  let strip = [], place = 0;
  const show = (next) => {
    place = (next + strip.length) % strip.length;
    const figure = strip[place];
    image.src = figure.querySelector("img").src;
    image.alt = figure.querySelector("img").alt;
    text.textContent = image.alt + "   (" + (place + 1) + " of " + strip.length + "; arrow keys or tap for the next)";
  };
  document.addEventListener("click", (event) => {
    const figure = event.target.closest(".strip figure");
    if (figure) { strip = [...figure.parentElement.children]; dialog.showModal(); show(strip.indexOf(figure)); }
    else if (event.target === image) show(place + 1);
    else if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") show(place + 1);
    if (event.key === "ArrowLeft") show(place - 1);
  });
})();
"""
