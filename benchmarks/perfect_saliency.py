"""How good seed labels would be if the saliency were perfect: the upper bound that a better saliency map can reach.

    python benchmarks/perfect_saliency.py results/voc12_2007/index.h5 results/voc12_2007/balanced/seed0/cams.h5

Takes the true foreground as saliency and the rule of the settings given (default: the balanced rule of the preset
`voc12_2007`), over the training images that have masks. Prints the mIoU with 255 counted as a
miss, and over labelled pixels only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from wsss.config import SeedLabels
from wsss.data import load_dataset
from wsss.ops.metrics import confusion_matrix, label_scores
from wsss.ops.pseudo_labels import fuse_scores_with_saliency
from wsss.stages.seed_labels import strongest_cam
from wsss.store import ArtifactReader

BALANCED = '{"saliency_threshold": 0.3, "cam_threshold": 0.2, "background_cam_threshold": 0.6}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("cams", type=Path)
    parser.add_argument("--settings", default=BALANCED, help="settings of seed_labels, as JSON")
    options = parser.parse_args()
    # the truth is 0 or 1, so that any threshold on it is the same
    settings: SeedLabels = SeedLabels.parse(options.settings).for_maps("folder", 1.0)
    dataset, cams = load_dataset(options.index), ArtifactReader(options.cams, "cams")
    total = np.zeros((dataset.num_classes + 2,) * 2, np.int64)
    images = 0
    for image_id in dataset.ids("train"):
        truth = dataset.mask(image_id)
        if truth is None:
            continue
        foreground = ((truth != 0) & (truth != dataset.ignore_index)).astype(np.float32)
        score, label = strongest_cam(cams, image_id, truth.shape)
        labels = fuse_scores_with_saliency(
            score,
            label,
            foreground,
            settings.cam_threshold,
            settings.saliency_threshold,
            settings.background_cam_threshold,
        )
        total += confusion_matrix(truth, labels, dataset.num_classes)
        images += 1
    scores = {name: 100 * value for name, value in label_scores(total).items()}
    print(f"{images} training images, perfect saliency: mIoU {scores['miou']:.1f} with 255 as a miss,", end=" ")
    print(f"{scores['miou_labelled']:.1f} over labelled pixels (coverage {scores['coverage']:.1f})")


if __name__ == "__main__":
    main()
