"""The page: one HTML file that needs nothing beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from wsss.evaluation.protocols import definitions
from wsss.label_values import has_background
from wsss.pipeline.stages import METHODS
from wsss.report import figures
from wsss.report.charts import REFERENCE, TRAIN, VAL, WIDE, percent
from wsss.report.evaluations import (
    Evaluation,
    Record,
    by_variant,
    final_prediction,
    identity,
    is_reference,
    method_of_record,
    spread,
    title,
)
from wsss.report.gallery import Gallery
from wsss.report.layout import both_widths, split
from wsss.report.parts import Look, report_parts
from wsss.report.pictures import color_key, gallery_section
from wsss.report.style import SCRIPT, STYLE
from wsss.report.tables import class_table, comparison_table, confusion_table, number_tables


@dataclass(frozen=True)
class Page:
    """The content of the page.

    Attributes:
        evaluations: One per variant and seed.
        galleries: One per split, by name, and one per method that has one.
        palette: (256, 3) uint8 colours of label values.
        artifacts: Name -> root attributes of every evaluated artifact.
    """

    evaluations: Sequence[Evaluation]
    galleries: Mapping[str, Gallery]
    palette: np.ndarray
    artifacts: Mapping[str, Mapping[str, Any]]

    def html(self) -> str:
        """Return the whole file."""
        sections = [(name, text, content) for name, text, content in self._sections() if content]
        links = "".join(f'<a href="#{name}">{escape(text)}</a>' for name, text, _ in sections)
        body = "".join(f'<section id="{name}">{content}</section>' for name, _, content in sections)
        run = escape(str(self._first.content.get("run") or "run"))
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{run} · wsss report</title><style>{STYLE}</style></head><body>"
            f"<header><div>{self._head(run)}</div></header><nav><div>{links}</div></nav><main>{body}</main>"
            f"<footer>{self._foot()}</footer><dialog><img alt=''><p></p></dialog>"
            f"<script>{SCRIPT}</script></body></html>\n"
        )

    @property
    def _variants(self) -> dict[str, list[Evaluation]]:
        return by_variant(self.evaluations)

    @property
    def _first(self) -> Evaluation:
        return self.evaluations[0]

    def _branch_name(self) -> str:
        return f"{self._first.variant} seed {self._first.seed}".strip()

    def _sections(self) -> list[tuple[str, str, str]]:
        many = len(self._variants) > 1
        return [
            ("variants", "Variants", self._comparison() if many else ""),
            ("overview", "Overview", self._overview()),
            *self._methods(),
            ("train", "Training images", self._gallery("train")),
            ("val", "Validation images", self._gallery("val")),
            ("numbers", "All numbers", self._numbers()),
            ("classes", "Classes", self._classes()),
            ("thresholds", "Thresholds", self._thresholds()),
            ("definitions", "Definitions", _definitions(self._first.content["data"]["class_names"])),
            ("provenance", "Where it came from", self._provenance()),
        ]

    def _head(self, run: str) -> str:
        content = self._first.content
        data = content["data"]
        splits = ", ".join(f"{part['images']} {name}" for name, part in data["splits"].items())
        per_image = data["splits"].get("train", {}).get("classes_per_image")
        seeds = sorted({item.seed for item in self.evaluations})
        facts = [
            ("data set", data["name"]),
            ("images", splits),
            ("classes", f"{len(data['class_names']) - 1}" + (f", {per_image:.2f} per image" if per_image else "")),
            ("image-level labels from", data["label_source"]),
            ("seeds" if len(seeds) > 1 else "seed", ", ".join(map(str, seeds))),
            ("date", str(content["created"])[:10]),
            ("commit", _short(str(content.get("git_commit") or "")) or "unknown"),
            ("wsss", content["package_version"]),
        ]
        items = "".join(f"<li><span>{escape(key)}</span>{escape(str(value))}</li>" for key, value in facts if value)
        return (
            f'<p class="kicker">Weakly supervised semantic segmentation: from image-level labels to pixel masks</p>'
            f'<h1>{run}</h1><ul class="facts">{items}</ul>{self._warnings()}'
        )

    def _warnings(self) -> str:
        texts: dict[str, None] = {}
        for item in self.evaluations:
            for warning in item.content["warnings"]:
                where = f"{item.variant} seed {item.seed}: " if len(self.evaluations) > 1 else ""
                texts[f"{where}{warning}"] = None
        if not texts:
            return ""
        return '<div class="warnings">' + "".join(f"<p>{escape(text)}.</p>" for text in texts) + "</div>"

    def _comparison(self) -> str:
        lead = "Each row is one variant: means over its seeds, ± the sample standard deviation, in percent."
        return f'<h2>Variants</h2><p class="lead">{lead}</p>{comparison_table(self._variants)}'

    def _overview(self) -> str:
        evaluations = next(iter(self._variants.values()))
        keys = (
            color_key(TRAIN, "train")
            + color_key(VAL, "val")
            + color_key(REFERENCE, "fully supervised reference", hollow=True)
        )
        lead = (
            "Compare the stages, in percent mIoU. CAMs and labels are judged on the training images, networks on "
            "validation images that they have never seen."
        )
        text = f'<h3>mIoU through the pipeline</h3><p class="lead">{lead}</p><div class="legend">{keys}</div>'
        chart = both_widths(lambda width: figures.pipeline_chart(self._variants, width))
        cards = self._cards(evaluations) if len(self._variants) == 1 else ""
        return f"<h2>Overview</h2>{cards}{split(text, chart)}"

    def _cards(self, evaluations: Sequence[Evaluation]) -> str:
        first = evaluations[0]
        cards = []
        # each method ends in its own label set and network
        for method in ("", *METHODS):
            for item in [item for item in first.of_kind("labels") if method_of_record(item) == method][-1:]:
                metrics = (("precision", "precision"), ("coverage", "coverage"), ("miou", "mIoU, 255 a miss"))
                cards.append(_card(evaluations, item, metrics))
            final = final_prediction(first, method=method)
            if final is not None:
                cards.append(_card(evaluations, final, (("miou", f"mIoU on {final['split']}"),)))
        for item in [item for item in first.of_kind("predictions") if is_reference(item)][:1]:
            cards.append(_card(evaluations, item, (("miou", f"mIoU on {item['split']}, fully supervised"),)))
        return f'<div class="cards">{"".join(cards)}</div>'

    def _gallery(self, split: str) -> str:
        gallery = self.galleries.get(split)
        if gallery is None:
            return ""
        names = self._first.content["data"]["class_names"]
        return gallery_section(gallery, names, self.palette, guide=split == next(iter(self.galleries)))

    def _methods(self) -> list[tuple[str, str, str]]:
        """Return anchor, title and content of each method's section; content is empty if the run lacks the method."""
        look = Look(self._first.content["data"]["class_names"], self.palette)
        return [
            (part.anchor, part.title, part.section(self._variants, self.galleries.get(method), look))
            for method, part in report_parts().items()
        ]

    def _numbers(self) -> str:
        lead = (
            "Numbers are in percent, except thresholds and MAE. The line below each row says how it was made and "
            "judged. Definitions are below."
        )
        parts = [f'<h2>All numbers</h2><p class="lead">{lead}</p>']
        for variant, evaluations in self._variants.items():
            if len(self._variants) > 1:
                parts.append(f"<h2>{escape(variant)}</h2>")
            parts.append(number_tables(evaluations))
        return "".join(parts)

    def _classes(self) -> str:
        table = class_table(self._first, self.palette)
        confusions = confusion_table(self._first)
        final = final_prediction(self._first)
        if confusions and final is not None:
            lead = (
                f"See which classes the {title(final)} takes for others on {final['split']}: the largest shares of a "
                "class's pixels that go to another class."
            )
            confusions = f'<h3>Confusions</h3><p class="lead">{escape(lead)}</p>{confusions}'
        lead = "IoU per class, in percent" + (f", of {self._branch_name()}." if len(self.evaluations) > 1 else ".")
        return f'<h2>Classes</h2><p class="lead">{escape(lead)}</p>{table}{confusions}' if table else ""

    def _thresholds(self) -> str:
        if figures.cam_chart(self._first, WIDE) is None:
            return ""
        curve = both_widths(lambda width: figures.cam_chart(self._first, width) or "")
        lead = (
            "See how good the best thresholds would be, judged by the true masks of the training images. Do not copy "
            "thresholds from here: they have seen the masks, and results with them are no longer weakly supervised."
        )
        if len(self.evaluations) > 1:
            lead += f" Numbers are of {self._branch_name()}."
        rest = "background" if has_background(self._first.content["data"]["class_names"]) else "255"
        alone = (
            f"Where the strongest CAM is above the threshold, the pixel gets its class, else {rest}. A low threshold "
            "finds more of the objects, a high one spills over less."
        )
        text = f'<h3>CAMs alone</h3><p class="lead">{alone}</p>'
        return f'<h2>Thresholds</h2><p class="lead">{lead}</p>{split(text, curve)}{self._heat_maps()}'

    def _heat_maps(self) -> str:
        maps, limit = figures.heat_maps(self._first, 380)
        if not maps:
            return ""
        text = (
            "A pixel gets its class where saliency and CAM are above their thresholds, background where saliency is "
            f"not and {limit}, and 255 elsewhere. Darker is higher. ● marks this run's thresholds, + the best value."
        )
        grid = "".join(f'<div class="chart">{chart}</div>' for chart in maps)
        return f'<h3>CAMs and saliency</h3><p class="lead">{escape(text)}</p><div class="heats">{grid}</div>'

    def _provenance(self) -> str:
        parts = []
        for name, attributes in self.artifacts.items():
            known = {key: value for key, value in attributes.items() if key not in ("class_names", "format_version")}
            created = str(attributes.get("created", ""))[:16].replace("T", " ")
            text = escape(json.dumps(known, indent=2, ensure_ascii=False, default=str))
            origin = f"{attributes.get('stage', '')}, {created}"
            summary = f'{escape(name)}<span class="muted">{escape(origin)}</span>'
            parts.append(f"<details><summary>{summary}</summary><pre>{text}</pre></details>")
        lead = "Open an artifact to see its settings, its commit and the fingerprints of its inputs."
        if len(self.evaluations) > 1:
            lead += f" These are of {self._branch_name()}."
        return f'<h2>Where it came from</h2><p class="lead">{lead}</p>{"".join(parts)}'

    def _foot(self) -> str:
        return f"wsss {escape(str(self._first.content['package_version']))}. Photographs belong to their owners."


def _definitions(class_names: Sequence[str]) -> str:
    names = {"miou": "mIoU", "miou_labelled": "mIoU, labelled only", "foreground_miou": "foreground mIoU", "mae": "MAE"}
    names |= {"background_iou": "background IoU", "iou": "IoU of saliency", "f_measure": "F", "empty": "no foreground"}
    items = "".join(
        f"<dt>{escape(names.get(key, key.replace('_', ' ')))}</dt><dd>{escape(text)}</dd>"
        for key, text in definitions(class_names).items()
    )
    return f"<h2>Definitions</h2><dl>{items}</dl>"


def _card(evaluations: Sequence[Evaluation], item: Record, metrics: Sequence[tuple[str, str]]) -> str:
    """Write a card of one evaluated thing: its main numbers, large, and its protocol."""
    numbers = []
    for metric, label in metrics:
        found = spread(evaluations, identity(item), metric)
        number = percent(found.mean if found else None)
        if found is not None and found.deviation is not None:
            number += f" <small>± {100 * found.deviation:.1f}</small>"
        numbers.append(f"<div><b>{number}</b><span>{escape(label)}</span></div>")
    name = title(item)
    return (
        f'<div class="card" style="--share:{len(metrics)}"><h3>{escape(name[0].upper() + name[1:])}</h3>'
        f'<div class="big">{"".join(numbers)}</div><p>{escape(str(item["protocol"]))}</p></div>'
    )


def _short(commit: str) -> str:
    name, _, dirty = commit.partition("-")
    return name[:10] + (" (with local changes)" if dirty else "")
