"""Places: labelled ground at several resolutions, decoded once into a cache of arrays.

A place is a mosaic (or chips of one flight laid side by side) with a mask of buildings. Every level of
its pyramid also holds the same ground with the buildings erased, so that a sample can take away any
building by mixing the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from train.erase import erase_buildings

LEVELS_M = (0.3, 0.5, 0.75, 1.0, 1.5)
"""Resolutions kept in the cache; a crop is taken from the next finer one."""

NATIVE_GSD_M = {"set": 0.075, "nepal": 0.13, "rio": 0.5, "vegas": 0.3, "atlanta": 0.5}
"""Ground sample distance of the footprint images, by the start of their name."""

CHIP_SIDE_MAX = 900
"""Images up to this size are chips of a flight and are laid side by side."""

LAYERS = ("image", "mask", "valid", "objects", "erased")


@dataclass(frozen=True)
class Level:
    """One resolution of a place: `image` and `erased` HxWx3 RGB, the rest HxW (`objects` numbers buildings)."""

    gsd_m: float
    image: np.ndarray
    mask: np.ndarray
    valid: np.ndarray
    objects: np.ndarray
    erased: np.ndarray


@dataclass(frozen=True)
class Place:
    """A place at every cached resolution, finest first."""

    name: str
    levels: tuple[Level, ...]
    labelled: bool

    def finer_than(self, gsd_m: float) -> Level:
        """The coarsest level that is not coarser than `gsd_m`, or the finest there is."""
        fitting = [level for level in self.levels if level.gsd_m <= gsd_m * 1.01]
        return fitting[-1] if fitting else self.levels[0]


def read_rgb(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def native_gsd_m(name: str) -> float:
    return next(gsd for start, gsd in NATIVE_GSD_M.items() if name.startswith(start))


def to_gsd(values: np.ndarray, from_m: float, to_m: float) -> np.ndarray:
    """Reduces by area averaging; never enlarges."""
    if to_m <= from_m * 1.01:
        return values
    size = [max(1, round(side * from_m / to_m)) for side in values.shape[1::-1]]
    return cv2.resize(values, size, interpolation=cv2.INTER_AREA)


def lay_side_by_side(chips: list[np.ndarray]) -> np.ndarray:
    """A grid of chips cut to the smallest of them; the last incomplete row is dropped."""
    rows, cols = (min(chip.shape[axis] for chip in chips) for axis in (0, 1))
    across = max(1, int(len(chips) ** 0.5))
    lines = [
        np.concatenate([chip[:rows, :cols] for chip in chips[start : start + across]], 1)
        for start in range(0, len(chips) - across + 1, across)
    ]
    return np.concatenate(lines, 0)


def read_footprint(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, building mask and valid mask of one footprint image at the finest useful resolution."""
    gsd_m = native_gsd_m(name)
    image = read_rgb(folder / "image" / f"{name}.jpg")
    mask, valid = (cv2.imread(str(folder / kind / f"{name}.png"), cv2.IMREAD_GRAYSCALE) for kind in ("mask", "valid"))
    if valid is None:
        valid = np.full_like(mask, 255)
    finest_m = max(LEVELS_M[0], gsd_m)
    return to_gsd(image, gsd_m, finest_m), to_gsd(mask, gsd_m, finest_m), to_gsd(valid, gsd_m, finest_m)


def footprint_places(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All footprint images by place name, chips of one flight joined."""
    names = sorted(path.stem for path in (folder / "image").glob("*.jpg"))
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name if name.startswith("set") else name.split("_")[0], []).append(name)
    places = {}
    for group, members in groups.items():
        layers = zip(*(read_footprint(folder, name) for name in members), strict=True)
        places[group] = tuple(lay_side_by_side(list(layer)) for layer in layers)
    return places


def write_place(folder: Path, name: str, layers: tuple[np.ndarray, ...], finest_m: float) -> None:
    """Writes the pyramid of one place as `.npy` files."""
    image, mask, valid, erased = layers
    for level_m in (m for m in LEVELS_M if m >= finest_m * 0.99):
        small_mask = (to_gsd(mask, finest_m, level_m) > 127).astype(np.uint8)
        _, objects = cv2.connectedComponents(small_mask, connectivity=4, ltype=cv2.CV_16U)
        values = {
            "image": to_gsd(image, finest_m, level_m),
            "mask": small_mask * 255,
            "valid": (to_gsd(valid, finest_m, level_m) > 200).astype(np.uint8) * 255,
            "objects": objects,
            "erased": to_gsd(erased, finest_m, level_m),
        }
        for layer in LAYERS:
            np.save(folder / f"{name}@{level_m}@{layer}.npy", values[layer])


def prepare(data: Path, cache: Path, seed: int) -> None:
    """Decodes `data/train/footprints` and `data/train/unlabelled` into `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    places = footprint_places(data / "train/footprints")
    grounds = [(image, mask, valid) for image, mask, valid in places.values()]
    for name, (image, mask, valid) in places.items():
        erased = erase_buildings(image, mask, grounds, rng)
        finest_m = max(LEVELS_M[0], native_gsd_m(name))
        write_place(cache, name, (image, mask, valid, erased), finest_m)
        print(f"prepared {name}: {image.shape[1]}x{image.shape[0]} px of {finest_m} m", flush=True)
    chips = [
        to_gsd(read_rgb(path), NATIVE_GSD_M["nepal"], LEVELS_M[0])
        for path in sorted((data / "train/unlabelled").glob("*.jpg"))
    ]
    if chips:
        image = lay_side_by_side(chips)
        nothing = np.zeros(image.shape[:2], np.uint8)
        write_place(cache, "unlabelled-nepal", (image, nothing, nothing + 255, image), LEVELS_M[0])


def load(cache: Path) -> list[Place]:
    """All prepared places, memory-mapped."""
    found: dict[str, set[float]] = {}
    for path in sorted(cache.glob("*@image.npy")):
        name, level_m, _ = path.name.split("@")
        found.setdefault(name, set()).add(float(level_m))
    if not found:
        raise FileNotFoundError(f"no prepared places in {cache}; run `python -m train prepare` first")
    return [
        Place(
            name,
            tuple(
                Level(m, *(np.load(cache / f"{name}@{m}@{layer}.npy", mmap_mode="r") for layer in LAYERS))
                for m in sorted(levels)
            ),
            labelled=not name.startswith("unlabelled"),
        )
        for name, levels in sorted(found.items())
    ]
