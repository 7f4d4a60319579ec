"""Fits what keeps two basins of the evidence apart (`src/partition.rs`): a logistic regression on sums along a border.

    python fit_borders.py ../models/research.onnx PAIRS     (A/, B/, label/ of pairs that the model was trained on)

Basins are made as `src/objects.rs` makes them, told apart by the true structure that holds most of each, and joined in
the order of the evidence between them while they are of one; every border on the way is an example. Prints the
constants of `src/partition.rs`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from train.evaluate import levir_pairs
from train.network import OUTPUTS

SEED_MIN, GROW_MIN, BOUNDARY_SHARE, DIP_MIN, SEED_PX_MIN = 150, 115, 0.7, 12, 8
"""As in `ObjectOptions`."""

ENLARGED = 1.25
"""How far the second look is enlarged, as the card of the model says."""

MULTIPLE_PX = 16

OF_ONE_MIN = 0.3
"""Least share of a basin that its true structure holds."""

LEAN = 1.25
"""Basins are joined where the odds for staying apart are below e to the minus this: two houses that are one on the map
cost an analyst more than a house in two parts. Between 1 and 1.5 object F1 on training places changes by 0.005."""

RIDGE = 1e-3
ROUNDS_MAX = 40
NEWTON_STEPS = 40
NAMES = ("APART", "APART_EVIDENCE", "APART_BOUNDARY", "APART_LARGER", "APART_SMALLER", "APART_LENGTH")


def evidence(model: onnxruntime.InferenceSession, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Bytes [5,H,W] of both looks at a pair."""
    pair = np.concatenate([before, after], 2).transpose(2, 0, 1).astype(np.float32) / 255

    def said(pair: np.ndarray) -> np.ndarray:
        _, rows, cols = pair.shape
        padded = np.pad(pair, ((0, 0), (0, -rows % MULTIPLE_PX), (0, -cols % MULTIPLE_PX)), mode="edge")
        return model.run(None, {"pair": padded[None]})[0][0][:, :rows, :cols]

    def resized(planes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return np.stack([cv2.resize(np.ascontiguousarray(plane), size) for plane in planes])

    _, rows, cols = pair.shape
    large = resized(pair, (round(cols * ENLARGED), round(rows * ENLARGED)))
    second = resized(said(np.ascontiguousarray(large[:, ::-1, ::-1]))[:, ::-1, ::-1], (cols, rows))
    return np.round((said(pair) + second) / 2 * 255).astype(np.uint8)


def basins(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, heights and boundary evidence, [H,W] each."""
    new, removed, boundary = (maps[OUTPUTS.index(name)].astype(int) for name in ("new", "removed", "boundary"))
    strength = np.maximum(new, removed)
    height = np.maximum(strength - BOUNDARY_SHARE * boundary, 0).astype(int)
    sure = height >= SEED_MIN
    peaks = h_maxima(np.where(sure, height, 0).astype(np.int32), DIP_MIN) > 0
    seeds = watershed(-height, ndimage.label(peaks & sure, np.ones((3, 3)))[0], mask=sure)
    seeds[np.bincount(seeds.ravel())[seeds] < SEED_PX_MIN] = 0
    return watershed(-height, seeds, mask=strength >= GROW_MIN), height, boundary


class Partition:
    """Basins and the sums along their borders: pairs of pixels, evidence, boundary evidence."""

    def __init__(self, labels: np.ndarray, height: np.ndarray, boundary: np.ndarray) -> None:
        count = labels.max() + 1
        self.sizes = np.bincount(labels.ravel(), minlength=count).astype(float)
        self.borders: list[dict[int, np.ndarray]] = [{} for _ in range(count)]
        for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
            meet = (labels[one] != labels[other]) & (labels[one] > 0) & (labels[other] > 0)
            low = np.minimum(height[one], height[other])[meet] / 255
            high = np.maximum(boundary[one], boundary[other])[meet] / 255
            for a, b, *sums in zip(labels[one][meet].tolist(), labels[other][meet].tolist(), low, high, strict=True):
                self.add(a, b, np.array([1.0, *sums]))

    def add(self, one: int, other: int, sums: np.ndarray) -> None:
        for a, b in ((one, other), (other, one)):
            self.borders[a][b] = self.borders[a].get(b, 0.0) + sums

    def features(self, one: int, other: int) -> list[float]:
        """In the order of `NAMES`."""
        pairs, low, high = self.borders[one][other]
        larger, smaller = sorted((self.sizes[one], self.sizes[other]), reverse=True)
        return [1.0, low / pairs, high / pairs, np.log(larger), np.log(smaller), pairs / np.sqrt(smaller)]

    def unite(self, into: int, gone: int) -> None:
        self.sizes[into] += self.sizes[gone]
        for beyond, sums in self.borders[gone].items():
            del self.borders[beyond][gone]
            if beyond != into:
                self.add(into, beyond, sums)
        self.borders[gone] = {}

    def meeting(self) -> list[tuple[int, int]]:
        """Pairs that meet, the most evidence between them first."""
        pairs = [(a, b) for a, borders in enumerate(self.borders) for b in borders if a < b]
        return sorted(pairs, key=lambda pair: -self.features(*pair)[1])


def examples(maps: np.ndarray, truth: np.ndarray) -> list[tuple[list[float], bool, float]]:
    """Features of borders between basins of true structures, whether they are of two, and how much that counts."""
    labels, height, boundary = basins(maps)
    partition = Partition(labels, height, boundary)
    structures, count = ndimage.label(truth, np.ones((3, 3)))
    shares = np.zeros((len(partition.sizes), count + 1))
    np.add.at(shares, (labels.ravel(), structures.ravel()), 1)
    most = shares[:, 1:].argmax(1) + 1 if count else np.zeros(len(shares), int)
    # 0 where no structure holds enough of it.
    holder = np.where(shares[np.arange(len(shares)), most] >= OF_ONE_MIN * shares.sum(1), most, 0)
    told, changed = [], set(range(len(shares)))
    for _ in range(ROUNDS_MAX):
        meeting = partition.meeting()
        for a, b in meeting:
            if holder[a] and holder[b] and {a, b} & changed:
                weight = float(np.sqrt(min(partition.sizes[a], partition.sizes[b])))
                told.append((partition.features(a, b), bool(holder[a] != holder[b]), weight))
        changed = set()
        for a, b in meeting:
            if not {a, b} & changed and holder[a] == holder[b]:
                partition.unite(a, b)
                changed |= {a, b}
        if not changed:
            break
    return told


def fit(features: np.ndarray, apart: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method with a ridge on standardised weights."""
    mean, spread = features.mean(0), features.std(0) + 1e-9
    mean[0], spread[0] = 0.0, 1.0
    design, weight = (features - mean) / spread, weight / weight.mean()
    ridge = RIDGE * len(apart) * np.eye(design.shape[1])
    weights = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        share = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (weight * (share - apart)) + ridge @ weights
        weights -= np.linalg.solve(design.T @ (design * (weight * share * (1 - share))[:, None]) + ridge, gradient)
    plain = weights / spread
    plain[0] -= plain[1:] @ mean[1:]
    return plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--every", type=int, default=2, help="read every so many-th pair (default: 2)")
    given = parser.parse_args()
    model = onnxruntime.InferenceSession(str(given.model), providers=["CPUExecutionProvider"])
    told = []
    for pair in levir_pairs(given.pairs)[:: given.every]:
        told += examples(evidence(model, pair.before, pair.after), pair.label)
    features, apart, weight = (np.array(column, float) for column in zip(*told, strict=True))
    weights = fit(features, apart, weight)
    weights[0] += LEAN
    print(f"{len(apart)} borders, {apart.mean():.3f} of them between two structures")
    for name, value in zip(NAMES, weights, strict=True):
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
