"""Samples from real labelled pairs (LEVIR-CD); their terms allow research only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from train import jitter
from train.jitter import chance
from train.places import read_rgb
from train.registered import shift_of
from train.samples import SIDE, Crop, Ground, Sample, add_loose_things, change_ground, dilated, finish

Rng = np.random.Generator

GSD_M = 0.5
FILE = "real-pairs-{}.npz"

SOURCES = {1024: "*.jpg", 256: "train_*.jpg"}
"""Side of the pairs in pixels and which are taken: the validation places of 256 px are also among those of 1024 px."""

SCALE_MAX = 0.8
"""A crop covers at most this share of a pair's side, so that a turned one is seldom filled by mirroring."""

NO_SHIFT = np.zeros(2)

ENLARGED_SHARE = 0.7
"""Share of the crops that do not keep their own pixels that are at the scale of a detector's enlarged looks."""


@dataclass(frozen=True)
class Variety:
    """What is done to real pairs, in shares of samples.

    `exact` crops keep their pair's own pixels: they are turned by right angles and mirrored only. Of `registered` ones
    the before image is moved onto the after image first, as a detector does. `changed` ones are a pair; the rest are
    one date twice, unchanged. `loose` is the share of dates with drawn loose things. `alike` is the share of pairs of
    which both dates get another light and sensor, the same. `strengths` says how often the dates are driven further
    apart, by `STRENGTHS`: they differ by years as it is.
    """

    exact: float
    registered: float
    changed: float
    loose: float
    alike: float
    strengths: tuple[float, ...]


STRENGTHS = (jitter.NONE, jitter.MILD, jitter.STRONG)
VARIED = Variety(exact=0.6, registered=0.9, changed=0.9, loose=0.1, alike=0.4, strengths=(0.6, 0.3, 0.1))
CLOSER = replace(VARIED, exact=0.75)
AS_THEY_ARE = Variety(exact=1.0, registered=1.0, changed=1.0, loose=0.0, alike=0.0, strengths=(1.0, 0.0, 0.0))

VARIETIES = {"varied": (0.6, VARIED), "closer": (0.7, CLOSER), "as-they-are": (1.0, AS_THEY_ARE)}
"""How real pairs are shown, and their share among the samples of a run."""


@dataclass(frozen=True)
class RealPairs:
    """Before, after and label of every place, how far its after image lies from its before image (pixels right and
    down), and its share of the ground; what is new is labelled where it stands in the after image.
    """

    before: list[np.ndarray]
    after: list[np.ndarray]
    label: list[np.ndarray]
    shift: list[np.ndarray]
    share: np.ndarray

    @staticmethod
    def load(cache: Path) -> RealPairs:
        kept = [np.load(cache / FILE.format(side)) for side in SOURCES]
        stacks = [[pair for part in kept for pair in part[name]] for name in ("before", "after", "label", "shift")]
        pixels = np.array([label.size for label in stacks[2]], float)
        return RealPairs(*stacks, pixels / pixels.sum())

    def draw(self, rng: Rng) -> int:
        """Number of a pair, by its share of the ground."""
        return int(rng.choice(len(self.before), p=self.share))


def prepare(data: Path, cache: Path) -> None:
    """Decodes the pairs of `data/train/levir` into `cache`: all of 1024 px, and those of 256 px from other places."""
    for side, pattern in SOURCES.items():
        folder = data / "train/levir" / str(side)
        names = sorted(path.stem for path in (folder / "A").glob(pattern))
        stacks = {
            "before": [read_rgb(folder / "A" / f"{name}.jpg") for name in names],
            "after": [read_rgb(folder / "B" / f"{name}.jpg") for name in names],
            "label": [cv2.imread(str(folder / "label" / f"{name}.png"), cv2.IMREAD_GRAYSCALE) for name in names],
        }
        stacks["shift"] = [np.array(shift_of(*dates)) for dates in zip(stacks["before"], stacks["after"], strict=True)]
        np.savez(cache / FILE.format(side), **{name: np.stack(values) for name, values in stacks.items()})
        apart = sum(shift.any() for shift in stacks["shift"])
        print(f"prepared {len(names)} real pairs of {side} px, {apart} of them apart", flush=True)


def random_scale(rng: Rng) -> float:
    """How many times coarser than a pair its crop is."""
    if chance(rng, ENLARGED_SHARE):
        return float(rng.uniform(0.75, 1.0))
    return float(np.exp(rng.uniform(np.log(0.65), np.log(2.0))))


@dataclass(frozen=True)
class Window:
    """Where a crop lies in a pair: the pixel [x, y] of the crop shows `corner + matrix @ [x, y]` of the pair's."""

    matrix: np.ndarray
    corner: np.ndarray
    scale: float

    @staticmethod
    def random(rng: Rng, label: np.ndarray, exact: bool) -> Window:
        """Turned, mirrored and scaled; most are drawn to where `label` says that something changed."""
        side = label.shape[0]
        scale = 1.0 if exact else min(random_scale(rng), SCALE_MAX * side / SIDE)
        centre = rng.uniform(0, side, 2)
        if chance(rng, 0.65):
            changed = np.flatnonzero(label[::8, ::8])
            if len(changed):
                row, col = divmod(int(rng.choice(changed)), side // 8)
                centre = np.array([col, row]) * 8 + rng.uniform(-60, 60, 2) * scale
        reach = SIDE * scale / 2
        centre = np.clip(centre, min(reach, side / 2), max(side - reach, side / 2))
        if exact:
            centre = np.floor(centre) + 0.5
        turn = rng.integers(4) * np.pi / 2 if exact else rng.uniform(0, 2 * np.pi)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
        if chance(rng, 0.5):
            matrix[:, 0] *= -1
        return Window(matrix, centre - matrix @ np.full(2, (SIDE - 1) / 2), scale)

    def cut(self, values: np.ndarray, shift: np.ndarray = NO_SHIFT) -> np.ndarray:
        """The crop of an image or mask that lies `shift` pixels back from where the window does."""
        # Averaged first where the crop is coarser, so that fine texture does not alias.
        if self.scale > 1.5:
            values = cv2.blur(values, (2, 2))
        inverse = np.column_stack([self.matrix, self.corner - shift]).astype(np.float32)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(values, inverse, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def cut_pair(rng: Rng, pairs: RealPairs, variety: Variety) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A crop of a pair: before, after, label and its resolution in metres a pixel."""
    number = pairs.draw(rng)
    label = pairs.label[number]
    window = Window.random(rng, label, exact=chance(rng, variety.exact))
    shift = pairs.shift[number] if chance(rng, variety.registered) else NO_SHIFT
    before, after = window.cut(pairs.before[number], shift), window.cut(pairs.after[number])
    return before, after, window.cut(label), GSD_M * window.scale


def as_crop(image: np.ndarray, only: np.ndarray, changed: np.ndarray) -> Crop:
    """A date whose buildings are known only at and around the changed ones."""
    nothing = np.zeros((SIDE, SIDE), np.uint8)
    return Crop(image.copy(), only.copy(), only.copy(), nothing + 255, nothing, image, dilated(changed, 3))


def sample_from_pairs(rng: Rng, pairs: RealPairs, ground: Ground, variety: Variety) -> Sample:
    """A real change, or one real date twice with drawn ground changes, loose things."""
    first, second, label, gsd_m = cut_pair(rng, pairs, variety)
    nothing = np.zeros((SIDE, SIDE), np.uint8)
    if chance(rng, variety.changed):
        changed = (label > 127) * np.uint8(255)
        before, after = as_crop(first, nothing, changed), as_crop(second, changed, changed)
    else:
        image = first if chance(rng, 0.4) else second
        before, after = as_crop(image, nothing, nothing), as_crop(image, nothing, nothing)
        donor = ground.crop(rng, gsd_m)
        if chance(rng, 0.5):
            change_ground(rng, after, donor, gsd_m)
    if chance(rng, variety.alike):
        before.image, after.image = jitter.alike(rng, [before.image, after.image])
    for date in (before, after):
        date.image = jitter.exposure(rng, date.image)
        if chance(rng, variety.loose):
            add_loose_things(rng, date, gsd_m)
    return finish(rng, before, after, nothing, STRENGTHS[rng.choice(len(STRENGTHS), p=variety.strengths)])
