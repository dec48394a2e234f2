"""Where the time of a joint training step of AA&LR goes: the step, CAMs at other scales, and waiting for masks.

    python benchmarks/aalr_step.py                                       # 320 crop, batch 8, resnet38d, all refinements
    python benchmarks/aalr_step.py --backbone tf_efficientnet_lite0 --stride 16 --crop 224 --scales 1,1.5

Photographs are those that scikit-image ships; weights are random, so the masks are not good, but the work is that of a
training. Steps are timed whole, with the optimiser's; the device is waited for at their end.
"""

from __future__ import annotations

import argparse
import time
from itertools import product

import torch
from skimage import data
from torch import Tensor
from torch.nn import functional

from wsss.config.aalr import TrainAalr
from wsss.models import AALR
from wsss.training.aalr import CAM_SECONDS, MASK_SECONDS, AALRModule
from wsss.training.checkpoint import build_model

REFINEMENTS = ("none", "crf", "pamr", "par")
CLASSES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet38d")
    parser.add_argument("--stride", type=int, default=8, choices=(8, 16, 32))
    parser.add_argument("--crop", type=int, default=320, help="side of the crops, in pixels: a multiple of 32")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--scales", default="1,0.5,1.5,2")
    parser.add_argument("--resolutions", default="full,half", help="where masks are made: full, half, feature")
    parser.add_argument("--delays", default="0,1")
    parser.add_argument("--precision", default="32", choices=("32", "bf16"))
    parser.add_argument("--steps", type=int, default=5, help="timed steps, after two that are not")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    print(f"{options.backbone}, stride {options.stride}, crop {options.crop}, batch {options.batch}, {options.scales}")
    print(f"{'masks':24}{'step, s':>10}{'other scales, s':>18}{'waiting, s':>12}{'share':>8}")
    batch = photographs(options.batch, options.crop, options.device)
    for refinement, resolution, delay in product(
        REFINEMENTS, options.resolutions.split(","), map(int, options.delays.split(","))
    ):
        step, cams, masks = measure(options, batch, refinement, resolution, delay)
        name = f"{refinement}, {resolution}, delay {delay}"
        print(f"{name:24}{step:10.3f}{cams:18.3f}{masks:12.3f}{masks / step:8.1%}", flush=True)


def measure(
    options: argparse.Namespace, batch: dict[str, Tensor], refinement: str, resolution: str, delay: int
) -> tuple[float, float, float]:
    """Seconds of a step, of its CAMs at other scales, and of its wait for masks; means over the timed steps."""
    torch.manual_seed(0)
    backbone = {"name": options.backbone, "weights": "none", "output_stride": options.stride, "frozen_stages": 1}
    scales = [float(part) for part in options.scales.split(",")]
    masks = {"scales": scales, "refinement": refinement, "resolution": resolution}
    settings = TrainAalr.parse({"backbone": backbone, "warmup_epochs": 0, "masks": masks, "mask_delay": delay})
    values = {"backbone": backbone, **settings.network.model_dump(mode="json")}
    network = build_model(AALR, values, CLASSES).to(options.device)
    names = ["background", *map(str, range(CLASSES))]
    module = AALRModule(network, settings, class_names=names, steps_per_epoch=1000).train()
    optimizer = module.configure_optimizers()
    start = 0.0
    for step in range(2 + options.steps):
        if step == 2:
            module.take_timings()
            start = now(options.device)
        module.begin_step(step, 1000)
        with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16"):
            loss = module.losses(batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    seconds, parts = (now(options.device) - start) / options.steps, module.take_timings()
    return seconds, parts[CAM_SECONDS] / options.steps, parts[MASK_SECONDS] / options.steps


def now(device: str) -> float:
    """The time, when the device has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()


def photographs(count: int, side: int, device: str) -> dict[str, Tensor]:
    """A batch of crops with one to three classes each."""
    sources = [torch.from_numpy(load().copy()).permute(2, 0, 1) for load in (data.astronaut, data.coffee, data.rocket)]
    images = []
    for number in range(count):
        source = sources[number % len(sources)][None, :, number * 8 :, number * 16 :].float()
        images.append(functional.interpolate(source, (side, side), mode="bilinear", antialias=True)[0])
    targets = torch.zeros(count, CLASSES)
    for number in range(count):
        targets[number, [(number + k * 7) % CLASSES for k in range(1 + number % 3)]] = 1
    return {
        "images": torch.stack(images).round().to(torch.uint8).to(device),
        "targets": targets.to(device),
        "inside": torch.ones(count, side, side, dtype=torch.bool, device=device),
    }


if __name__ == "__main__":
    main()
