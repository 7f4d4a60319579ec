"""How far the images of a pair lie apart is found as a detector finds it."""

from __future__ import annotations

import unittest

import cv2
import numpy as np

from train.registered import onto, shift_of


def ground(seed: int, side: int = 300) -> np.ndarray:
    """Texture of a few pixels' grain, [side,side,3] u8."""
    noise = np.random.default_rng(seed).normal(128, 60, (side, side, 3)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 2.0) * 3 - 256, 0, 255).astype(np.uint8)


class Registered(unittest.TestCase):
    def test_what_was_seen_before_is_found_so_far_away(self) -> None:
        place = ground(1)
        # what lies at (x, y) before lies at (x + 5, y - 3) after
        before, after = place[20:276, 20:276], place[23:279, 15:271]
        self.assertEqual(shift_of(before, after), (5, -3))
        brighter = np.clip(after.astype(np.float32) * 0.6 + 50, 0, 255).astype(np.uint8)
        brighter[60:160, 60:200] = ground(2)[60:160, 60:200]
        self.assertEqual(shift_of(before, brighter), (5, -3))

    def test_the_before_image_is_moved_onto_the_after_image(self) -> None:
        place = ground(1)
        before, after = place[20:276, 20:276], place[23:279, 15:271]
        np.testing.assert_array_equal(onto(before, after)[:-3, 5:], after[:-3, 5:])

    def test_two_places_are_not_moved(self) -> None:
        self.assertEqual(shift_of(ground(3, 256), ground(4, 256)), (0, 0))


if __name__ == "__main__":
    unittest.main()
