"""Teachers: trained networks whose maps a new one learns beside the labels.

The mean over several networks, each with a look of its own, knows more than any of them (Hinton et al., "Distilling the
knowledge in a neural network", 2015; Radosavovic et al., "Data distillation", 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from train.network import ChangeNet

ENLARGED_MAX = 3.0
"""How far a look enlarges at most, as the detector does."""


@dataclass(frozen=True)
class Look:
    """The file of a teacher, how many times it sees a pair enlarged, and whether by half a turn."""

    path: Path
    enlarged: float = 1.0
    turned: bool = False

    @staticmethod
    def parsed(text: str) -> Look:
        """`FILE`, `FILE@1.25` or `FILE@1.25t`; raises ValueError for another scale than 1 to 3."""
        path, _, scale = text.partition("@")
        enlarged = float(scale.removesuffix("t") or 1)
        if not 1 <= enlarged <= ENLARGED_MAX:
            raise ValueError(f"{text} enlarges {enlarged} times, which is not 1 to {ENLARGED_MAX:g}")
        return Look(Path(path), enlarged, scale.endswith("t"))


class Teachers(nn.Module):
    """The mean of several networks' evidence, each seen by its look."""

    def __init__(self, networks: list[ChangeNet], looks: list[Look]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.looks = looks

    def forward(self, pair: Tensor) -> Tensor:
        """Probabilities [N,5,H,W] of pairs [N,6,H,W], 0..1."""
        seen = [look_at(pair, *each) for each in zip(self.networks, self.looks, strict=True)]
        return torch.stack(seen).mean(0)


def look_at(pair: Tensor, network: ChangeNet, look: Look) -> Tensor:
    """What a network says of pairs by a look, in the pairs' own pixels."""
    shown = pair.flip(2, 3) if look.turned else pair
    if look.enlarged != 1:
        size = [round(side * look.enlarged / network.stride) * network.stride for side in pair.shape[2:]]
        shown = nn.functional.interpolate(shown, size=size, mode="bicubic").clamp(0, 1)
    said = network.evidence(shown).float()
    if look.enlarged != 1:
        said = nn.functional.interpolate(said, size=pair.shape[2:], mode="bilinear")
    return said.flip(2, 3) if look.turned else said
