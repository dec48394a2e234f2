// Where every artifact came from: attributes, settings, and whether its inputs still lie there.

import { bytes, get, h, when } from "./dom.js";

export async function provenancePage() {
  const entries = await get("provenance");
  const stale = entries.filter((entry) => entry.inputs.some((input) => input.matches === null && input.ours));
  return {
    title: "Provenance",
    element: h("section.page", {},
      h("h1", {}, "Where it came from"),
      h("p.lead", {}, "Open an artifact to see its settings, code and inputs. Marked inputs are no longer in this run: they were built again since, or came from elsewhere."),
      stale.length ? h("div.problem", {}, `${stale.length} artifact${stale.length === 1 ? " was" : "s were"} made from inputs that have changed since.`) : null,
      entries.map(item)),
  };
}

function item(entry) {
  const about = entry.attributes;
  const stage = about.stage ?? entry.path;
  const commit = about.git_commit ? h("code", { title: about.git_commit }, about.git_commit.slice(0, 10) + (about.git_commit.endsWith("-dirty") ? " (changed files)" : "")) : null;
  const changed = entry.inputs.some((input) => input.matches === null && input.ours);
  return h("details.entry", { id: entry.path },
    h("summary", {}, h("b", {}, stage), h("code", {}, entry.path), h("span.quiet", {}, bytes(entry.size)), h("span.quiet", {}, when(entry.changed)), changed ? h("span.tag.warn", {}, "inputs changed") : null, entry.problem ? h("span.tag.bad", {}, "cannot be read") : null),
    entry.problem ? h("div.problem", {}, entry.problem) : null,
    h("div.columns", {},
      h("div", {}, h("h3", {}, "Inputs"), entry.inputs.length ? h("table.plain", {}, h("tbody", {}, entry.inputs.map((input) => h("tr", {}, h("th", {}, input.name), h("td", {}, input.matches ? h("a", { href: `#${input.matches}`, onclick: (event) => { event.preventDefault(); const target = document.getElementById(input.matches); if (target) { target.open = true; target.scrollIntoView({ block: "center" }); } } }, input.matches) : h("span.quiet", {}, input.ours ? "no longer in this run" : "a file of yours")), h("td.number", {}, h("code.small", { title: input.fingerprint }, input.fingerprint.slice(0, 8))))))) : h("p.quiet", {}, "not recorded")),
      h("div", {}, h("h3", {}, "Settings"), Object.keys(entry.settings).length ? h("pre", {}, JSON.stringify(entry.settings, null, 2)) : h("p.quiet", {}, "none recorded")),
      h("div", {}, h("h3", {}, "Made by"), h("table.plain", {}, h("tbody", {}, rows(entry, commit))))));
}

function rows(entry, commit) {
  const shown = ["run", "variant", "seed", "split", "model", "protocol", "package_version", "code", "created", "root", "data_name", "label_source", "max_side", "steps", "epochs", "final_loss"];
  const lines = shown.filter((key) => entry.attributes[key] !== undefined && entry.attributes[key] !== "").map((key) => [key.replaceAll("_", " "), String(entry.attributes[key])]);
  if (commit) lines.push(["commit", commit]);
  lines.push(["fingerprint", h("code.small", {}, entry.fingerprint || "–")]);
  if (entry.attributes.class_names) lines.push(["classes", entry.attributes.class_names.join(", ")]);
  return lines.map(([key, value]) => h("tr", {}, h("th", {}, key), h("td", {}, value)));
}
