"""Every command that writes files, with inputs that it takes, and ways to aim it at files that are not its own."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from click.testing import CliRunner, Result

from tests.exchange.hub_tables import make_hub, rows_of
from tests.helpers import save_mask
from tests.viewer.tiny import PREDICTED, SEEDS, make_results, truth
from wsss.cli.app import app
from wsss.cli.exchange import FORMS
from wsss.data import load_dataset
from wsss.pipeline.stages import STAGES

INDEX = "results/tiny/index.h5"
METRICS = "results/tiny/evaluation/metrics.json"
PHOTOGRAPH, MASK = "photos/JPEGImages/2007_000000.jpg", "photos/SegmentationClass/2007_000000.png"
LISTS = ("photos/ImageSets/Segmentation/train.txt", "photos/classes.txt")
OF_A_TRAINING = ("out.ckpt", "metrics.json", "curves.csv", "epochs.csv")
GIVEN = {"index": INDEX, "saliency": "results/tiny/saliency.h5", "cams": "results/tiny/cams.h5"}
GIVEN |= {"labels": f"results/tiny/{SEEDS}"}
"""Inputs of stages that the tree has; all others are the checkpoint, which no stage gets so far as to open."""


@dataclass(frozen=True)
class Command:
    """A command line without its output.

    Attributes:
        words: The command and its arguments; paths are relative to the tree.
        output: Name of the file to write; empty where the command writes a folder.
        produced: Files that it writes below the folder; empty: a run that succeeds tells.
    """

    words: tuple[str, ...]
    output: str = ""
    produced: tuple[str, ...] = ()


def of_stage(name: str) -> Command:
    """The command of a stage that the table of stages describes."""
    words = [name]
    for item in STAGES[name].inputs:
        words += [f"--{item.name}", GIVEN.get(item.name, "model.ckpt")]
    if name == "index":
        words += ["--settings", json.dumps({"name": "voc", "root": "photos", "classes": "classes.txt"})]
    if name == "saliency":
        words += ["--settings", json.dumps({"source": "superpixels"})]
    made = {"index": (), "seed_labels": (), "saliency": ("out.h5", "out.choice.json")}
    trained = OF_A_TRAINING if STAGES[name].network else ("out.h5",)
    return Command(tuple(words), trained[0], made.get(name, trained))


EVALUATED = ("--index", INDEX, "--saliency", GIVEN["saliency"], "--cams", GIVEN["cams"], "--labels")
EVALUATED += (f"seeds={GIVEN['labels']}", "--predictions", f"p=results/tiny/{PREDICTED}")
OWN_OPTIONS = ("predict", "evaluate", "report")
COMMANDS = {name: of_stage(name) for name in STAGES if name not in OWN_OPTIONS} | {
    "predict": Command(
        ("predict", "model.ckpt", "new"), "", ("masks/a.png", "masks/deep/b.png", "overlays/a.jpg", "masks/classes.txt")
    ),
    "predict split": Command(("predict", "model.ckpt", "--index", INDEX), "out.h5", ("out.h5",)),
    "evaluate": Command(("evaluate", *EVALUATED), "metrics.json"),
    "report": Command(("report", "--index", INDEX, "--evaluation", METRICS), "report.html"),
    "schema": Command(("schema",), "schema.json"),
    "init": Command(("init", "photos"), "init.yaml"),
    "convert_weights": Command(("convert_weights", "weights.params"), "out.pth", ("out.pth",)),
    "picture": Command(("picture", "results/tiny"), "picture.jpg"),
    "inspect": Command(("inspect", GIVEN["labels"], "--image", "2007_000000")),
    **{
        f"export {form}": Command(("export", GIVEN["labels"], "--index", INDEX, "--truth", "val", "--format", form))
        for form in FORMS
        if form != "geotiff" or importlib.util.find_spec("rasterio")
    },
    "export copies": Command(("export", GIVEN["labels"], "--index", INDEX, "--photographs", "copy")),
    "export_model": Command(
        ("export_model", "model.ckpt", "--to", "safetensors"), "out.safetensors", ("out.safetensors",)
    ),
    "import_labels": Command(("import_labels", "theirs", "--index", INDEX), "out.h5"),
    "import_cams": Command(("import_cams", "npy", "--index", INDEX, "--trust-pickles"), "out.h5"),
    "study": Command(("study", "study.yaml")),
    **({"unpack": Command(("unpack", "tables"))} if importlib.util.find_spec("pyarrow") else {}),
}
LACKING = {"unpack"} - COMMANDS.keys()
"""Commands that need an extra which is not installed."""
WRITING_FILES = [name for name, command in COMMANDS.items() if command.output]


PROGRAM = typer.main.get_command(app)
"""Built once: that takes longer than a command that is refused."""


def call(*words: str | Path) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(PROGRAM, [*map(str, words)])


def commands_with(option: str) -> set[str]:
    """Names of the commands that have an option."""
    commands = PROGRAM.commands  # type: ignore[attr-defined]
    return {name for name, command in commands.items() if any(item.name == option for item in command.params)}


def make_tree(root: Path) -> Path:
    """Write photographs, masks, lists, a run, a checkpoint, settings: what a user may have."""
    run = make_results(root)
    dataset = load_dataset(run / "index.h5")
    for folder in ("theirs", "npy", "new/deep"):
        (root / folder).mkdir(parents=True)
    for image_id in dataset.ids("train"):
        save_mask(root / "theirs" / f"{image_id}.png", truth(dataset, image_id))
        planes = {int(c): np.ones((4, 4), np.float32) for c in np.flatnonzero(dataset.image_labels(image_id))}
        np.save(root / "npy" / f"{image_id}.npy", planes)
    for name in ("new/a.jpg", "new/deep/b.jpg"):
        (root / name).write_bytes((root / PHOTOGRAPH).read_bytes())
    (root / "model.ckpt").write_bytes(b"a checkpoint")
    (root / "weights.params").write_bytes(b"weights")
    (root / "study.yaml").write_text("data: {name: demo}\nmethods: []\n")
    if "unpack" in COMMANDS:
        splits = rows_of(root / "of files")
        shutil.rmtree(root / "of files")
        make_hub(root / "tables", splits)
    return root


def victims(command: Command) -> list[str]:
    """The files that the command line names, and files that lie behind its index."""
    named = [word.partition("=")[2] or word for word in command.words if "{" not in word]
    files = [word for word in named if word.endswith((".h5", ".ckpt", ".json", ".yaml", ".params"))]
    return [*dict.fromkeys(files), PHOTOGRAPH, MASK, *LISTS, "theirs/2007_000000.png", "study.yaml"]


def remove(path: Path) -> None:
    """Remove a file, a link or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def snapshot(root: Path) -> dict[str, str]:
    """Everything below a folder: kind, content or where a link leads, and whether it was written anew."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                content = f"link {path.readlink()}"
            else:
                content = "folder" if path.is_dir() else hashlib.sha1(path.read_bytes()).hexdigest()
            found[str(path.relative_to(root))] = f"{content} {path.lstat().st_ino}"
    return found


# -- names of one file: (the file, a free folder) -> the path to pass --------------------------------------------------


def _linked(victim: Path, free: Path) -> Path:
    free.joinpath("link" + victim.suffix).symlink_to(victim.resolve())
    return free / f"link{victim.suffix}"


def _hard_linked(victim: Path, free: Path) -> Path:
    os.link(victim, free / f"hard{victim.suffix}")
    return free / f"hard{victim.suffix}"


def _in_linked_folder(victim: Path, free: Path) -> Path:
    (free / "folder").symlink_to(victim.resolve().parent)
    return free / "folder" / victim.name


SPELLINGS: dict[str, Callable[[Path, Path], Path]] = {
    "relative": lambda victim, free: victim,
    "absolute": lambda victim, free: victim.resolve(),
    "up and down": lambda victim, free: victim.parent / ".." / victim.resolve().parent.name / victim.name,
    "link": _linked,
    "hard link": _hard_linked,
    "linked folder": _in_linked_folder,
    "link and up": lambda victim, free: (
        _in_linked_folder(victim, free).parent / ".." / victim.resolve().parent.name / victim.name
    ),
}


# -- what may lie where a command writes: (the file to be written, a file of the user) ---------------------------------


def _own_file(target: Path, victim: Path) -> None:
    target.write_bytes(b"mine")


def _link(target: Path, victim: Path) -> None:
    target.symlink_to(victim.resolve())


def _hard_link(target: Path, victim: Path) -> None:
    os.link(victim, target)


def _dangling_link(target: Path, victim: Path) -> None:
    target.symlink_to("nowhere")


def _folder(target: Path, victim: Path) -> None:
    target.mkdir()
    (target / "mine.txt").write_text("mine")


def _parent_is_a_file(target: Path, victim: Path) -> None:
    target.parent.rmdir()
    target.parent.write_text("mine")


def _parent_is_linked(target: Path, victim: Path) -> None:
    target.parent.rmdir()
    elsewhere = victim.parents[-2] / "elsewhere" / "of the user"
    elsewhere.mkdir(parents=True, exist_ok=True)
    (elsewhere / target.name).write_text("mine")
    target.parent.symlink_to(elsewhere.resolve())


PLANTS = [_own_file, _link, _hard_link, _dangling_link, _folder, _parent_is_a_file, _parent_is_linked]
