"""Fits the score: a logistic regression from named evidence to "is real".

    stakeout evaluate TRAIN_FOLDER --model research --min-score 0 --json figures.json
    python fit_score.py figures.json [MORE.json ...]

Prints the member `score` for the card of the model, and on standard error the calibration error in a five-fold
cross-validation by place. Fit on training pairs only, and for `open` on pairs that it may know.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

EVIDENCE = (
    "probability_mean",
    "probability_max",
    "building_after_mean",
    "boundary_mean",
    "change_mean",
    "building_index_gain",
    "shadow_gain",
    "rectangularity",
    "compactness",
    "area_log10",
)
"""What the score rests on. Buildings of the date without the structure are left out: real pairs are labelled only where
something changed, so a fit on them learns nothing of what stood there before, and gave it a weight of either sign."""

REMOVED_ROLE = {"building_after_mean": "building_before_mean"}
"""Of a removed structure the dates change places, as in the score."""

RIDGE = 1e-2
FOLDS = 5
BINS = 10
NEWTON_STEPS = 50


def load(paths: list[Path]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evidence (n, len(EVIDENCE)), real (n,) and the number of the place of each candidate (n,)."""
    rows, real, places = [], [], []
    for path in paths:
        for candidate in json.loads(path.read_text())["candidates"]:
            if candidate["real"] is None:
                continue  # only a strip of it is in the picture
            role = REMOVED_ROLE if candidate["change"] == "removed" else {}
            rows.append([candidate["evidence"][role.get(name, name)] for name in EVIDENCE])
            real.append(candidate["real"])
            places.append(candidate["place"])
    _, numbers = np.unique(places, return_inverse=True)
    return np.array(rows), np.array(real, float), numbers


def fit(evidence: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Intercept and weights by Newton's method with a ridge on standardised weights."""
    mean, spread = evidence.mean(0), evidence.std(0) + 1e-9
    design = np.hstack([np.ones((len(evidence), 1)), (evidence - mean) / spread])
    ridge = RIDGE * len(real) * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        probability = 1.0 / (1.0 + np.exp(-design @ weights))
        gradient = design.T @ (probability - real) + ridge @ weights
        hessian = design.T @ (design * (probability * (1 - probability))[:, None]) + ridge
        weights -= np.linalg.solve(hessian, gradient)
    plain = weights[1:] / spread
    return np.concatenate([[weights[0] - plain @ mean], plain])


def score(weights: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-(weights[0] + evidence @ weights[1:])))


def calibration_error(scores: np.ndarray, real: np.ndarray) -> float:
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    off = [
        abs(scores[bins == b].mean() - real[bins == b].mean()) * (bins == b).sum()
        for b in range(BINS)
        if (bins == b).any()
    ]
    return float(sum(off) / len(real))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="+", type=Path)
    evidence, real, places = load(parser.parse_args().figures)
    held_out = np.zeros_like(real)
    for fold in range(FOLDS):
        test = places % FOLDS == fold
        held_out[test] = score(fit(evidence[~test], real[~test]), evidence[test])
    weights = fit(evidence, real)
    error = calibration_error(held_out, real)
    print(
        f"{len(real)} candidates, {int(real.sum())} real; calibration error {error:.3f} held out by place",
        file=sys.stderr,
    )
    named = {name: round(float(weight), 4) for name, weight in zip(EVIDENCE, weights[1:], strict=True)}
    print(json.dumps({"score": {"intercept": round(float(weights[0]), 4), "weights": named}}, indent=2))


if __name__ == "__main__":
    main()
