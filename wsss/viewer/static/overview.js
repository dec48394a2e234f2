// The run at a glance: stages, numbers through the pipeline and over rounds, classes, confusions, comparison.

import { address, bytes, choice, copy, css, colors, duration, get, h, href, kept, percent, run, start, when } from "./dom.js";
import { bars, lines, matrix } from "./charts.js";

const STATES = { done: "done", running: "running", begun: "begun", stopped: "stopped", missing: "missing" };
const UNSEEN = "Whether it still runs cannot be seen from here.";

export async function overviewPage({ remember }) {
  const keys = start.runs.map((item) => item.key);
  const [strip, ...numbers] = await Promise.all([get("stages"), ...keys.map((key) => get("overview", {}, key))]);
  const all = Object.fromEntries(keys.map((key, place) => [key, numbers[place]]));
  const stages = h("div", {}, stageStrip(strip));
  const body = h("div.sections");

  const draw = () => body.replaceChildren(...sections(all, remember, draw));
  draw();
  const refresh = async (now) => {
    stages.replaceChildren(stageStrip(now));
    all[run()] = await get("overview");
    draw();
  };
  return { title: "Overview", element: h("section.page", {}, heading(all[run()]), stages, body), refresh };
}

function heading(about) {
  const data = about.data;
  const facts = data ? [data.name, ...Object.entries(data.splits).map(([name, count]) => `${count.toLocaleString()} ${name}`), `${data.class_names.length - 1} classes`] : ["no index yet"];
  return h("div.heading", {}, h("h1", {}, about.name), h("p.lead", {}, facts.join(" · ")));
}

// -- stages ------------------------------------------------------------------------------------------------------------

function stageStrip(strip) {
  const detail = h("div.detail", { hidden: true });
  let open = null;
  const steps = strip.stages.map((stage) => {
    const done = stage.items.filter((item) => item.state === "done");
    const seconds = done.reduce((sum, item) => sum + (item.seconds ?? 0), 0);
    const size = done.reduce((sum, item) => sum + (item.size ?? 0), 0);
    const busy = stage.items.find((item) => item.progress !== null);
    const bad = stage.items.some((item) => item.problem);
    const count = stage.items.length > 1 ? `${done.length} of ${stage.items.length}` : "";
    const away = stage.items.find((item) => item.state === stage.state && item.host);
    const word = bad ? "damaged" : away ? `${STATES[stage.state]} on ${away.host}` : STATES[stage.state];
    // the mark beside the count tells whether the items are done or wait
    const state = count && (word === "done" || word === "missing") ? count : [word, count].filter(Boolean).join(", ");
    const button = h("button.step", { type: "button", "data-state": bad ? "bad" : stage.state, "data-stage": stage.stage, "aria-expanded": "false", title: [word, count].filter(Boolean).join(", ") },
      h("b", {}, stage.title),
      h("span.mark", { "aria-hidden": "true" }),
      h("small.state", {}, state),
      h("small", {}, seconds ? duration(seconds) : "\u00a0"), h("small", {}, size ? bytes(size) : "\u00a0"),
      busy ? h("progress", { value: String(busy.progress), max: "1" }) : null);
    button.addEventListener("click", () => {
      const same = open === button;
      if (open) open.setAttribute("aria-expanded", "false");
      open = same ? null : button;
      detail.hidden = same;
      if (!same) { button.setAttribute("aria-expanded", "true"); detail.replaceChildren(stageDetail(stage)); }
    });
    return button;
  });
  const missing = strip.stages.flatMap((stage) => stage.items).find((item) => item.state === "missing" || item.state === "stopped");
  return h("div.panel.pipeline", {},
    h("div.steps", { role: "list" }, steps.map((step) => h("div", { role: "listitem" }, step))), detail,
    missing ? h("p.next", {}, h("span", {}, missing.state === "stopped" ? "Stopped; goes on with" : "Next"), command(missing.command)) : null,
    strip.problem ? h("p.quiet.small", {}, strip.problem) : null);
}

function stageDetail(stage) {
  return h("table.plain", {}, h("tbody", {}, stage.items.map((item) => h("tr", {},
    h("td", {}, h("span.tag", { "data-state": item.problem ? "bad" : item.state }, item.problem ? "damaged" : STATES[item.state])),
    h("td", {}, item.name || item.path, item.name && item.name !== item.path ? h("div.quiet.small", {}, item.path) : null, life(item), item.problem ? h("div.bad.small", {}, item.problem) : null),
    h("td.number", {}, duration(item.seconds)), h("td.number", {}, bytes(item.size)), h("td.quiet", {}, item.changed ? when(item.changed) : ""),
    h("td", {}, item.command ? command(item.command) : "")))));
}

function life(item) {
  if (item.state !== "begun" && !item.host) return null;
  const where = item.host ? `On ${item.host}` : "Its machine is not recorded";
  const sign = item.sign ? `, last sign of life ${when(item.sign)}` : "";
  return h("div.quiet.small", {}, `${where}${sign}. ${item.state === "begun" ? UNSEEN : ""}`.trim());
}

function command(text) {
  return h("span.command", {}, h("code", {}, text), h("button", { type: "button", title: "Copy", "aria-label": "Copy the command", onclick: () => copy(text) }, "copy"));
}

// -- numbers -----------------------------------------------------------------------------------------------------------

function sections(all, remember, again) {
  const about = all[run()];
  const problems = Object.entries(about.problems ?? {});
  const found = problems.length ? [h("div.problem", {}, problems.map(([path, text]) => h("div", {}, h("code", {}, path), " ", text)))] : [];
  if (!about.branches.length) {
    found.push(h("div.panel.empty", {}, h("h2", {}, "Nothing is measured yet"), h("p", {}, "Numbers appear here when the stage ", h("code", {}, "evaluate"), " is done. Pictures of what is there already are in the ", h("a", { href: href("/gallery", kept(["run", "palette"])) }, "gallery"), ".")));
    return found;
  }
  const branch = about.branches.find((item) => item.branch === address().get("branch")) ?? about.branches[0];
  const warnings = branch.warnings ?? [];
  if (about.branches.length > 1) {
    found.push(h("div.tabs", { role: "tablist" }, about.branches.map((item) => h("button", { type: "button", role: "tab", "aria-selected": String(item === branch), onclick: () => { remember({ branch: item.branch }); again(); } }, item.branch || "run"))));
  }
  if (warnings.length) found.push(h("div.problem.mild", {}, warnings.map((text) => h("p", {}, text))));
  found.push(headline(branch));
  found.push(h("div.two-columns", {},
    h("div.panel", {}, h("h2", {}, "mIoU through the pipeline"), h("p.quiet.small", {}, "Labels on train, 255 counted as a miss; predictions on their split. Choose a bar to see its classes."), bars(pipelineBars(branch, (record) => { remember({ record: key(record) }); again(); document.getElementById("classes")?.scrollIntoView({ behavior: "smooth" }); }))),
    branch.rounds?.length ? h("div.panel", {}, h("h2", {}, "Over the rounds"), lines(roundLines(branch))) : h("div.panel", {}, h("h2", {}, "In numbers"), labelsTable(branch))));
  const others = comparison(all);
  if (others) found.push(others);
  found.push(classes(branch, remember, again));
  return found;
}

const key = (record) => `${record.kind}|${record.name}|${record.split}`;

function headline(branch) {
  const cards = [];
  const final = branch.records.find((item) => item.kind === "predictions" && item.title === branch.final);
  const labels = branch.records.filter((item) => item.kind === "labels");
  const cams = branch.records.find((item) => item.kind === "cams");
  const reference = branch.records.find((item) => item.kind === "predictions" && item.reference);
  const add = (title, value, note) => { if (value !== null && value !== undefined) cards.push(h("div.figure", {}, h("span", {}, title), h("b", {}, percent(value), h("small", {}, " %")), h("small", {}, note))); };
  if (cams) add("CAMs", cams.metrics.miou, `mIoU on ${cams.split} at their best threshold`);
  if (labels.length) add(labels[0].title, labels[0].metrics.miou, `mIoU on train, ${percent(labels[0].metrics.coverage, 0)} % labelled`);
  if (labels.length > 1) add(labels.at(-1).title, labels.at(-1).metrics.miou, `mIoU on train, ${percent(labels.at(-1).metrics.coverage, 0)} % labelled`);
  if (final) add(final.title, final.metrics.miou, `mIoU on ${final.split}`);
  if (reference) add(reference.title, reference.metrics.miou, `mIoU on ${reference.split}, the reference`);
  return h("div.figures", {}, cards);
}

function pipelineBars(branch, choose) {
  return branch.records.filter((record) => ["cams", "labels", "predictions"].includes(record.kind) && record.metrics.miou !== null && record.metrics.miou !== undefined)
    .map((record) => ({ label: record.title, note: record.split, value: record.metrics.miou, tone: record.reference ? "reference" : record.split === "train" ? "train" : "val", choose: record.classes ? () => choose(record) : null }));
}

function roundLines(branch) {
  const points = (part, metric) => branch.rounds.map((item) => [item.number, item[part]?.[metric] ?? null]);
  return [
    { label: "labels: mIoU", tone: "train", points: points("labels", "miou") },
    { label: "labels: precision", tone: "train", dashed: true, points: points("labels", "precision") },
    { label: "labels: coverage", tone: "third", dashed: true, points: points("labels", "coverage") },
    { label: "network: mIoU", tone: "val", points: points("network", "miou") },
  ];
}

function labelsTable(branch) {
  const rows = branch.records.filter((record) => ["labels", "predictions", "cams"].includes(record.kind));
  const cell = (record, name) => h("td.number", {}, percent(record.metrics[name]));
  return h("div.scroll", {}, h("table.numbers", {},
    h("thead", {}, h("tr", {}, ["", "split", "mIoU", "precision", "coverage"].map((text, place) => h(place > 1 ? "th.number" : "th", {}, text)))),
    h("tbody", {}, rows.map((record) => h("tr", { title: record.protocol }, h("td", {}, record.title), h("td.quiet", {}, record.split), cell(record, "miou"), cell(record, "precision"), cell(record, "coverage"))))));
}

// -- comparison --------------------------------------------------------------------------------------------------------

function comparison(all) {
  const columns = Object.entries(all).flatMap(([name, about]) => about.branches.map((branch) => ({ run: name, name: [Object.keys(all).length > 1 ? name : "", branch.branch].filter(Boolean).join(" / ") || name, records: branch.records })));
  if (columns.length < 2) return null;
  const rows = new Map();
  const protocols = new Map();
  for (const column of columns) {
    for (const record of column.records) {
      if (record.metrics.miou === null || record.metrics.miou === undefined) continue;
      const label = `${record.title}|${record.split}`;
      if (!rows.has(label)) { rows.set(label, new Map()); protocols.set(label, new Set()); }
      protocols.get(label).add(record.protocol);
      rows.get(label).set(column, record.metrics.miou);
    }
  }
  const line = ([label, found]) => {
    const [name, split] = label.split("|");
    const first = found.get(columns[0]);
    const best = Math.max(...found.values());
    // scores may differ by protocol alone (scales, flip, thresholds)
    const differs = protocols.get(label).size > 1 ? h("small.quiet", { title: [...protocols.get(label)].join("\n") }, " made or judged differently") : null;
    return h("tr", {}, h("td", {}, name, differs), h("td.quiet", {}, split), columns.map((column, place) => {
      const value = found.get(column);
      if (value === undefined) return h("td.number.quiet", {}, "·");
      const delta = place && first !== undefined ? 100 * (value - first) : null;
      return h(value === best && found.size > 1 ? "td.number.best" : "td.number", {}, percent(value), delta === null ? null : h("small", { class: delta > 0 ? "up" : delta < 0 ? "down" : "" }, ` ${delta > 0 ? "+" : delta < 0 ? "−" : "±"}${Math.abs(delta).toFixed(1)}`));
    }));
  };
  return h("div.panel", {}, h("h2", {}, "Side by side"), h("p.quiet.small", {}, `mIoU in per cent; differences are to ${columns[0].name}. What variants share is measured in each of them.`),
    h("div.scroll", {}, h("table.numbers", {}, h("thead", {}, h("tr", {}, h("th", {}, ""), h("th", {}, "split"), columns.map((column) => h("th.number", {}, column.name)))), h("tbody", {}, [...rows].map(line)))));
}

// -- classes -----------------------------------------------------------------------------------------------------------

function classes(branch, remember, again) {
  const records = branch.records.filter((record) => record.classes);
  if (!records.length) return h("div");
  const asked = address().get("record");
  const record = records.find((item) => key(item) === asked) ?? records.filter((item) => item.title === branch.final).at(-1) ?? records.at(-1);
  const holder = h("div.matrix", {}, h("p.quiet", {}, record.has_confusion ? "Loading" : "No confusion matrix: there are no true masks, or these are CAMs."));
  if (record.has_confusion) {
    get("confusion", { branch: branch.branch, kind: record.kind, name: record.name, split: record.split })
      .then((answer) => holder.replaceChildren(matrix(answer.confusion, answer.classes)))
      .catch((error) => holder.replaceChildren(h("div.problem", {}, error.message)));
  }
  const other = records.filter((item) => item.split === record.split && item.kind === record.kind && item !== record);
  const against = other.find((item) => key(item) === address().get("against"));
  return h("div.panel", { id: "classes" },
    h("div.line", {}, h("h2", {}, "Classes"),
      h("div.fields", {}, choice("Of", records.map((item) => [key(item), `${item.title}, ${item.split}`]), key(record), (value) => { remember({ record: value, against: "" }); again(); }),
        other.length ? choice("Against", [["", "nothing"], ...other.map((item) => [key(item), item.title])], against ? key(against) : "", (value) => { remember({ against: value }); again(); }) : null)),
    h("p.quiet.small", {}, record.protocol),
    h("div.two-columns.wide-right", {}, h("div.scroll", {}, classTable(branch, record, against)), holder));
}

function classTable(branch, record, against) {
  const found = record.classes;
  const column = (name) => (found[name] ? [h("th.number", {}, name)] : []);
  const row = (name, place) => {
    const value = found.iou[place];
    const delta = against && value !== null && against.classes.iou[place] !== null ? 100 * (value - against.classes.iou[place]) : null;
    return h("tr", {}, h("td", {}, h("i.swatch", { style: { background: css(colors()[place]) } }), " ", name),
      h("td.barcell", {}, h("span.bar", {}, h("i", { style: { width: `${100 * (value ?? 0)}%`, background: css(colors()[place]) } })), h("span.number", {}, percent(value))),
      against ? h("td.number", { class: delta > 0 ? "number up" : delta < 0 ? "number down" : "number" }, delta === null ? "–" : `${delta > 0 ? "+" : ""}${delta.toFixed(1)}`) : null,
      found.precision ? h("td.number", {}, percent(found.precision[place])) : null, found.recall ? h("td.number", {}, percent(found.recall[place])) : null);
  };
  return h("table.numbers.classes", {}, h("thead", {}, h("tr", {}, h("th", {}, "class"), h("th", {}, "IoU"), against ? h("th.number", {}, "difference") : null, column("precision"), column("recall"))), h("tbody", {}, branch.class_names.map(row).slice(branch.background ? 0 : 1)));
}
