"""Write folders of label maps beside photographs: as PASCAL VOC has them, and as other programs want them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wsss.errors import InputError
from wsss.exchange.sources import LabelMaps, write_labels, write_photograph
from wsss.label_values import class_values
from wsss.ops.palette import voc_palette
from wsss.outputs import OutputFolder
from wsss.progress import Progress

LEAST_BYTES = 512
"""What a PNG with a palette takes at the very least, or a JPEG with its tables."""
Photographs = Literal["link", "copy", "none"]


@dataclass(frozen=True)
class _Places:
    """Where the files of a split go.

    Attributes:
        maps: Folder of the label maps.
        photographs: Folder of the photographs.
        grey: Whether label maps are grey pictures, without a palette.
    """

    part: LabelMaps
    maps: Path
    photographs: Path
    grey: bool = False

    def label_maps(self) -> Iterator[Path]:
        """Yield the file of every label map."""
        return (self.maps / f"{image_id}.png" for image_id in self.part.ids)

    def images(self) -> Iterator[Path]:
        """Yield the file of every photograph."""
        return (self.photographs / f"{image_id}.jpg" for image_id in self.part.ids)

    def write(self, output: OutputFolder, photographs: Photographs) -> None:
        """Write them."""
        with Progress(f"export {self.part.split}", len(self.part.ids)) as progress:
            for image_id, labels in self.part:
                write_labels(output, self.maps / f"{image_id}.png", labels, grey=self.grey)
                if photographs != "none":
                    path = self.photographs / f"{image_id}.jpg"
                    write_photograph(output, path, self.part.dataset, image_id, link=photographs == "link")
                progress.advance()


def export_voc(maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs = "link") -> int:
    """Write `VOCdevkit/VOC2012` below `output`: SegmentationClass, JPEGImages, lists, `classes.txt`.

    torchvision's `VOCSegmentation(output, year="2012", image_set="train")` reads it.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If a file must not be written, before any is.
    """
    root = output.folder / "VOCdevkit/VOC2012"
    places = [_Places(part, root / "SegmentationClass", root / "JPEGImages") for part in maps]
    lists = root / "ImageSets/Segmentation"
    texts = {lists / f"{part.split}.txt": part.ids for part in maps}
    texts[root / "classes.txt"] = maps[0].dataset.class_names
    _write(places, {path: "".join(f"{line}\n" for line in lines) for path, lines in texts.items()}, output, photographs)
    return sum(len(part.ids) for part in maps)


def export_mmseg(maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs = "link") -> int:
    """Write `img_dir/SPLIT`, `ann_dir/SPLIT`, and `dataset.py`, a config of MMSegmentation 1.x.

    The config is for `BaseSegDataset`.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If a file must not be written, before any is.
    """
    root = output.folder
    places = [_Places(part, root / "ann_dir" / part.split, root / "img_dir" / part.split) for part in maps]
    _write(places, {root / "dataset.py": mmseg_config(maps)}, output, photographs)
    return sum(len(part.ids) for part in maps)


def export_fiftyone(maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs = "link") -> int:
    """Write `SPLIT/data`, `SPLIT/labels` and `mask_targets.json`, for FiftyOne's `ImageSegmentationDirectory`.

    Its reader takes the colours of an indexed picture for the values, so label maps are grey.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If a file must not be written, before any is.
    """
    root, names = output.folder, maps[0].dataset.class_names
    places = [_Places(part, root / part.split / "labels", root / part.split / "data", grey=True) for part in maps]
    targets = {**{value: names[value] for value in class_values(names)}, maps[0].dataset.ignore_index: "ignored"}
    _write(places, {root / "mask_targets.json": json.dumps(targets, indent=1) + "\n"}, output, photographs)
    return sum(len(part.ids) for part in maps)


def export_cvat(maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs = "link") -> int:
    """Write a folder per split, whose ZIP file CVAT imports as "Segmentation mask 1.1"; the photographs make the task.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If a file must not be written, before any is, or the name of a class cannot stand in the table.
    """
    root, names = output.folder, maps[0].dataset.class_names
    wrong = next((name for name in names if ":" in name), None)
    if wrong is not None:
        raise InputError(f"{root}: CVAT's table divides its columns by `:`, so no class can be called `{wrong}`")
    values = [*class_values(names), maps[0].dataset.ignore_index]
    table = "# label:color_rgb:parts:actions\n" + "".join(
        f"{'ignored' if value == values[-1] else names[value]}:{','.join(map(str, voc_palette()[value].tolist()))}::\n"
        for value in values
    )
    places, texts = [], {}
    for part in maps:
        folder = root / part.split
        places.append(_Places(part, folder / "SegmentationClass", root / "photographs" / part.split))
        texts[folder / "labelmap.txt"] = table
        texts[folder / "ImageSets/Segmentation/default.txt"] = "".join(f"{name}\n" for name in part.ids)
    _write(places, texts, output, photographs)
    return sum(len(part.ids) for part in maps)


def export_datasets(maps: Sequence[LabelMaps], output: OutputFolder, photographs: Photographs = "link") -> int:
    """Write `SPLIT/images`, `SPLIT/masks`, `SPLIT/metadata.jsonl`, for Hugging Face's `load_dataset("imagefolder")`.

    Each row has the columns `image`, `mask` and `classes`, the names of the classes that the image-level labels name.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If a file must not be written, before any is.
    """
    root, dataset = output.folder, maps[0].dataset
    places = [_Places(part, root / part.split / "masks", root / part.split / "images") for part in maps]
    texts = {}
    for part in maps:
        rows = []
        for image_id in part.ids:
            named = [
                name
                for name, is_there in zip(dataset.class_names[1:], dataset.image_labels(image_id), strict=True)
                if is_there
            ]
            files = {"file_name": f"images/{image_id}.jpg", "mask_file_name": f"masks/{image_id}.png"}
            rows.append(json.dumps({**files, "id": image_id, "classes": named}, ensure_ascii=False))
        texts[root / part.split / "metadata.jsonl"] = "".join(f"{row}\n" for row in rows)
    texts[root / "README.md"] = _dataset_card(maps)
    _write(places, texts, output, photographs)
    return sum(len(part.ids) for part in maps)


def _dataset_card(maps: Sequence[LabelMaps]) -> str:
    dataset = maps[0].dataset
    values = "\n".join(f"- {value}: {dataset.class_names[value]}" for value in class_values(dataset.class_names))
    return (
        "---\ntask_categories:\n- image-segmentation\n---\n\n"
        f'# {dataset.name}\n\nLabel maps written by `wsss export`. Read them by `load_dataset("imagefolder", '
        f"data_dir=...)`.\n\nValues of the masks:\n\n{values}\n- {dataset.ignore_index}: ignored\n"
    )


def _write(
    places: Sequence[_Places], texts: Mapping[Path, str], output: OutputFolder, photographs: Photographs
) -> None:
    maps = [path for place in places for path in place.label_maps()]
    images = [path for place in places for path in place.images()] if photographs != "none" else []
    linked = photographs == "link"
    output.check([*maps, *texts, *([] if linked else images)], links=images if linked else (), least=LEAST_BYTES)
    for place in places:
        place.write(output, photographs)
    for path, text in texts.items():
        output.write_text(path, text)


def mmseg_config(maps: Sequence[LabelMaps]) -> str:
    """Return the data set's part of a config of MMSegmentation.

    mmengine builds nothing unless loader, evaluator and loop of `val`, and of `test`, are there together or not at all.
    Without background, the classes are counted from 0 there, as `reduce_zero_label` brings the masks to them.
    """
    dataset = maps[0].dataset
    values = list(class_values(dataset.class_names))
    names, palette = tuple(dataset.class_names[value] for value in values), voc_palette()[values].tolist()
    lines = [
        "# Written by `wsss export`: list it among `_base_` of a config of MMSegmentation 1.x, and set data_root.",
        'dataset_type = "BaseSegDataset"',
        'data_root = "."',
        f"metainfo = dict(classes={names!r}, palette={palette!r})",
        f"num_classes = {len(names)}",
        f"ignore_index = {dataset.ignore_index}",
        "load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]",
        "train_pipeline = [*load,",
        "    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),",
        "    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75), dict(type='RandomFlip', prob=0.5),",
        "    dict(type='PackSegInputs')]",
        "test_pipeline = [load[0], dict(type='Resize', scale=(2048, 512), keep_ratio=True), load[1],",
        "    dict(type='PackSegInputs')]",
    ]
    for part in maps:
        training = part.split == "train"
        lines += [
            f"{part.split}_dataloader = dict(batch_size={4 if training else 1}, num_workers=4,",
            "    persistent_workers=True,",
            f"    sampler=dict(type='{'InfiniteSampler' if training else 'DefaultSampler'}', shuffle={training}),",
            "    dataset=dict(type=dataset_type, data_root=data_root, metainfo=metainfo, img_suffix='.jpg',",
            f"        seg_map_suffix='.png', reduce_zero_label={not dataset.background}, ignore_index=ignore_index,",
            f"        data_prefix=dict(img_path='img_dir/{part.split}', seg_map_path='ann_dir/{part.split}'),",
            f"        pipeline={'train_pipeline' if training else 'test_pipeline'}))",
        ]
    if any(part.split == "val" for part in maps):
        lines += [
            "val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'], ignore_index=ignore_index)",
            "test_dataloader, test_evaluator = val_dataloader, val_evaluator",
        ]
    else:
        lines += [
            "# No split to validate on is exported; `--truth val` adds it. A schedule among `_base_` has loops for it:",
            "# write `val_cfg = None` and `test_cfg = None` into the config that lists this file.",
            "val_dataloader = val_evaluator = test_dataloader = test_evaluator = None",
        ]
    return "\n".join(lines) + "\n"
