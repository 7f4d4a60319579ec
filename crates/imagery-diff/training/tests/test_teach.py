"""What teachers say of a pair lies where the pair shows it, by whatever look."""

from __future__ import annotations

import unittest
from pathlib import Path

import torch
from torch import Tensor, nn

from train.teach import Look, Teachers


class Seen(nn.Module):
    """Says what it sees: five of the pair's six bands."""

    stride = 16

    def evidence(self, pair: Tensor) -> Tensor:
        return pair[:, :5]


class Teach(unittest.TestCase):
    def test_a_turned_and_enlarged_look_lies_on_the_pair(self) -> None:
        rows, cols = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
        pair = torch.stack([0.5 + 0.3 * torch.sin(rows / (9 + band)) * torch.cos(cols / 13) for band in range(6)])[None]
        for text in ("a.pt", "a.pt@1.25", "a.pt@1.25t", "a.pt@1t"):
            said = Teachers([Seen()], [Look.parsed(text)])(pair)
            self.assertEqual(said.shape, (1, 5, 64, 96))
            self.assertLess((said - pair[:, :5]).abs().max().item(), 0.02, text)

    def test_several_are_averaged(self) -> None:
        pair = torch.rand(2, 6, 32, 32)
        looks = [Look(Path("a")), Look(Path("b"), turned=True)]
        said = Teachers([Seen(), Seen()], looks)(pair)
        self.assertTrue(torch.allclose(said, pair[:, :5], atol=1e-6))

    def test_a_look_is_read_from_its_text(self) -> None:
        self.assertEqual(Look.parsed("run/a.pt@1.5t"), Look(Path("run/a.pt"), 1.5, turned=True))
        self.assertEqual(Look.parsed("a.onnx"), Look(Path("a.onnx")))
        for wrong in ("a@0.5", "a@4t", "a@x"):
            with self.assertRaises(ValueError):
                Look.parsed(wrong)


if __name__ == "__main__":
    unittest.main()
