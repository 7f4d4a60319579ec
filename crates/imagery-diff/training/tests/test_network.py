"""Properties of the network and of its samples; run with `python -m unittest` from this folder."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from train.export import TOLERANCE, largest_difference, onnx_model
from train.losses import loss
from train.network import OUTPUTS, ChangeNet, parameter_count
from train.places import LAYERS, Level, Place
from train.recover import recovered
from train.samples import SIDE, Ground, Sample, sample_from_places

NEW, REMOVED, BEFORE, AFTER, BOUNDARY = range(len(OUTPUTS))
PARAMETERS_MAX = 400_000


def network() -> ChangeNet:
    torch.manual_seed(3)
    return ChangeNet().eval()


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


class TheNetwork(unittest.TestCase):
    def test_swapped_dates_swap_new_with_removed(self) -> None:
        pair = torch.rand(2, 6, 32, 48)
        with torch.no_grad():
            forth = network().evidence(pair)
            back = network().evidence(torch.cat([pair[:, 3:], pair[:, :3]], 1))
        torch.testing.assert_close(back, forth[:, [REMOVED, NEW, AFTER, BEFORE, BOUNDARY]])

    def test_the_onnx_file_says_what_the_network_says(self) -> None:
        self.assertLess(largest_difference(network(), onnx_model(network()).SerializeToString()), TOLERANCE)

    def test_training_goes_on_from_an_onnx_file_with_what_the_file_says(self) -> None:
        pair = torch.rand(4, 6, 64, 64)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(onnx_model(network()).SerializeToString())
            again = recovered(path, pair)
        with torch.no_grad():
            torch.testing.assert_close(again.evidence(pair), network().evidence(pair), atol=1e-4, rtol=1e-3)

    def test_it_stays_small(self) -> None:
        self.assertLess(parameter_count(network()), PARAMETERS_MAX)

    def test_pixels_without_weight_do_not_count(self) -> None:
        logits, target, weight = torch.randn(1, 5, 16, 16), torch.zeros(1, 5, 16, 16), torch.ones(1, 5, 16, 16)
        weight[..., 8:] = 0
        other = target.clone()
        other[..., 8:] = 1
        torch.testing.assert_close(loss(logits, target, weight), loss(logits, other, weight))


class ASample(unittest.TestCase):
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
            self.assertEqual(sample.target.shape, (len(OUTPUTS), SIDE, SIDE))
            self.assertEqual(sample.weight.shape, (len(OUTPUTS), SIDE, SIDE))

    def samples(self, count: int) -> list[Sample]:
        ground = Ground([small_place()])
        return [sample_from_places(np.random.default_rng(seed), ground) for seed in range(count)]


if __name__ == "__main__":
    unittest.main()
