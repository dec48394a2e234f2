"""Write folders that other programs train on: as PASCAL VOC has them, and for MMSegmentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wsss.exchange.sources import LabelMaps, write_indexed, write_photograph
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
    """

    part: LabelMaps
    maps: Path
    photographs: Path

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
                write_indexed(output, self.maps / f"{image_id}.png", labels)
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
    _write(places, {root / "dataset.py": _mmseg_config(maps)}, output, photographs)
    return sum(len(part.ids) for part in maps)


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


def _mmseg_config(maps: Sequence[LabelMaps]) -> str:
    dataset = maps[0].dataset
    palette = voc_palette()[: len(dataset.class_names)].tolist()
    lines = [
        "# Written by `wsss export`: list it among `_base_` of a config of MMSegmentation 1.x, and set data_root.",
        'dataset_type = "BaseSegDataset"',
        'data_root = "."',
        f"metainfo = dict(classes={tuple(dataset.class_names)!r}, palette={palette!r})",
        f"num_classes = {len(dataset.class_names)}",
        f"ignore_index = {dataset.ignore_index}",
        "load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]",
        "train_pipeline = [*load,",
        "    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),",
        "    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75), dict(type='RandomFlip', prob=0.5),",
        "    dict(type='PackSegInputs')]",
        "test_pipeline = [load[0], dict(type='Resize', scale=(2048, 512), keep_ratio=True), load[1],",
        "    dict(type='PackSegInputs')]",
    ]
    loaders = {
        "train": ("train_dataloader", "InfiniteSampler", True),
        "val": ("val_dataloader", "DefaultSampler", False),
    }
    for part in maps:
        name, sampler, shuffle = loaders.get(part.split, (f"{part.split}_dataloader", "DefaultSampler", False))
        pipeline = "train_pipeline" if part.split == "train" else "test_pipeline"
        lines += [
            f"{name} = dict(batch_size={4 if shuffle else 1}, num_workers=4, persistent_workers=True,",
            f"    sampler=dict(type='{sampler}', shuffle={shuffle}),",
            "    dataset=dict(type=dataset_type, data_root=data_root, metainfo=metainfo, img_suffix='.jpg',",
            "        seg_map_suffix='.png', reduce_zero_label=False, ignore_index=ignore_index,",
            f"        data_prefix=dict(img_path='img_dir/{part.split}', seg_map_path='ann_dir/{part.split}'),",
            f"        pipeline={pipeline}))",
        ]
    if any(part.split == "val" for part in maps):
        lines.append("val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'], ignore_index=ignore_index)")
    return "\n".join(lines) + "\n"
