"""Rows of a study: each finished branch of a run as a JSON file that stays, and the table that is made of them."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from wsss.config import load_config
from wsss.errors import InputError
from wsss.plan import Artifact, Plan
from wsss.report.evaluations import Evaluation, load_evaluation
from wsss.report.rounds import Round, rounds_of

Row = dict[str, Any]

COLUMNS = (
    ("labels: precision", ("labels", "precision"), 100),
    ("recall", ("labels", "class_recall"), 100),
    ("coverage", ("labels", "coverage"), 100),
    ("mIoU", ("labels", "miou"), 100),
    ("saliency labels: MAE", ("saliency_labels", "mae"), 1),
    ("best F", ("saliency_labels", "best_f_measure"), 100),
    ("network: val mIoU", ("network", "miou"), 100),
    ("training, min", ("training", "minutes"), 1),
)
"""Heading, place in a row's round, and factor of the table's columns."""
DIGITS = {"saliency labels: MAE": 3}


def collect_rows(config: Path, folder: Path) -> tuple[list[Path], int]:
    """Writes a JSON of every finished branch (variant and seed) that has none yet, and the table of all that are there.

    Args:
        config: The config file of the study; other seeds than it names are found too.
        folder: Holds the rows and the table, `README.md`.

    Returns:
        The rows that are new, and how many branches of the config's variants have none.

    Raises:
        InputError: If the config is wrong or something that was made is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = _plan(config)
    written, missing = [], 0
    for place, variant in enumerate(plan.variants):
        for seed in plan.seeds:
            path = Path(plan.path(Artifact("evaluate", variant, seed)))
            if not path.is_file():
                missing += 1
                continue
            row = _row(plan, place, variant, seed, load_evaluation(path))
            target = folder / f"{variant or 'run'}-seed{seed}-{_digest(row)}.json"
            if not target.is_file():
                _replace(target, json.dumps(row, indent=1, sort_keys=False) + "\n")
                written.append(target)
    _replace(folder / "README.md", _page(plan.run, _newest(folder)))
    return written, missing


def _plan(path: Path) -> Plan:
    """The plan of the config with all seeds of which there are results."""
    config = load_config(path)
    found = Path("results", config.run).glob("*/seed*")
    seeds = {int(name) for item in found if (name := item.name.removeprefix("seed")).isdecimal()}
    return Plan(config.model_copy(update={"seeds": tuple(sorted({*config.seeds, *seeds}))}))


def _row(plan: Plan, place: int, variant: str, seed: int, evaluation: Evaluation) -> Row:
    content, config = evaluation.content, plan.config.for_variant(variant)
    rounds = [_round(item, plan, variant, seed) for item in rounds_of(evaluation)]
    if not rounds:
        raise InputError(f"{evaluation.path}: holds no network of AuxSegNet; is this the config of such a study?")
    splits = content["data"]["splits"]
    return {
        "study": plan.run,
        "variant": variant,
        "place": place,
        "seed": seed,
        "date": content["created"],
        "git_commit": content["git_commit"],
        "package_version": content["package_version"],
        "machine": _machine(),
        "images": {name: part["images"] for name, part in splits.items()},
        "differs_by": plan.config.variants.get(variant, {}),
        "auxsegnet": config.auxsegnet.model_dump(mode="json"),
        "rounds": rounds,
    }


def _round(item: Round, plan: Plan, variant: str, seed: int) -> Row:
    """The figures of a round, each with the settings that it was made with."""
    row: Row = {"round": item.number}
    for key, record in (("labels", item.labels), ("saliency_labels", item.saliency), ("network", item.network)):
        if record is not None:
            row[key] = {**record["metrics"], "protocol": record["protocol"]}
    if item.labels is not None:
        row["label_settings"] = item.labels["settings"]
    if item.network is not None:
        row["iou_per_class"] = item.network["classes"]["iou"]
        checkpoint = plan.owner(Artifact("train_auxsegnet", variant, seed, round=item.number))
        row |= _training(Path(plan.path(checkpoint)))
    return row


def _training(checkpoint: Path) -> Row:
    """What the checkpoint says of its training: settings, commit, time and what it ran on."""
    from wsss.training.checkpoint import load_model

    _, info = load_model(checkpoint, "train_auxsegnet")
    beside = json.loads(checkpoint.with_name("metrics.json").read_text(encoding="utf-8"))
    machine = beside["machine"]
    return {
        "training": {
            "git_commit": info.attributes["git_commit"],
            "steps": info.metrics["steps"],
            "final_loss": info.metrics["final_loss"],
            "minutes": round(machine["training_seconds"] / 60, 2),
            **machine,
        },
        "training_settings": json.loads(info.attributes["settings"]),
    }


def _machine() -> Row:
    """The machine that collects, which is taken for the one that has trained."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return {"processor": name, "cores": os.cpu_count(), "python": platform.python_version()}


def _digest(row: Row) -> str:
    """Of all but what is about the collecting itself, so that a row is written once."""
    content = {key: value for key, value in row.items() if key not in ("place", "machine", "date")}
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=4).hexdigest()


def _newest(folder: Path) -> list[Row]:
    """The newest row of every variant and seed, in the order of the config."""
    rows: dict[tuple[str, int], Row] = {}
    for path in folder.glob("*-seed*.json"):
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            key = row["variant"], row["seed"]
            if key not in rows or rows[key]["date"] < row["date"]:
                rows[key] = row
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: no row of a study ({error!r}); delete it, or restore it") from None
    return sorted(rows.values(), key=lambda row: (row["place"], row["seed"]))


def _page(study: str, rows: list[Row]) -> str:
    head = ["variant", "seeds", "round", *(heading for heading, _, _ in COLUMNS)]
    lines = [
        f"# {study}",
        "",
        "Written by `wsss study` from the JSON files beside it, one per variant and seed with commit, settings and "
        "machine; do not edit. Per cent, but MAE and minutes; ± is the sample standard deviation over seeds. Labels "
        "and saliency labels are those that the round's network is trained on (the seeds in round 0), judged on "
        "train, 255 a miss in recall and mIoU; recall is the mean over classes.",
        "",
        "| " + " | ".join(head) + " |",
        "|---|" + "---|" * (len(head) - 1),
    ]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        lines += _lines(variant, [row for row in rows if row["variant"] == variant])
    commits = sorted({row["git_commit"] for row in rows})
    machines = sorted({f"{row['machine']['processor']}, {row['machine']['cores']} cores" for row in rows})
    lines += ["", f"Commits: {', '.join(commits) or 'none yet'}. Machines: {'; '.join(machines) or 'none yet'}."]
    return "\n".join(lines) + "\n"


def _lines(variant: str, rows: list[Row]) -> Iterator[str]:
    """The lines of one variant, one per round."""
    seeds = ", ".join(str(row["seed"]) for row in rows)
    numbers = sorted({item["round"] for row in rows for item in row["rounds"]})
    for number in numbers:
        found = [item for row in rows for item in row["rounds"] if item["round"] == number]
        cells = [_cell(found, keys, factor, DIGITS.get(heading, 1)) for heading, keys, factor in COLUMNS]
        yield "| " + " | ".join([variant or "run", seeds, str(number), *cells]) + " |"


def _cell(rounds: list[Row], keys: tuple[str, str], factor: float, digits: int) -> str:
    values = [item.get(keys[0], {}).get(keys[1]) for item in rounds]
    known = [factor * value for value in values if value is not None]
    if not known:
        return "–"
    spread = f" ± {stdev(known):.{digits}f}" if len(known) > 1 else ""
    return f"{mean(known):.{digits}f}{spread}"


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
