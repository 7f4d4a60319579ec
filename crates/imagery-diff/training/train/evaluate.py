"""Figures on real pairs never trained on: pixels, objects, and false alarms where nothing changed.

Quick, for choosing between runs; the product's own `evaluate` command is the judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from train import jitter
from train.network import ChangeNet
from train.places import read_rgb, to_gsd
from train.registered import onto

THRESHOLD = 0.5
SWEEP = np.arange(0.1, 0.91, 0.05)
"""Thresholds tried for the best pixel F1, which says whether probabilities sit too low or too high."""

OBJECT_AREA_M2_MIN = 20.0
OBJECT_IOU = 0.5
FRANCE_NATIVE_M = 0.2
FRANCE_GSDS_M = (0.5, 1.0, 1.5)
LEVIR_GSD_M = 0.5
QUIET_SEED = 11


@dataclass(frozen=True)
class Pair:
    """A labelled pair; `both` says that the label holds any change of buildings, not only new ones."""

    name: str
    before: np.ndarray
    after: np.ndarray
    label: np.ndarray
    both: bool
    gsd_m: float


@dataclass
class Tally:
    """Counts of pixels and objects: found and real (tp), found only (fp), real only (fn)."""

    pixels: np.ndarray
    objects: np.ndarray
    sweep: np.ndarray

    @staticmethod
    def empty() -> Tally:
        return Tally(np.zeros(3), np.zeros(3), np.zeros((len(SWEEP), 3)))


def f1(counts: np.ndarray) -> float:
    tp, fp, fn = counts
    return float(2 * tp / max(1, 2 * tp + fp + fn))


def levir_pairs(folder: Path) -> list[Pair]:
    """LEVIR pairs, registered as a detector does it."""
    pairs = []
    for name in sorted(path.stem for path in (folder / "A").iterdir()):
        before, after = (read_rgb(folder / date / f"{name}.jpg") for date in "AB")
        label = cv2.imread(str(folder / "label" / f"{name}.png"), cv2.IMREAD_GRAYSCALE) > 127
        pairs.append(Pair(name, onto(before, after), after, label, both=False, gsd_m=LEVIR_GSD_M))
    return pairs


def france_pairs(folder: Path, gsd_m: float) -> list[Pair]:
    """French pairs reduced to `gsd_m` and registered."""
    # OpenCV's warnings about their georeference tags are not wanted here.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    pairs = []
    for path in sorted((folder / "A").glob("*.tif")):
        label = (cv2.imread(str(folder / "label" / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE) > 127) * np.uint8(255)
        before, after = read_rgb(path), read_rgb(folder / "B" / path.name)
        before, after, label = (to_gsd(values, FRANCE_NATIVE_M, gsd_m) for values in (before, after, label))
        both = path.stem.startswith("bin")
        pairs.append(Pair(path.stem, onto(before, after), after, label > 127, both, gsd_m))
    return pairs


def evidence(network: ChangeNet, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Probabilities [5,H,W] of one pair of RGB images, padded by mirroring to what the network takes."""
    rows, cols = before.shape[:2]
    down, right = -rows % network.stride, -cols % network.stride
    pair = np.concatenate([before, after], 2).astype(np.float32) / 255
    pair = np.pad(pair, ((0, down), (0, right), (0, 0)), mode="reflect")
    tensor = torch.from_numpy(pair.transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        return network.evidence(tensor)[0, :, :rows, :cols].numpy()


def changed(maps: np.ndarray, both: bool) -> np.ndarray:
    """Probability of what the label holds."""
    return np.maximum(maps[0], maps[1]) if both else maps[0]


def pixel_counts(mask: np.ndarray, label: np.ndarray) -> list[int]:
    return [(mask & label).sum(), (mask & ~label).sum(), (~mask & label).sum()]


def components(mask: np.ndarray, gsd_m: float) -> list[np.ndarray]:
    """Index sets of the 4-connected objects of at least the smallest area."""
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] * gsd_m**2 >= OBJECT_AREA_M2_MIN]
    return [np.flatnonzero(numbers == i) for i in large]


def count_pair(tally: Tally, pair: Pair, probability: np.ndarray) -> None:
    mask = probability > THRESHOLD
    tally.pixels += pixel_counts(mask, pair.label)
    tally.sweep += [pixel_counts(probability > threshold, pair.label) for threshold in SWEEP]
    predicted, real = components(mask, pair.gsd_m), components(pair.label, pair.gsd_m)
    overlaps = sorted(
        (
            (len(np.intersect1d(p, r, True)) / len(np.union1d(p, r)), i, j)
            for i, p in enumerate(predicted)
            for j, r in enumerate(real)
        ),
        reverse=True,
    )
    used_p: set[int] = set()
    used_r: set[int] = set()
    for iou, i, j in overlaps:
        if iou >= OBJECT_IOU and i not in used_p and j not in used_r:
            used_p.add(i)
            used_r.add(j)
    tally.objects += [len(used_p), len(predicted) - len(used_p), len(real) - len(used_r)]


def picture(pair: Pair, maps: np.ndarray) -> np.ndarray:
    """Before, after, label and evidence (red removed, green new, blue boundary) side by side, BGR."""
    label = np.repeat(pair.label[..., None] * np.uint8(255), 3, 2)
    change = (np.stack([maps[1], maps[0], maps[4]], 2) * 255).astype(np.uint8)
    built = (np.stack([maps[2], maps[3], 0 * maps[2]], 2) * 255).astype(np.uint8)
    return np.concatenate([pair.before, pair.after, label, change, built], 1)[..., ::-1]


def measure(network: ChangeNet, pairs: list[Pair], pictures: Path | None, name: str) -> dict[str, float]:
    tally = Tally.empty()
    for pair in pairs:
        maps = evidence(network, pair.before, pair.after)
        count_pair(tally, pair, changed(maps, pair.both))
        if pictures is not None:
            cv2.imwrite(str(pictures / f"{name}-{pair.name}.png"), picture(pair, maps))
    tp, fp, fn = tally.pixels
    sweep = [f1(counts) for counts in tally.sweep]
    return {
        "pixel_f1": round(f1(tally.pixels), 4),
        "pixel_precision": round(float(tp / max(1, tp + fp)), 4),
        "pixel_recall": round(float(tp / max(1, tp + fn)), 4),
        "pixel_f1_best": round(max(sweep), 4),
        "best_threshold": round(float(SWEEP[int(np.argmax(sweep))]), 2),
        "object_f1_50": round(f1(tally.objects), 4),
    }


def false_alarms_per_km2(network: ChangeNet, pairs: list[Pair]) -> float:
    """Objects found between an image and itself under shift, light, season and sensor."""
    rng = np.random.default_rng(QUIET_SEED)
    alarms, area_km2 = 0, 0.0
    for pair in pairs:
        image = pair.after
        rows, cols = image.shape[:2]
        side = min(rows, cols)
        before, after = (
            jitter.photometric(rng, jitter.moved(image, jitter.misfit(rng, side), cv2.INTER_LINEAR)) for _ in range(2)
        )
        alarms += len(components(changed(evidence(network, before, after), both=True) > THRESHOLD, pair.gsd_m))
        area_km2 += rows * cols * pair.gsd_m**2 / 1e6
    return round(alarms / area_km2, 2)


def evaluate(network: ChangeNet, folder: Path, pictures: Path | None) -> dict[str, object]:
    """All figures; `folder` holds `levir` and `fotbcd`."""
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    levir = levir_pairs(folder / "levir")
    france = {gsd_m: france_pairs(folder / "fotbcd", gsd_m) for gsd_m in FRANCE_GSDS_M}
    figures: dict[str, object] = {"levir_0.5m": measure(network, levir, pictures, "levir")}
    for gsd_m, pairs in france.items():
        figures[f"france_{gsd_m}m"] = measure(network, pairs, pictures, f"france-{gsd_m}")
    figures["unchanged_alarms_per_km2"] = {
        "levir_0.5m": false_alarms_per_km2(network, levir[::2]),
        "france_0.5m": false_alarms_per_km2(network, france[0.5]),
    }
    return figures
