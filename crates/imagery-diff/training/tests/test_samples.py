"""Properties of the samples that a network learns from; nothing here needs PyTorch."""

from __future__ import annotations

import unittest

import numpy as np

from train import jitter
from train.places import LAYERS, Level, Place
from train.real_pairs import AS_THEY_ARE, VARIED, RealPairs, sample_from_pairs
from train.rendered import RenderedPairs, sample_from_rendered
from train.samples import SIDE, Ground, Sample, sample_from_places

NEW, REMOVED, BEFORE, AFTER, _BOUNDARY = range(5)
"""The network's outputs."""


def small_place() -> Place:
    """A grey place with one roof, at one resolution."""
    rng = np.random.default_rng(1)
    image = rng.integers(90, 130, (300, 300, 3), dtype=np.uint8)
    objects = np.zeros((300, 300), np.uint16)
    objects[100:160, 120:200] = 1
    values = {
        "image": np.where(objects[..., None] > 0, np.uint8(220), image),
        "mask": (objects > 0) * np.uint8(255),
        "valid": np.full((300, 300), 255, np.uint8),
        "objects": objects,
        "erased": image,
    }
    return Place("set1_test", (Level(0.3, *(values[layer] for layer in LAYERS)),), labelled=True)


def real_pairs(place: Place) -> RealPairs:
    """One pair: the place without its building, then with it."""
    level = place.levels[0]
    return RealPairs([level.erased], [level.image], [level.mask], [np.zeros(2)], np.ones(1))


def rendered_pairs() -> RenderedPairs:
    """One pair of 400 px: a bright roof that stays, and another that is new; the after image lies 3 px to the right."""
    masks = np.zeros((4, 400, 400), np.uint8)
    masks[[0, 2], 100:140, 100:160] = 255
    masks[2:, 200:280, 180:300] = 255
    masks[2:] = np.roll(masks[2:], 3, 2)
    images = np.where(masks[[0, 2], ..., None] > 0, np.uint8(220), np.uint8(100)).repeat(3, 3)
    return RenderedPairs(images[None], masks[None], np.array([[3, 0]]))


class FromPlaces(unittest.TestCase):
    def test_one_seed_makes_one_sample(self) -> None:
        ground = Ground([small_place()])
        first, second = (sample_from_places(np.random.default_rng(5), ground) for _ in range(2))
        for name in ("pair", "target", "weight"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))

    def test_what_is_new_is_built_after_and_what_was_removed_was_built_before(self) -> None:
        for sample in self.samples(60):
            self.assertFalse((sample.target[NEW] > sample.target[AFTER]).any())
            self.assertFalse((sample.target[REMOVED] > sample.target[BEFORE]).any())

    def test_its_shape_is_what_the_network_takes(self) -> None:
        for sample in self.samples(3):
            self.assertEqual(sample.pair.shape, (6, SIDE, SIDE))
            self.assertEqual(sample.target.shape, (5, SIDE, SIDE))
            self.assertEqual(sample.weight.shape, (5, SIDE, SIDE))

    def samples(self, count: int) -> list[Sample]:
        ground = Ground([small_place()])
        return [sample_from_places(np.random.default_rng(seed), ground) for seed in range(count)]


class FromRealPairs(unittest.TestCase):
    def test_half_of_them_are_shown_the_other_way_round(self) -> None:
        place = small_place()
        asked = np.zeros(2, int)
        for seed in range(40):
            sample = sample_from_pairs(np.random.default_rng(seed), real_pairs(place), Ground([place]), AS_THEY_ARE)
            asked += [sample.target[each].any() for each in (NEW, REMOVED)]
        self.assertGreater(asked.min(), 5)

    def test_nothing_is_asked_of_what_no_label_tells(self) -> None:
        place = small_place()
        for variety in (AS_THEY_ARE, VARIED):
            for seed in range(20):
                sample = sample_from_pairs(np.random.default_rng(seed), real_pairs(place), Ground([place]), variety)
                for date in (BEFORE, AFTER):
                    far = sample.target[[NEW, REMOVED]].max(0) == 0
                    # Around a changed building it is known that none stands, elsewhere it is not.
                    self.assertLess((sample.weight[date] > 0)[far].mean(), 0.4)

    def test_another_sensor_is_the_same_for_both_dates(self) -> None:
        ramp = np.tile(np.arange(SIDE, dtype=np.uint8)[:, None, None], (1, SIDE, 3))
        changed = 0
        for seed in range(20):
            first, second = jitter.alike(np.random.default_rng(seed), [ramp, ramp])
            # Noise and compression differ from date to date, light and sharpness do not.
            self.assertLess(np.abs(first.mean((0, 2)) - second.mean((0, 2)))[8:-8].max(), 8)
            changed += abs(first.mean() - ramp.mean()) > 3
        self.assertGreater(changed, 10)


class FromRenderedPairs(unittest.TestCase):
    def test_both_dates_are_labelled_where_their_images_show_it(self) -> None:
        for seed in range(40):
            sample = sample_from_rendered(np.random.default_rng(seed), rendered_pairs())
            self.assertTrue(sample.drawn)
            self.assertFalse((sample.target[NEW] > sample.target[AFTER]).any())
            self.assertFalse((sample.target[REMOVED] > sample.target[BEFORE]).any())
            for image, built in ((sample.pair[:3], sample.target[BEFORE]), (sample.pair[3:], sample.target[AFTER])):
                roof, ground = (built == 255) & (image.max(0) > 0), built == 0
                # No light and no sensor makes a roof of many pixels look like the ground.
                if roof.sum() > 500 and ground.sum() > 500:
                    self.assertNotAlmostEqual(image[:, roof].mean(), image[:, ground].mean(), delta=1)

    def test_what_is_new_is_removed_when_the_dates_are_swapped(self) -> None:
        samples = [sample_from_rendered(np.random.default_rng(seed), rendered_pairs()) for seed in range(40)]
        shown = [sum(sample.target[each].any() for sample in samples) for each in (NEW, REMOVED)]
        self.assertGreater(min(shown), 8)


if __name__ == "__main__":
    unittest.main()
