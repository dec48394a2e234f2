"""The command that draws a run as one picture."""

from __future__ import annotations

from pathlib import Path

from wsss.data import load_dataset
from wsss.data.inputs import dataset_inputs
from wsss.errors import InputError
from wsss.outputs import OutputFolder
from wsss.pipeline.paths import files_of
from wsss.report.evaluations import load_evaluation
from wsss.report.run_picture import draw_run, picture_bytes


def write_picture(results: Path, output: Path, *, images: int, palette: str) -> None:
    """Write the picture of a run, of its first branch where it has several.

    Args:
        results: Folder of the run, or of one variant and seed in it.
        output: The picture.
        images: How many images of each split.
        palette: Name of the colours of classes.

    Raises:
        InputError: If there is no such folder, or nothing is evaluated yet; also if the picture would replace an input,
            or a file that this command did not write.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; give the folder of a run, results/RUN")
    paths = files_of(results, "evaluate")
    if not paths:
        raise InputError(f"{results}: nothing is evaluated yet; run `wsss run CONFIG evaluations`")
    evaluation = load_evaluation(paths[0])
    index = evaluation.artifact("index")
    if index is None:
        raise InputError(f"{paths[0]}: names no index; build it again with `wsss run CONFIG {paths[0]}`")
    dataset = load_dataset(index)
    folder = OutputFolder(output.parent, dataset_inputs(dataset, [paths[0], *evaluation.artifacts()]))
    folder.check([output])
    picture = draw_run(dataset, evaluation, images=images, palette=palette)
    folder.write_bytes(output, picture_bytes(picture, output.suffix))
