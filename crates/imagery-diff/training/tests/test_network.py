"""Properties of the network; run with `python -m unittest` from this folder."""

import tempfile
import unittest
from pathlib import Path

import torch
from torch import nn

from train.export import TOLERANCE, largest_difference, onnx_model
from train.fit import optimisers_of
from train.lite import FixedDepthwise, Lite, clamped
from train.losses import loss
from train.muon import STEP, Muon, orthogonal
from train.network import NETWORKS, OUTPUTS, ChangeNet, parameter_count
from train.recover import blended, recovered

NEW, REMOVED, BEFORE, AFTER, BOUNDARY = range(len(OUTPUTS))
PARAMETERS_MAX = 400_000


def network(name: str = "small") -> ChangeNet:
    """A network with weights by chance, those of a tower that expects ImageNet's too."""
    torch.manual_seed(3)
    network = NETWORKS[name]()
    if isinstance(network.tower, Lite):
        for parameter in network.tower.parameters():
            if parameter.dim() == 4:
                nn.init.kaiming_uniform_(parameter)
    return network.eval()


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


class TheNetwork(unittest.TestCase):
    def test_swapped_dates_swap_new_with_removed(self) -> None:
        for name in NETWORKS:
            pair = torch.rand(2, 6, 64, 96)
            with self.subTest(name), torch.no_grad():
                forth = network(name).evidence(pair)
                back = network(name).evidence(torch.cat([pair[:, 3:], pair[:, :3]], 1))
                torch.testing.assert_close(back, forth[:, [REMOVED, NEW, AFTER, BEFORE, BOUNDARY]])

    def test_the_onnx_file_says_what_the_network_says(self) -> None:
        for name in NETWORKS:
            with self.subTest(name):
                model = onnx_model(network(name)).SerializeToString()
                self.assertLess(largest_difference(network(name), model), TOLERANCE)

    def test_a_fixed_filter_passes_the_gradient_that_a_learning_one_passes(self) -> None:
        for size, stride in ((3, 1), (3, 2), (5, 1), (5, 2)):
            weight = torch.rand(4, 1, size, size)
            fixed, plain = (torch.rand(2, 4, 12, 16, generator=seeded()).requires_grad_() for _ in range(2))
            FixedDepthwise.apply(fixed, weight, stride).square().sum().backward()
            nn.functional.conv2d(plain, weight, None, stride, size // 2, 1, 4).square().sum().backward()
            with self.subTest(size=size, stride=stride):
                torch.testing.assert_close(fixed.grad, plain.grad)

    def test_the_compiled_clamp_gives_what_the_plain_one_gives(self) -> None:
        x = (8 * torch.rand(2, 5, 12, 16, generator=seeded()) - 1).contiguous(memory_format=torch.channels_last)
        results = []
        for dtype in (torch.float32, torch.bfloat16):
            given, bias = x.to(torch.bfloat16).to(dtype).requires_grad_(), torch.linspace(-1, 1, 5).requires_grad_()
            y = clamped(given, bias)
            (y.float() * torch.arange(16.0)).sum().backward()
            results.append((y.float(), given.grad.float(), bias.grad))
        for plain, compiled in zip(*results, strict=True):
            torch.testing.assert_close(compiled, plain, rtol=0.01, atol=0.02)

    def test_training_goes_on_from_an_onnx_file_with_what_the_file_says(self) -> None:
        pair = torch.rand(4, 6, 64, 64)
        for name in NETWORKS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder, torch.no_grad():
                path = Path(folder) / "model.onnx"
                path.write_bytes(onnx_model(network(name)).SerializeToString())
                again = recovered(name, path, pair)
                torch.testing.assert_close(again.evidence(pair), network(name).evidence(pair), atol=5e-3, rtol=1e-2)

    def test_a_blend_lies_between_its_two(self) -> None:
        pair = torch.rand(2, 6, 64, 64)
        for name in NETWORKS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder, torch.no_grad():
                paths = [Path(folder) / "first.onnx", Path(folder) / "second.onnx"]
                both = [network(name), network(name)]
                for each, path, bias in zip(both, paths, (-1.0, 3.0), strict=True):
                    each.head.bias.fill_(bias)
                    path.write_bytes(onnx_model(each).SerializeToString())
                wanted = both[0].evidence(pair)
                torch.testing.assert_close(blended(name, *paths, 0.0).evidence(pair), wanted, atol=5e-3, rtol=1e-2)
                both[0].head.bias.fill_(0.0)
                wanted = both[0].evidence(pair)
                torch.testing.assert_close(blended(name, *paths, 0.25).evidence(pair), wanted, atol=5e-3, rtol=1e-2)

    def test_it_stays_small(self) -> None:
        self.assertLess(parameter_count(network()), PARAMETERS_MAX)

    def test_pixels_without_weight_do_not_count(self) -> None:
        logits, target, weight = torch.randn(1, 5, 16, 16), torch.zeros(1, 5, 16, 16), torch.ones(1, 5, 16, 16)
        weight[..., 8:] = 0
        other = target.clone()
        other[..., 8:] = 1
        torch.testing.assert_close(loss(logits, target, weight), loss(logits, other, weight))


class TheOptimisers(unittest.TestCase):
    def test_a_step_is_of_one_size_in_every_direction(self) -> None:
        for rows, cols in ((8, 40), (40, 8), (16, 16)):
            values = torch.rand(rows, cols, generator=seeded()) * torch.logspace(0, -2, cols)
            singular = torch.linalg.svdvals(orthogonal(values))
            self.assertLess(singular.max(), 1.3)
            self.assertGreater(singular.min(), 0.3)

    def test_the_step_of_filters_is_as_large_as_that_of_the_rest(self) -> None:
        filters = nn.Parameter(torch.zeros(24, 16, 3, 3))
        filters.grad = torch.rand(filters.shape, generator=seeded()) - 0.5
        Muon([{"params": [filters]}], lr=0.01, weight_decay=0.0).step()
        self.assertAlmostEqual(filters.square().mean().sqrt().item(), 0.01 * STEP, delta=0.0006)
        # Downhill.
        self.assertLess((filters * filters.grad).sum().item(), 0)

    def test_every_parameter_that_learns_is_in_one_group(self) -> None:
        for name in NETWORKS:
            learned = [each for each in network(name).parameters() if each.requires_grad]
            groups = [group for each in optimisers_of(network(name), 1e-3) for group in each.param_groups]
            self.assertEqual(sum(len(group["params"]) for group in groups), len(learned))
            muon, _ = optimisers_of(network(name), 1e-3)
            for group in muon.param_groups:
                # Filters of one channel each have no directions to be levelled.
                self.assertTrue(all(each.ndim == 4 and each.shape[1] > 1 for each in group["params"]))


if __name__ == "__main__":
    unittest.main()
