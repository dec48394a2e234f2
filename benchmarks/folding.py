"""What folding frozen batch normalisation changes in training: the relative steps of AdamW, and the time of a step.

    python benchmarks/folding.py                          # EfficientNet-Lite0 with its packaged weights, all stages
    python benchmarks/folding.py --frozen 3 --crop 256 --batch 8

A step of AdamW is about as long for small weights as for large ones, and folding multiplies the filters of a
convolution by gamma / sigma of the normalisation after it. So the same learning rate changes a filter by another share
of its length. That share does not depend on how the filter is scaled, so it compares the steps of the two functions:
the table has its ratio, folded over not folded, for the filters of each convolution, and for all filters.

Photographs are those that scikit-image ships, classes are drawn. Steps alternate between the two networks, so that both
meet the same load of the machine.
"""

from __future__ import annotations

import argparse
import statistics

import torch
from aalr_step import now, photographs
from torch import Tensor, nn

from wsss.config import Optimizer
from wsss.models import Classifier
from wsss.training.checkpoint import build_model
from wsss.training.classifier import ClassifierModule

CLASSES = 20
QUANTILES = torch.tensor([0.1, 0.5, 0.9])
NAMES = ("folded", "not folded")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--stride", type=int, default=16, choices=(8, 16, 32))
    parser.add_argument("--frozen", type=int, default=0, help="stages that are not trained")
    parser.add_argument("--crop", type=int, default=224, help="side of the crops, in pixels")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=5, help="steps, the first of which is not timed")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    modules = {name: built(options, fold=name == "folded") for name in NAMES}
    before = {name: filters(module.network) for name, module in modules.items()}
    seconds = train(modules, example(options.batch, options.crop, options.device), options)
    shares = {name: relative_steps(before[name], filters(module.network)) for name, module in modules.items()}
    print(f"{'ratio of relative steps, folded over not':44}{'10 %':>8}{'median':>8}{'90 %':>8}")
    ratios = {name: shares["folded"][name] / shares["not folded"][name] for name in shares["folded"]}
    # filters of zeros, which the packaged weights have some of, have no length to compare with
    ratios = {name: ratio[ratio.isfinite()] for name, ratio in ratios.items()}
    for name, ratio in {**ratios, "all filters": torch.cat(list(ratios.values()))}.items():
        print(f"{name:44}" + "".join(f"{value:8.2f}" for value in ratio.quantile(QUANTILES).tolist()))
    medians = torch.stack([ratio.median() for ratio in ratios.values()])
    print(f"{'medians of the convolutions':44}" + "".join(f"{v:8.2f}" for v in medians.quantile(QUANTILES).tolist()))
    for name, module in modules.items():
        of_filters = torch.cat(list(shares[name].values())).nanmedian()
        biases = sum(p.numel() for p in module.network.backbone.parameters() if p.requires_grad and p.ndim == 1)
        print(f"{name}: {seconds[name]:.3f} s a step, {biases} biases are trained, median step {of_filters:.2e}")


def built(options: argparse.Namespace, *, fold: bool) -> ClassifierModule:
    """Build a classifier without dropout, which would be drawn anew in each network."""
    values = {
        "name": options.backbone,
        "output_stride": options.stride,
        "frozen_stages": options.frozen,
        "fold_batch_norm": fold,
    }
    network = build_model(Classifier, {"backbone": values, "dropout": 0.0}, CLASSES).to(options.device)
    return ClassifierModule(network, Optimizer()).train()


def train(
    modules: dict[str, ClassifierModule], batch: dict[str, Tensor], options: argparse.Namespace
) -> dict[str, float]:
    """Take the steps; return the median seconds of one."""
    optimizers = {name: module.configure_optimizers() for name, module in modules.items()}
    times: dict[str, list[float]] = {name: [] for name in modules}
    for _ in range(options.steps):
        for name, module in modules.items():
            start = now(options.device)
            module.losses(batch)["loss"].backward()
            optimizers[name].step()
            optimizers[name].zero_grad()
            times[name].append(now(options.device) - start)
    return {name: statistics.median(own[1:]) for name, own in times.items()}


def filters(network: nn.Module) -> dict[str, Tensor]:
    """Copy the trained convolutions of the backbone, (filters, weights of each), by name."""
    return {
        name.removeprefix("backbone."): module.weight.detach().flatten(1).clone()
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and name.startswith("backbone.") and module.weight.requires_grad
    }


def relative_steps(before: dict[str, Tensor], after: dict[str, Tensor]) -> dict[str, Tensor]:
    """Divide the length of each filter's change by that of the filter; (filters,) by convolution."""
    return {name: ((after[name] - old).norm(dim=1) / old.norm(dim=1)).cpu() for name, old in before.items()}


def example(count: int, side: int, device: str) -> dict[str, Tensor]:
    """A batch of crops, and classes drawn for each."""
    targets = (torch.rand(count, CLASSES, generator=torch.Generator().manual_seed(0)) < 0.1).float()
    return {**photographs(count, side, device), "targets": targets.to(device)}


if __name__ == "__main__":
    main()
