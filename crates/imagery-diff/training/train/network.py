"""The change network: one shared tower over both dates, mixed at every scale.

    pair [N,6,H,W] -> fold dates into the batch [2N,3,H,W]
      tower  1/4 -----------------------------------------.
             1/8 -----------------------------.           |
             1/16 (and 1/32 of the large one) |           |
         mix with the other date              |           |
         upsample ------------------------> mix -> up -> mix
                                                          |
                     per date: only-here, building, boundary, 16 sub-pixels each
      -> [N,5,H,W]: new, removed, building before, building after, boundary

Every weight is shared by both dates and the last step only renames "only here", so swapping the dates
swaps `new` with `removed` exactly. The decoder stops at quarter resolution: full-resolution
convolutions would cost more than the rest of the network.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from train.lite import Lite

OUTPUTS = ("new", "removed", "building_before", "building_after", "boundary")
"""Names of the output channels, in order."""

SUBPIXELS = 4
"""Side of the block of full-resolution pixels that one decoder position predicts."""


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm (folded into the convolution on export) and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions around a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class Mix(nn.Module):
    """Joins one date's features with the other date's and with what the coarser scale found."""

    def __init__(self, own: int, coarser: int, outputs: int) -> None:
        super().__init__()
        self.join = conv(2 * own + coarser, outputs, 1)
        self.refine = conv(outputs, outputs)

    def forward(self, own: Tensor, coarser: Tensor | None = None) -> Tensor:
        parts = [own, other_date(own)]
        if coarser is not None:
            parts.append(nn.functional.interpolate(coarser, scale_factor=2.0, mode="nearest"))
        return self.refine(self.join(torch.cat(parts, 1)))


def fold_dates(pair: Tensor) -> Tensor:
    """[N, 2C, H, W] -> [2N, C, H, W]: before and after of each pair become neighbours in the batch."""
    n, channels, rows, cols = pair.shape
    return pair.reshape(2 * n, channels // 2, rows, cols)


def unfold_dates(x: Tensor) -> Tensor:
    """[2N, C, H, W] -> [N, 2C, H, W], the inverse of `fold_dates`."""
    n, channels, rows, cols = x.shape
    return x.reshape(n // 2, 2 * channels, rows, cols)


def other_date(x: Tensor) -> Tensor:
    """Every item's features replaced by those of the same pair's other date."""
    before, after = unfold_dates(x).chunk(2, 1)
    return fold_dates(torch.cat([after, before], 1))


class Plain(nn.Module):
    """A tower of plain 3x3 convolutions; gives the features at 1/4, 1/8 and 1/16 of the image's side."""

    widths = (32, 48, 60)

    def __init__(self) -> None:
        super().__init__()
        stem, mid, deep = self.widths
        self.stem = nn.Sequential(conv(3, 16, 3, 2), conv(16, stem, 3, 2), Residual(stem), Residual(stem))
        self.mid = nn.Sequential(conv(stem, mid, 3, 2), Residual(mid), Residual(mid))
        self.deep = nn.Sequential(conv(mid, deep, 3, 2), Residual(deep), Residual(deep))

    def forward(self, image: Tensor) -> list[Tensor]:
        fine = self.stem(image)
        mid = self.mid(fine)
        return [fine, mid, self.deep(mid)]


class ChangeNet(nn.Module):
    """Siamese change network; `forward` gives logits, `evidence` probabilities, both [N,5,H,W]."""

    def __init__(self, tower: Plain | Lite, widths: tuple[int, ...]) -> None:
        """`tower` gives one date's features, finest first; `widths` are the decoder's channels at each scale."""
        super().__init__()
        self.tower = tower
        coarser = (*widths[1:], 0)
        self.mixes = nn.ModuleList(map(Mix, tower.widths, coarser, widths))
        self.head = nn.Conv2d(widths[0], 3 * SUBPIXELS**2, 1)
        nn.init.constant_(self.head.bias, -2.0)

    @property
    def stride(self) -> int:
        """Height and width of an input must be multiples of this."""
        return SUBPIXELS << (len(self.mixes) - 1)

    def forward(self, pair: Tensor) -> Tensor:
        decoded = None
        features = self.tower(fold_dates(pair))
        for own, mix in zip(reversed(features), reversed(self.mixes), strict=True):
            decoded = mix(own, decoded)
        per_date = unfold_dates(self.head(decoded))
        only_b, building_b, boundary_b, only_a, building_a, boundary_a = per_date.chunk(6, 1)
        boundary = torch.maximum(boundary_b, boundary_a)
        logits = torch.cat([only_a, only_b, building_b, building_a, boundary], 1)
        return nn.functional.pixel_shuffle(logits, SUBPIXELS)

    def evidence(self, pair: Tensor) -> Tensor:
        """Probabilities 0..1 in the order of `OUTPUTS`."""
        return torch.sigmoid(self.forward(pair))


def parameter_count(network: nn.Module) -> int:
    """Number of learned values."""
    return sum(p.numel() for p in network.parameters())


NETWORKS: dict[str, Callable[[], ChangeNet]] = {
    "small": lambda: ChangeNet(Plain(), Plain.widths),
    "large": lambda: ChangeNet(Lite(16), (40, 64, 80, 96)),
}
"""The networks by name."""
