"""Samples from rendered pairs (`../../test-scenes`): every label is exact, and known of both dates.

They hold what footprints and composed structures lack: halls longer than a crop, north lights and tanks, roofs that
lean with their height, and another sun on each date.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from train import jitter
from train.jitter import chance
from train.places import read_rgb
from train.real_pairs import NO_SHIFT, STRENGTHS, Window
from train.registered import shift_of
from train.samples import SIDE, Crop, Sample, finish

Rng = np.random.Generator

FILE = "rendered.npz"

REPOSITORY = Path(__file__).parents[4]

COMMAND = ("cargo", "run", "--release", "--quiet", "--package", "test-scenes", "--bin", "make-pairs", "--")
"""Writes the pairs; its seeds from 10,000 on are those of no test and not the demo's."""

MASKS = ("built-before", "removed", "built-after", "label")
"""Folders of masks that it writes beside `A` and `B`; `label` is what is new."""

EXACT_SHARE, REGISTERED_SHARE, ALIKE_SHARE = 0.5, 0.9, 0.5
"""Shares of crops that keep their pixels, fit as after a registration, have another light on both dates alike."""

STRENGTH_SHARES = (0.4, 0.4, 0.2)
"""How often the dates are driven further apart by each of `STRENGTHS`."""


@dataclass(frozen=True)
class RenderedPairs:
    """`images` [N,2,S,S,3] of both dates and `masks` [N,4,S,S] in the order of `MASKS`, 0..255.

    `shift` [N,2] is how far the after image lies from the before image, pixels right and down.
    """

    images: np.ndarray
    masks: np.ndarray
    shift: np.ndarray

    @staticmethod
    def load(cache: Path) -> RenderedPairs:
        kept = np.load(cache / FILE)
        return RenderedPairs(kept["images"], kept["masks"], kept["shift"])


def prepare(cache: Path, rendered: Path | None) -> None:
    """Decodes what make-pairs wrote to `rendered` into `cache`; without a folder it is run first, for minutes."""
    if rendered is None:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([*COMMAND, folder], cwd=REPOSITORY, check=True)
            prepare(cache, Path(folder))
        return
    # It does not know the tags of a georeference, and says so for each file.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    names = sorted(path.name for path in (rendered / "A").glob("*.tif"))
    images = np.stack([[read_rgb(rendered / date / name) for date in "AB"] for name in names])
    masks = np.stack([[cv2.imread(str(rendered / mask / name), 0) for mask in MASKS] for name in names])
    shift = np.array([shift_of(before, after) for before, after in images])
    np.savez(cache / FILE, images=images, masks=masks, shift=shift)
    side, apart = images.shape[2], shift.any(1).sum()
    print(f"prepared {len(names)} rendered pairs of {side} px, {apart} of them apart", flush=True)


def sample_from_rendered(rng: Rng, pairs: RenderedPairs) -> Sample:
    """A crop of a rendered pair, mostly with a change."""
    number = int(rng.integers(len(pairs.images)))
    built_before, removed, built_after, new = pairs.masks[number]
    window = Window.random(rng, removed | new, exact=chance(rng, EXACT_SHARE))
    shift = pairs.shift[number] if chance(rng, REGISTERED_SHARE) else NO_SHIFT
    nothing = np.zeros((SIDE, SIDE), np.uint8)

    def date(image: np.ndarray, built: np.ndarray, only: np.ndarray, shift: np.ndarray) -> Crop:
        shown, *masks = (window.cut(layer, shift) for layer in (image, built, only))
        return Crop(shown, *masks, nothing + 255, nothing, shown, nothing + 255)

    before = date(pairs.images[number, 0], built_before, removed, shift)
    after = date(pairs.images[number, 1], built_after, new, NO_SHIFT)
    if chance(rng, ALIKE_SHARE):
        before.image, after.image = jitter.alike(rng, [before.image, after.image])
    strength = STRENGTHS[rng.choice(len(STRENGTHS), p=STRENGTH_SHARES)]
    return replace(finish(rng, before, after, nothing, strength), drawn=True)
