"""Drawn pairs as a labelled folder that `stakeout evaluate` reads: what the score of `open` is fitted to."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from train.places import load
from train.samples import Ground, sample_from_places

GSD_M = 0.5
"""Resolution of the pairs, metres a pixel: that which `evaluate` takes for pairs without georeference."""


def write(cache: Path, out: Path, count: int, seed: int) -> None:
    """Writes `count` pairs under `out` as PNG files: `A` before, `B` after, `label` what is new (255)."""
    ground = Ground(load(cache))
    for part in ("A", "B", "label"):
        (out / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        sample = sample_from_places(np.random.default_rng((seed, number)), ground, GSD_M)
        bands = sample.pair.transpose(1, 2, 0)
        before, after = bands[..., 2::-1], bands[..., :2:-1]  # blue first, as OpenCV writes
        new = (sample.target[0] > 127) * np.uint8(255)
        for part, image in (("A", before), ("B", after), ("label", new)):
            path = out / part / f"{number:04}.png"
            if not cv2.imwrite(str(path), image):
                message = f"{path} cannot be written"
                raise OSError(message)
