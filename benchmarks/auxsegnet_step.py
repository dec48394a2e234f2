"""A training step of AuxSegNet beside the released network's: time and peak memory, in one run.

    python benchmarks/auxsegnet_step.py                                     # 320 crop, batch 4, resnet38d at stride 8
    python benchmarks/auxsegnet_step.py --backbone tf_efficientnet_lite0 --crop 160 --batch 2

Both are the ICCV network with the same parameters, losses and optimiser. `released` runs a transcription of the
released forward pass: three copies of the features, CAMs and values that nothing uses, whole affinity matrices, and
frozen batch normalisation as PyTorch has it. `wsss, whole matrices` is this package with `dense_positions` raised, so
that one sees what the blocks of rows do. Each variant runs in a process of its own; they take turns, and the fastest
of the rounds counts. Memory is the peak of the process on a CPU, less what it held before the first step, and
`torch.cuda.max_memory_allocated` on a GPU.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss import config
from wsss.losses import auxsegnet_losses
from wsss.losses.auxsegnet import LOSSES
from wsss.models import AuxSegNet
from wsss.models.norm_relu import NormReLU

VARIANTS = {"released": 0, "wsss, whole matrices": 10**9, "wsss": None}
"""Name -> `dense_positions`; None leaves the default."""
Predict = Callable[[AuxSegNet, Tensor], Mapping[str, Tensor]]
"""Outputs of a network by name, of images (N, 3, H, W) in [0, 1]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet38d")
    parser.add_argument("--stride", type=int, default=8, choices=(8, 16, 32))
    parser.add_argument("--crop", type=int, default=320, help="side of the images, in pixels: a multiple of 32")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3, help="timed steps per process, after one that is not")
    parser.add_argument("--rounds", type=int, default=2, help="processes per variant")
    parser.add_argument("--threads", type=int, default=0, help="0 leaves it to PyTorch")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--variant", choices=list(VARIANTS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        print(json.dumps(measure(options)))
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    for _ in range(options.rounds):
        for name in VARIANTS:
            command = [sys.executable, __file__, *sys.argv[1:], "--device", options.device, "--variant", name]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                sys.exit(f"{name}: {result.stderr}")
            found[name].append(json.loads(result.stdout))
    report(options, found)


def report(options: argparse.Namespace, found: dict[str, list[dict[str, float]]]) -> None:
    """Prints the fastest round of each variant, its smallest peak, and both as shares of the released network's."""
    best = {name: {key: min(row[key] for row in rows) for key in rows[0]} for name, rows in found.items()}
    device = torch.cuda.get_device_name() if options.device.startswith("cuda") else cpu_name()
    print(f"{options.backbone}, stride {options.stride}, crop {options.crop}, batch {options.batch}; {device},")
    threads = options.threads or torch.get_num_threads()
    print(f"{threads} threads, Python {platform.python_version()}, torch {torch.__version__}, {platform.system()}")
    print("loss of the first step: " + ", ".join(f"{name} {row['loss']:.5f}" for name, row in best.items()))
    first = best["released"]
    for name, row in best.items():
        shares = f"{row['seconds'] / first['seconds']:.2f} of the time, {row['mib'] / first['mib']:.2f} of the memory"
        print(f"{name:22} {row['seconds']:8.3f} s per step {row['mib']:9.0f} MiB   {shares}")


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Seconds of the fastest step, peak memory in MiB, and the first loss, of one variant in this process."""
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    released = options.variant == "released"
    frozen = 1 if options.backbone == "resnet38d" else 0
    settings = config.BackboneSettings(
        name=options.backbone, weights="none", output_stride=options.stride, frozen_stages=frozen
    )
    positions = VARIANTS[options.variant]
    limit = {} if positions is None else {"dense_positions": positions}
    network = AuxSegNet(settings, 20, unary_affinity=False, dropout=0.0, **limit).train().to(options.device)
    for module in network.modules():
        if isinstance(module, nn.Dropout2d):
            # equal losses show that the variants compute the same
            module.p = 0.0
    predict = own_predictions
    if released:
        from released_auxsegnet import iccv_forward

        predict = partial(iccv_forward, released_extras=True)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-5)
    batch = example(options)
    cuda = options.device.startswith("cuda")
    before = 0.0 if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times, losses = [], []
    with plain_normalisation() if released else nullcontext():
        for _ in range(options.steps + 1):
            start = time.perf_counter()
            losses.append(step(network, optimizer, batch, predict).item())
            if cuda:
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    peak = (
        torch.cuda.max_memory_allocated() / 2**20 if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )
    return {"seconds": min(times[1:]), "mib": peak - before, "loss": losses[0]}


def example(options: argparse.Namespace) -> dict[str, Tensor]:
    """A random batch."""
    shape = (options.batch, options.crop, options.crop)
    random = torch.Generator().manual_seed(1)
    batch = {
        "images": torch.rand(options.batch, 3, *shape[1:], generator=random),
        "targets": torch.randint(0, 2, (options.batch, 20), generator=random).float(),
        "labels": torch.randint(0, 21, shape, generator=random).to(torch.uint8),
        "saliency": torch.randint(0, 2, shape, generator=random).to(torch.uint8),
    }
    return {name: value.to(options.device) for name, value in batch.items()}


def step(network: AuxSegNet, optimizer: torch.optim.Optimizer, batch: Mapping[str, Tensor], predict: Predict) -> Tensor:
    """Do one step of training; return the loss."""
    predictions = predict(network, batch["images"])
    losses = auxsegnet_losses(
        {name: predictions[name] for name in LOSSES.values()},
        targets=batch["targets"],
        labels=batch["labels"],
        saliency=batch["saliency"],
        grid=network.grid,
    )
    loss = torch.stack(list(losses.values())).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def own_predictions(network: AuxSegNet, images: Tensor) -> dict[str, Tensor]:
    outputs = list(LOSSES.values())
    found = network(images, outputs)
    return {name: getattr(found, name) for name in outputs}


@contextmanager
def plain_normalisation() -> Iterator[None]:
    """Let batch normalisation with ReLU be two layers within the block, as PyTorch has them."""
    own = NormReLU.forward
    NormReLU.forward = _plain_norm_relu  # type: ignore[method-assign]
    try:
        yield
    finally:
        NormReLU.forward = own  # type: ignore[method-assign]


def _plain_norm_relu(norm: nn.BatchNorm2d, features: Tensor) -> Tensor:
    return functional.relu_(nn.BatchNorm2d.forward(norm, features))


def cpu_name() -> str:
    """The processor as Linux calls it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
