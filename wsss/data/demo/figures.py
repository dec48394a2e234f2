"""The silhouettes of the eight classes.

Every figure is a large body (with limbs of the same material) and a small part whose pattern alone names the class.
Proportions are drawn anew for each object, so that the silhouette is a hint and not a proof.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wsss.data.demo.outlines import Figure, ellipse, smooth, stroke


def _beetle(rng: np.random.Generator) -> Figure:
    length, height = rng.uniform(0.62, 0.78), rng.uniform(0.44, 0.6)
    legs = [
        stroke(
            [(x, side * 0.3), (x + lean, side * (height + 0.1)), (x + 1.6 * lean, side * (height + 0.26))], 0.16, 0.09
        )
        for side in (-1, 1)
        for x, lean in ((-0.5, -0.14), (-0.1, rng.uniform(-0.05, 0.05)), (0.25, 0.14))
    ]
    radius = rng.uniform(0.24, 0.29)
    head_x = length - 0.12 - 0.05 * radius
    horns = [
        stroke([(head_x + 0.1, s * 0.12), (head_x + 0.38, s * 0.2), (head_x + 0.46, s * 0.06)], 0.1, 0.05)
        for s in (-1, 1)
    ]
    return Figure(
        body=[ellipse(-0.12, 0, length, height, rng.uniform(0.85, 1.0))],
        part=[ellipse(head_x, 0, radius, 1.05 * radius, 0.8), *horns],
        centre=(head_x, 0),
        radius=radius,
        limbs=legs,
        creases=[
            np.array([(-0.12 - length, 0), (0.62 * length, 0)]),
            ellipse(0.72 * length, 0, 0.3, height, 1, 0.62, 1.38),
        ],
    )


def _fish(rng: np.random.Generator) -> Figure:
    h = rng.uniform(0.38, 0.56)
    tail = rng.uniform(0.3, 0.48)
    fin = rng.uniform(0.2, 0.36)
    return Figure(
        body=[
            smooth(
                (0.92, 0.02),
                (0.6, -0.7 * h),
                (0.1, -h),
                (-0.4, -0.55 * h),
                (-0.68, 0),
                (-0.4, 0.55 * h),
                (0.1, h),
                (0.6, 0.7 * h),
            )
        ],
        part=[ellipse(0.68, 0.0, 0.27, 0.75 * h + 0.1)],
        centre=(0.66, 0),
        radius=0.29,
        limbs=[
            smooth((-0.5, 0), (-0.95, -tail), (-0.84, 0), (-0.95, tail)),
            smooth((0.3, -0.75 * h), (-0.1, -h - fin), (-0.35, -0.5 * h)),
            smooth((0.05, 0.8 * h), (-0.25, h + 0.7 * fin), (-0.3, 0.5 * h)),
        ],
        creases=[ellipse(0.02, 0.12 * h, 0.2, 0.3 * h, 1, 0.5, 1.5)],
        clip_part=True,
    )


def _snail(rng: np.random.Generator) -> Figure:
    r = rng.uniform(0.5, 0.62)
    lift = rng.uniform(0.0, 0.2)
    x, y = -0.18, 0.1 - 0.5 * r
    radius = rng.uniform(0.23, 0.28)
    hub_x, hub_y = x + rng.uniform(-0.08, 0.12), y + rng.uniform(-0.08, 0.08)
    head = smooth((0.4, 0.3), (0.52, -0.02 - lift), (0.74, -0.15 - lift), (0.93, 0.0 - lift), (0.84, 0.36))
    stalks = [stroke([(0.72, -lift), (end, -0.28 - lift)], 0.1, 0.08) for end in (0.62, 0.84)]
    eyes = [ellipse(end, -0.31 - lift, 0.075, 0.075) for end in (0.61, 0.86)]
    return Figure(
        body=[
            smooth((-0.98, 0.56), (-0.5, 0.32), (0.3, 0.3), (0.66, 0.2), (0.8, 0.42), (0.6, 0.58), (-0.3, 0.62)),
            head,
            ellipse(x, y, r * rng.uniform(1.0, 1.12), r),
        ],
        part=[ellipse(hub_x, hub_y, radius, radius)],
        centre=(hub_x, hub_y),
        radius=radius,
        limbs=[*stalks, *eyes],
        creases=[ellipse(x, y, 0.98 * r, 0.95 * r, 1, -0.25, 0.85), ellipse(0.78, 0.02 - lift, 0.03, 0.03)],
    )


def _bird(rng: np.random.Generator) -> Figure:
    h = rng.uniform(0.36, 0.48)
    neck_x, neck_y = rng.uniform(0.46, 0.6), rng.uniform(-0.5, -0.36)
    radius = rng.uniform(0.23, 0.27)
    tip = rng.uniform(-0.12, 0.1)
    return Figure(
        body=[
            smooth(
                (neck_x + 0.16, neck_y + 0.04),
                (0.66, 0.05),
                (0.25, h),
                (-0.3, 0.75 * h),
                (-0.98, tip),
                (-0.55, -0.42 * h),
                (0.1, -0.6 * h),
                (neck_x - 0.26, neck_y + 0.04),
            )
        ],
        part=[
            ellipse(neck_x, neck_y, radius, 0.95 * radius),
            np.array(
                [
                    (neck_x + 0.6 * radius, neck_y - 0.15),
                    (neck_x + radius + 0.3, neck_y + 0.05),
                    (neck_x + 0.6 * radius, neck_y + 0.17),
                ]
            ),
        ],
        centre=(neck_x, neck_y),
        radius=radius,
        limbs=[stroke([(x, 0.2), (x - 0.02, h + 0.18), (x + 0.12, h + 0.26)], 0.11, 0.09) for x in (-0.02, 0.2)],
        creases=[smooth((0.28, -0.1), (0.1, 0.28), (-0.35, 0.25), (-0.78, tip + 0.02), (-0.3, -0.12))],
    )


def _turtle(rng: np.random.Generator) -> Figure:
    dome = rng.uniform(0.58, 0.78)
    radius = rng.uniform(0.22, 0.27)
    y = rng.uniform(-0.12, 0.12)
    plate_x, plate_y = rng.uniform(-0.3, 0.1), -0.42 * dome + rng.uniform(-0.06, 0.06)
    legs = [ellipse(x, 0.42, 0.16, 0.22, 0.8) for x in (-0.52, 0.3)]
    return Figure(
        body=[
            smooth(
                (0.58, 0.34),
                (0.6, 0.02),
                (0.3, -0.75 * dome),
                (-0.12, -dome),
                (-0.55, -0.7 * dome),
                (-0.86, 0.05),
                (-0.8, 0.34),
                (-0.1, 0.42),
            )
        ],
        part=[ellipse(plate_x, plate_y, 1.15 * radius, 0.95 * radius, 0.7)],
        centre=(plate_x, plate_y),
        radius=1.1 * radius,
        limbs=[
            *legs,
            smooth((-0.7, 0.2), (-1.0, 0.42), (-0.7, 0.38)),
            stroke([(0.45, 0.25), (0.78, y)], 0.26, 0.3),
            ellipse(0.8, y, 0.22, 0.18),
        ],
        creases=[np.array([(-0.82, 0.16), (-0.12, 0.24), (0.6, 0.14)]), ellipse(0.86, y - 0.05, 0.03, 0.03)],
        clip_part=True,
    )


def _owl(rng: np.random.Generator) -> Figure:
    w, h = rng.uniform(0.5, 0.64), rng.uniform(0.78, 0.92)
    y = -0.44 * h
    ear = rng.uniform(0.1, 0.24)
    return Figure(
        body=[
            smooth(
                (0, -0.92 * h),
                (0.62 * w, -0.8 * h),
                (0.82 * w, -0.3 * h),
                (w, 0.3 * h),
                (0.55 * w, 0.92 * h),
                (-0.55 * w, 0.92 * h),
                (-w, 0.3 * h),
                (-0.82 * w, -0.3 * h),
                (-0.62 * w, -0.8 * h),
            )
        ],
        part=[ellipse(0, y, 0.68 * w, 0.27 * h, 0.85)],
        centre=(0, y),
        radius=0.68 * w,
        limbs=[np.array([(s * 0.2 * w, -0.8 * h), (s * 0.75 * w, -h - ear), (s * 0.85 * w, -0.4 * h)]) for s in (-1, 1)]
        + [ellipse(s * 0.4 * w, 0.95 * h, 0.13, 0.1) for s in (-1, 1)],
        creases=[
            ellipse(s * 1.02 * w, 0.25 * h, 0.4 * w, 0.55 * h, 1, 0.5 + 0.5 * (1 - s), 1.5 + 0.5 * (1 - s))
            for s in (-1, 1)
        ],
        clip_part=True,
    )


def _wagon(rng: np.random.Generator) -> Figure:
    length, top = rng.uniform(0.78, 0.92), rng.uniform(-0.66, -0.4)
    radius = rng.uniform(0.24, 0.29)
    wheel_x = rng.uniform(0.1, 0.4)
    slope = rng.uniform(0.0, 0.3)
    hull = ellipse(0, 0.5 * (top + 0.38), length, 0.5 * (0.38 - top), rng.uniform(0.3, 0.5))
    hull[:, 0] -= slope * (hull[:, 1] - 0.38) * np.sign(-hull[:, 0])
    return Figure(
        body=[hull],
        part=[ellipse(wheel_x, 0.2, radius, radius)],
        centre=(wheel_x, 0.2),
        radius=radius,
        limbs=[ellipse(-0.45, 0.38, 0.9 * radius, 0.9 * radius), stroke([(0.7, 0.2), (1.08, 0.12)], 0.12, 0.1)],
        creases=[np.array([(-length, y), (length, y)]) for y in (top + 0.25, top + 0.5)],
    )


def _kettle(rng: np.random.Generator) -> Figure:
    w, h = rng.uniform(0.56, 0.7), rng.uniform(0.46, 0.6)
    top = 0.12 - h
    lid = rng.uniform(0.3, 0.36)
    arc = np.linspace(-0.45, 0.45, 9) * np.pi
    handle = [(-w + 0.1 - 0.34 * np.cos(a), 0.06 + 0.36 * np.sin(a)) for a in arc]
    return Figure(
        body=[ellipse(0, 0.12, w, h, rng.uniform(0.75, 1.0))],
        part=[
            ellipse(0, top + 0.12, lid, 0.3, 0.9, 1.0, 2.0),
            ellipse(0, top + 0.11, lid, 0.18),
            ellipse(0, top - 0.22, 0.09, 0.09),
        ],
        centre=(0, top + 0.04),
        radius=lid,
        limbs=[
            stroke(handle, 0.13, 0.13),
            smooth(
                (w - 0.25, 0.25), (w + 0.1, 0.0), (w + 0.2, -0.34), (w + 0.36, -0.3), (w + 0.26, 0.1), (w - 0.1, 0.5)
            ),
        ],
        creases=[ellipse(0, 0.12, w, 0.35 * h, 1, 0.08, 0.92)],
    )


FIGURES: dict[str, Callable[[np.random.Generator], Figure]] = {
    "beetle": _beetle,
    "bird": _bird,
    "fish": _fish,
    "kettle": _kettle,
    "owl": _owl,
    "snail": _snail,
    "turtle": _turtle,
    "wagon": _wagon,
}
