"""Settings of the data sets: which photographs, which labels, which splits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wsss.config.base import MAX_SEED, Settings

Value = Annotated[float, Field(ge=-1e9, le=1e9)]
"""A value of a pixel."""


class DataSettings(Settings):
    """What all sources of data have in common."""

    background: bool = Field(default=True, strict=True, exclude_if=bool)
    """false: every pixel belongs to one of the classes (land cover, tissue), and none is ever labelled 0. Seeds are
    then the strongest CAM, saliency takes no part, and a true mask that holds 0 is an error. Inferred."""
    max_side: int = Field(default=1024, ge=32, le=32768)
    """Longest side, in pixels, that networks and CRF see. Results come back at the original size."""
    max_pixels: int = Field(default=64_000_000, ge=1_000_000, le=2**30)
    """Larger photographs are refused. Stages that make labels hold each class at the size of the photograph, 4 bytes a
    pixel; `predict` and `cams` hold a part of it at a time (`tiles`)."""
    bands: Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(max_length=64)] | None = None
    """Bands of the photographs that networks see, counted from 1. Three are red, green and blue to the backbone; one is
    taken as grey; of four or more, the first convolution is widened (inferred), and CRF, saliency and pictures take the
    first three. null: grey and RGB as they are; photographs of other bands are refused."""
    range: tuple[Value, Value] | None = None
    """Values of the photographs that stand for black and white, lowest first, e.g. `[0, 4095]`; those beyond are cut.
    null: 0 to 255, and 0 to 65535 with 16 bits; 16 bits of which only the lower 14 are used, and floating point
    numbers, are refused."""
    val_from_train: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the training images held out as `val` in place of the val list, for tuning. 0 keeps the lists."""
    limit: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """Most images per split, the first of each list, for trying things out. null: all."""

    @model_validator(mode="after")
    def _check_bands(self) -> DataSettings:
        if self.bands is not None and len(self.bands) in (0, 2):
            raise ValueError(f"bands are {list(self.bands)}; name one, three or more")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range is {list(self.range)}; name the lower value first")
        return self


class DemoData(DataSettings):
    """The embedded data set: generated, deterministic, hard in the way that weak supervision is hard."""

    name: Literal["demo"] = "demo"
    """The embedded data set."""
    root: str = "data/demo"
    """Folder that it is generated into when it is not there yet."""
    train_images: int = Field(default=240, ge=1, le=1_000_000)
    """Images to train on."""
    val_images: int = Field(default=80, ge=1, le=1_000_000)
    """Images to validate on."""
    image_size: int = Field(default=160, ge=64, le=4096)
    """About the longer side of an image, in pixels."""
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    """Seed of the generator. It is not the seed of the run."""


class VocData(DataSettings):
    """PASCAL VOC 2012 in its official folder layout."""

    name: Literal["voc"] = "voc"
    """PASCAL VOC 2012."""
    root: str
    """Folder that holds JPEGImages, SegmentationClass, ImageSets (`VOCdevkit/VOC2012`)."""
    train_list: str = "ImageSets/Segmentation/train.txt"
    """List of training ids, below `root` or absolute. The 10,582 ids of the augmented set are such a list."""
    val_list: str | None = "ImageSets/Segmentation/val.txt"
    """List of validation ids, below `root` or absolute. null: there is no `val`."""
    image_labels: str = "xml"
    """`xml`: Annotations/ID.xml. `masks`: reads the ground truth, which is no longer weak supervision and recorded as
    such. Else the path of a table: a text file (id, then the names of the classes in it), or the table of PSA and IRN,
    `cls_labels.npy`."""
    without_xml: str | None = None
    """With `xml`, where the labels of images come from that have no annotation: `masks`, or the path of a table; also
    recorded. null: such an image is an error."""
    difficult: bool = True
    """Count objects that an annotation in XML marks difficult."""
    image_folder: str = "JPEGImages"
    """Folder of the photographs, below `root` or absolute."""
    mask_folder: str | None = "SegmentationClass"
    """Folder of the masks, PNG or TIFF, below `root` or absolute. null: there are none."""
    id_filter: str | None = None
    """Shell-style pattern that ids must match, e.g. `2007_*`. null: all."""
    classes: str | None = None
    """File of class names, background first. null: the 20 classes of VOC."""


class FolderData(DataSettings):
    """A folder of photographs, and image-level labels in a table, by folders, or as annotations in XML."""

    name: Literal["folder"] = "folder"
    """A folder of photographs."""
    root: str
    """Folder of the photographs, of any depth and any names."""
    labels: str = "labels.csv"
    """A table, below `root` or absolute: CSV with a header and the columns `image` and `label` (several separated by
    `;`), or with a column of 0 and 1 for each class, or JSON lines (.jsonl) with `image` and `label` (a name or a
    list); each optionally with `split` (`train` or `val`). `image` is the path below `root`, or below the folder that
    holds all photographs, with or without suffix. `imagefolder`: the folder's name is the class, below folders named
    like splits where there are any, or metadata.csv or .jsonl beside the photographs says the labels. A folder:
    annotations in VOC's XML, named like the photographs (`.`: beside them)."""
    difficult: bool = True
    """Count objects that an annotation in XML marks difficult."""
    masks: str | None = None
    """Folder of masks of class numbers, PNG or TIFF, below `root` or absolute. They are named as the photographs are
    below `root` (`sub/a.png` of `sub/a.jpg`), or, where none is, below the folder that holds all photographs (`a.png`
    of `images/a.jpg`). null: there are none."""
    classes: tuple[str, ...] | None = None
    """Class names without background, in the order of mask values from 1 on. null: the columns of a CSV that has one
    for each class, else all names that occur, sorted."""
    val_list: str | None = None
    """Text file of the images that make up `val`, one a line; the others are `train`. null: the labels say it."""


class CocoData(DataSettings):
    """COCO 2014 or 2017 in its official folder layout, or any JSON of instances in COCO's format."""

    name: Literal["coco"] = "coco"
    """COCO, or a JSON of its kind."""
    root: str
    """Folder that holds train2014, val2014 and annotations; for a JSON of your own, the folder of the photographs."""
    train_annotations: str = "annotations/instances_train2014.json"
    """JSON of the training images, below `root` or absolute. For COCO 2017 write 2017 here and in the next three."""
    val_annotations: str | None = "annotations/instances_val2014.json"
    """JSON of the validation images likewise. null: there is no `val`."""
    train_images: str = "train2014"
    """Folder of the training images, below `root` or absolute, that the JSON's `file_name` starts from."""
    val_images: str = "val2014"
    """Folder of the validation images likewise."""
    classes: tuple[str, ...] | None = None
    """Names of the categories to use, in the order of mask values from 1 on; all others become background. null: all
    categories, in the order of their ids."""
    masks: bool = True
    """Draw masks from the segmentations (polygons or run lengths), to measure results; needs pycocotools. Regions
    marked `iscrowd` become 255. false: image-level labels alone, for which boxes suffice."""
    overlaps: Literal["smaller", "ignore"] = "smaller"
    """Pixels of objects of several classes: they belong to the object that is `smaller`, or are 255 (`ignore`)."""
    crowds: bool = True
    """Count regions marked `iscrowd` for the image-level labels."""
    without_classes: bool = True
    """Use images to which the JSON gives no class. false leaves them out of both splits: papers count 82,081 and 40,137
    of the 82,783 and 40,504 images of COCO 2014."""


AnyData = Annotated[DemoData | VocData | FolderData | CocoData, Field(discriminator="name")]
