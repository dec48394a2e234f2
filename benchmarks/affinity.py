"""What a trained AuxSegNet finds akin: how much of the weight of a pixel's row lies on pixels of its own class.

    python benchmarks/affinity.py results/RUN/auxsegnet/round0/model.ckpt --index results/RUN/index.h5 --scale 1.0

Judged with the true masks of training images, at the resolution of the features, over pixels of objects: the share of
the pairwise affinity's weight on pixels of the same class, beside that of equal weights; the weight on the pixel
itself, and the largest weight of a row. Printed are means over images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from wsss.data import Dataset, load_dataset
from wsss.models import AuxSegNet
from wsss.ops.cams import scaled_images
from wsss.ops.upsampling import nearest
from wsss.training.checkpoint import load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="checkpoint of train_auxsegnet")
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="factor on the size of the images: update_labels.scale"
    )
    parser.add_argument("--images", type=int, default=78, help="so many of the training images, from the first on")
    options = parser.parse_args()
    dataset = load_dataset(options.index)
    network, _ = load_model(options.model, AuxSegNet, "train_auxsegnet", class_names=dataset.class_names)
    rows = []
    with torch.inference_mode():
        for image_id in dataset.ids("train")[: options.images]:
            found = measure(network, dataset, image_id, options.scale)
            if found is not None:
                rows.append(found)
    mean = torch.stack(rows).mean(0)
    print(f"{len(rows)} images with objects; per cent of a row's weight:")
    for words, value in zip(("on its own class", "so with equal weights", "on itself", "largest"), mean, strict=True):
        print(f"  {words:22} {100 * value:.1f}")


def measure(network: AuxSegNet, dataset: Dataset, image_id: str, scale: float) -> Tensor | None:
    """(4,): the four shares, means over the object pixels of one image; None where it shows none."""
    image = torch.from_numpy(dataset.network_image(image_id).copy()).permute(2, 0, 1)[None].float() / 255
    affinity = network(scaled_images(image, (scale,))[0], ("pairwise_affinity",)).pairwise_affinity
    mask = dataset.mask(image_id)
    assert affinity is not None
    assert mask is not None
    labels = nearest(torch.from_numpy(mask.copy())[None], affinity.size, onto=network.grid).flatten()
    objects = (labels > 0) & (labels != dataset.ignore_index)
    if not objects.any():
        return None
    matrix, same = affinity.dense()[0][objects], labels[objects, None] == labels[None]
    own = matrix[:, objects].diagonal()
    return torch.stack([(matrix * same).sum(1).mean(), same.float().mean(), own.mean(), matrix.amax(1).mean()])


if __name__ == "__main__":
    main()
