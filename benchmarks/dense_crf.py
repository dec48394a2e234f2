"""The dense CRF in PyTorch beside pydensecrf, on the same photographs, in one run: same answer, and how much faster.

    python benchmarks/dense_crf.py --photos data/VOCdevkit/VOC2012/JPEGImages
    python benchmarks/dense_crf.py --photos data/VOCdevkit/VOC2012/JPEGImages --device cuda --batch 8
    python benchmarks/dense_crf.py --photos ... --model results/voc12_2007/.../segmenter_masks/model.ckpt

Times are of whole calls, from energies to marginals, both lattices included (the spatial one is kept per size, as in
use), on photographs of 375 x 500 px, 10 iterations, no label left out. "In flight" is the time per photograph of
`dense_crf` on a list, against pydensecrf in one process: threads on the CPU, one lattice on a GPU. With `--batch`, also
that of `dense_crf_batch` on so many photographs, and on so many crops of 161 x 161 px, as a training step has, beside
`dense_crf` on each of them and on the list. Ratios are medians over photographs of pydensecrf's time over ours, taken
in turns; a GPU is waited for before and after each call. Without `--photos`, parts of the photographs that scikit-image
ships. With `--model`, also what it saves and changes to leave out the labels that a network finds nowhere likely.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from skimage import data

from wsss.config import Crf, Protocol
from wsss.data.images import read_image
from wsss.ops import DenseCRF, dense_crf, dense_crf_batch, saliency_energies
from wsss.stages.predictor import load_segmentation_network
from wsss.stages.segmentation import network_probabilities

SIZE = (375, 500)
CROP = (161, 161)
PARAMETERS = {
    "AuxSegNet, saliency": (Crf(bilateral_sxy=60, bilateral_srgb=5, bilateral_compat=5, iterations=1), 2),
    "AuxSegNet, segmentation": (
        Crf(gaussian_sxy=4, bilateral_sxy=83, bilateral_srgb=5, bilateral_compat=3),
        21,
    ),
    "AA&LR, and the default": (Crf(), 21),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of photographs; those of 375 x 500 px are timed")
    parser.add_argument("--count", type=int, default=20, help="how many photographs")
    parser.add_argument("--batch", type=int, help="photographs in one lattice, and crops")
    parser.add_argument("--model", type=Path, help="checkpoint of a segmentation network")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    describe_machine(options)
    images = (
        shipped_photographs(options.count) if options.photos is None else read_folder(options.photos, options.count)
    )
    compare_answers(images, options.device)
    for labels in (21, 3):
        compare_times(images, labels, options.device)
        if options.batch is not None:
            for size in (SIZE, CROP):
                compare_batches(images, labels, options.device, size, options.batch)
    if options.model is not None:
        compare_restricted(images, options.model, options.device)


def describe_machine(options: argparse.Namespace) -> None:
    print(
        f"{platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores, {options.threads} threads"
    )
    if options.device != "cpu":
        print(torch.cuda.get_device_name(options.device))
    print(f"python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}")


def read_folder(folder: Path, count: int) -> list[np.ndarray]:
    """The first photographs of 375 x 500 px, spread over the folder."""
    found = []
    for path in sorted(folder.glob("*.jpg")):
        image = read_image(path)
        if image.shape[:2] == SIZE:
            found.append(image)
        if len(found) == count:
            break
    return found


def shipped_photographs(count: int) -> list[np.ndarray]:
    height, width = SIZE
    corners = [(0, 0), (20, 10), (10, 90), (24, 40), (5, 70)]
    whole = [data.coffee(), data.rocket(), data.astronaut(), np.ascontiguousarray(data.retina()[300:1100, 300:1300])]
    parts = [image[y : y + height, x : x + width] for image in whole for y, x in corners]
    return [np.ascontiguousarray(part) for part in parts if part.shape[:2] == SIZE][:count]


def random_probabilities(labels: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """Smooth random regions: (labels, *size) float32."""
    random = torch.rand((1, labels, size[0] // 32 + 1, size[1] // 32 + 1), generator=torch.manual_seed(seed)) ** 3
    smooth = torch.nn.functional.interpolate(random, size, mode="bilinear", align_corners=False)
    return (8 * smooth[0]).softmax(0).numpy()


def compare_answers(images: list[np.ndarray], device: str) -> None:
    for name, (params, labels) in PARAMETERS.items():
        largest, same = 0.0, 0.0
        for seed, image in enumerate(images):
            given = random_probabilities(labels, image.shape[:2], seed)
            energies = saliency_energies(given[1]) if labels == 2 else -np.log(given)
            ours = DenseCRF(image, params, "torch", device).marginals(energies)
            reference = DenseCRF(image, params, "pydensecrf").marginals(energies)
            largest = max(largest, float(np.abs(ours - reference).max()))
            same += float((ours.argmax(0) == reference.argmax(0)).mean()) / len(images)
        print(f"{name}, {labels} labels, {len(images)} photographs: ", end="")
        print(f"largest difference of a marginal {largest:.1e}, same label {100 * same:.4f} % of pixels")


def compare_times(images: list[np.ndarray], labels: int, device: str) -> None:
    params = Crf(minimum_probability=0)
    given = [random_probabilities(labels, SIZE, seed) for seed in range(len(images))]
    there = [torch.from_numpy(one).to(device) for one in given]
    times: dict[str, list[float]] = {"pydensecrf": [], "torch": []}
    DenseCRF(images[0], params, "torch", device).marginals(there[0])  # a GPU loads its kernels, the spatial lattice
    for image, probabilities in zip(images, given, strict=True):
        energies = -np.log(probabilities)
        for name, taken in times.items():
            where = device if name == "torch" else None
            taken.append(seconds(lambda: DenseCRF(image, params, name, where).marginals(energies), device))  # noqa: B023
    single = [reference / ours for reference, ours in zip(times["pydensecrf"], times["torch"], strict=True)]
    per_image = statistics.median(seconds(lambda: dense_crf(there, images, params), device) for _ in range(3))
    per_image /= len(images)
    reference = statistics.median(times["pydensecrf"])
    print(
        f"{labels} labels: pydensecrf {reference:.3f} s, torch {statistics.median(times['torch']):.4f} s per photograph"
    )
    print(f"  one at a time: {statistics.median(single):.2f} times as fast ({min(single):.2f} to {max(single):.2f})")
    print(f"  in flight: {per_image:.4f} s per photograph, {reference / per_image:.2f} times one pydensecrf process")


def compare_batches(images: list[np.ndarray], labels: int, device: str, size: tuple[int, int], count: int) -> None:
    """One at a time, in flight and in one lattice, in turns, for images that lie on the device."""
    params = Crf(minimum_probability=0)
    parts = [np.ascontiguousarray(image[: size[0], : size[1]]) for image in images[:count]]
    given = [random_probabilities(labels, size, seed) for seed in range(len(parts))]
    there = [torch.from_numpy(one).to(device) for one in given]
    pixels = [torch.from_numpy(one).to(device) for one in parts]
    energies = -np.log(given[0])
    calls: dict[str, Callable[[], object]] = {
        "pydensecrf": lambda: DenseCRF(parts[0], params, "pydensecrf").marginals(energies),
        "one at a time": lambda: [dense_crf(one, image, params) for one, image in zip(there, pixels, strict=True)],
        "in flight": lambda: dense_crf(there, pixels, params),
        "in one lattice": lambda: dense_crf_batch(there, pixels, params),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(6):
        for name, call in calls.items():
            duration = seconds(call, device) / (1 if name == "pydensecrf" else len(parts))
            taken[name] += [duration] if turn else []  # the first loads kernels and spatial lattices
    reference = statistics.median(taken.pop("pydensecrf"))
    print(f"{labels} labels, {len(parts)} images of {size[0]} x {size[1]} px, per image: pydensecrf {reference:.4f} s")
    for name, durations in taken.items():
        ours = statistics.median(durations)
        print(f"  {name}: {ours:.4f} s, {reference / ours:.2f} times pydensecrf")


def compare_restricted(images: list[np.ndarray], model: Path, device: str) -> None:
    """All labels against those that a network finds likely somewhere, by the default `minimum_probability`."""
    network, classes = load_segmentation_network(model, torch.device(device))
    kept, bounds, changes, same, ratios = [], [], [], [], []
    for image in images:
        pixels = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float().div_(255)
        with torch.inference_mode():
            probabilities = network_probabilities(network, pixels, Protocol())[0]
        results, times = [], []
        for params in (Crf(minimum_probability=0), Crf()):
            times.append(seconds(lambda: results.append(dense_crf(probabilities, image, params)), device))  # noqa: B023
        whole, restricted = results
        kept.append(int((restricted.flatten(1).amax(1) > 0).sum()))
        bounds.append(DenseCRF(image).marginal_bound(Crf().minimum_probability))
        changes.append(float((whole - restricted).abs().max()))
        same.append(float((whole.argmax(0) == restricted.argmax(0)).float().mean()))
        ratios.append(times[0] / times[1])
    print(f"labels of a network, those nowhere above {Crf().minimum_probability} left out: ", end="")
    print(f"{statistics.mean(kept):.1f} of {len(classes)} remain, {statistics.median(ratios):.2f} times as fast;")
    print(f"  a label left out would have stayed under {max(bounds):.4f}; ", end="")
    print(f"largest change of a marginal {max(changes):.4f}, same label {100 * statistics.mean(same):.4f} % of pixels")


def seconds(call: Callable[[], object], device: str) -> float:
    """The duration of a call, with what a GPU has still to do when it returns."""
    synchronize(device)
    start = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
