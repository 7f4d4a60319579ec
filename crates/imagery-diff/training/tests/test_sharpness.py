"""Crops and shifts that a detector's images know: their own pixels, neither averaged nor invented."""

from __future__ import annotations

import unittest

import cv2
import numpy as np

from train import jitter, real_pairs
from train.real_pairs import AS_THEY_ARE, RealPairs, cut_pair
from train.samples import SIDE


def addresses(side: int) -> np.ndarray:
    """An image whose pixels tell their row and column."""
    rows, cols = np.mgrid[:side, :side].astype(np.uint8)
    return np.dstack([rows, cols, np.zeros_like(rows)])


class Sharpness(unittest.TestCase):
    def test_an_exact_crop_holds_every_pixel_of_a_square_once(self) -> None:
        image = addresses(256)
        label = np.zeros((256, 256), np.uint8)
        pairs = RealPairs([image], [image], [label], [np.zeros(2)], np.ones(1))
        for seed in range(12):
            before, after, _, gsd_m = cut_pair(np.random.default_rng(seed), pairs, AS_THEY_ARE)
            self.assertEqual(gsd_m, real_pairs.GSD_M)
            np.testing.assert_array_equal(before, after)
            rows, cols = np.unique(before[..., 0]), np.unique(before[..., 1])
            # At the pair's edge one line can be mirrored.
            self.assertGreaterEqual(min(len(rows), len(cols)), SIDE - 1)
            self.assertTrue(np.all(np.diff(rows) == 1) and np.all(np.diff(cols) == 1))
            self.assertGreaterEqual(len(np.unique(before.reshape(-1, 3), axis=0)), (SIDE - 1) ** 2)

    def test_a_shift_by_whole_pixels_keeps_them(self) -> None:
        image, strength = addresses(64), jitter.Strength(light=0, shift_px_max=3, sway=0, whole=1, coarse=0)
        for seed in range(12):
            matrix = jitter.misfit(np.random.default_rng(seed), 64, strength)
            moved = jitter.moved(image, matrix, cv2.INTER_CUBIC)
            right, down = matrix[:, 2].astype(int)
            np.testing.assert_array_equal(moved[4:-4, 4:-4], np.roll(image, (down, right), (0, 1))[4:-4, 4:-4])

    def test_coarse_dates_keep_their_size_and_lose_detail(self) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (192, 192, 3), dtype=np.uint8)
        for date in jitter.coarse(np.random.default_rng(2), [noise, noise]):
            self.assertEqual(date.shape, noise.shape)
            self.assertLess(date.std(), noise.std())


if __name__ == "__main__":
    unittest.main()
