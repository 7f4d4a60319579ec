"""Reads shipped ONNX files back: goes on training from one, which undoes the folding of the batch norm, or blends two.

A folded convolution says W x + b. Training wants W' x normalised by its own statistics and then a gain and an
offset. The statistics are measured on real samples, layer after layer, and gain and offset are set so that the
network says at first what the file says; each filter of W' is given the same length, so that one learning rate suits
all layers.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from train.lite import Depthwise, Lite, Scaled
from train.network import NETWORKS, ChangeNet

FILTER_LENGTH = 0.8
"""Length of every filter; the batch norm after it makes any length say the same."""


def folded_weights(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of every convolution of an ONNX file, in the order of the graph."""
    graph = onnx.load(path).graph
    values = {each.name: torch.from_numpy(numpy_helper.to_array(each).copy()) for each in graph.initializer}
    return [(values[node.input[1]], values[node.input[2]]) for node in graph.node if node.op_type == "Conv"]


Layer = tuple[nn.Conv2d | Scaled | Depthwise, nn.BatchNorm2d | None]
"""What one convolution of the file stands for; without a batch norm it takes the file's weights as they are."""


def in_graph_order(network: ChangeNet) -> list[Layer]:
    """The convolutions in the order in which `export` writes them."""
    layers: list[Layer] = []
    for part in (network.tower, *reversed(network.mixes)):
        modules = [m for m in part.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | Scaled | Depthwise)]
        if isinstance(part, Lite):
            layers += [(module, None) for module in modules]
        else:
            layers += list(zip(modules[::2], modules[1::2], strict=True))
    return [*layers, (network.head, None)]


def recovered(name: str, path: Path, samples: Tensor) -> ChangeNet:
    """The network called `name` that says what the file at `path` says; `samples` [N,6,H,W], 0..1, give statistics.

    Raises ValueError when the file holds other convolutions than the network.
    """
    network = NETWORKS[name]().eval()
    layers = in_graph_order(network)
    hooks = []
    for (conv, norm), (weight, bias) in zip(layers, matched(layers, path), strict=True):
        if norm is None:
            conv.weight.data, conv.bias.data = weight, bias
            continue
        length = weight.flatten(1).norm(dim=1).clamp(min=1e-6)
        conv.weight.data = weight * (FILTER_LENGTH / length)[:, None, None, None]
        hooks.append(norm.register_forward_pre_hook(statistics_hook(bias, length / FILTER_LENGTH)))
    with torch.no_grad():
        network(samples)
    for hook in hooks:
        hook.remove()
    return network


def blended(name: str, first: Path, second: Path, share: float) -> ChangeNet:
    """The network called `name` whose folded weights lie between those of two files, `share` of the way from the first.

    One of the two went on from the other, or both from a third: between such weights the loss stays low, and what the
    first knew of other places is kept (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022; of several runs
    "Model soups", 2022). For use and not for training. Raises ValueError when a file holds other convolutions than the
    network.
    """
    network = NETWORKS[name]().eval()
    layers = in_graph_order(network)
    pairs = [matched(layers, path) for path in (first, second)]
    for (conv, norm), (weight, bias), (other_weight, other_bias) in zip(layers, *pairs, strict=True):
        conv.weight.data, bias = weight.lerp(other_weight, share), bias.lerp(other_bias, share)
        if norm is None:
            conv.bias.data = bias
            continue
        norm.bias.data = bias
        norm.running_var.fill_(1 - norm.eps)
    return network


def as_told(name: str, path: Path) -> ChangeNet:
    """The network called `name` that says what the file at `path` says, for use and not for training.

    Raises ValueError when the file holds other convolutions than the network.
    """
    return blended(name, path, path, 0.0)


def matched(layers: list[Layer], path: Path) -> list[tuple[Tensor, Tensor]]:
    """Weights of a file that holds the convolutions of these layers; raises ValueError when it holds others."""
    weights = folded_weights(path)
    shapes = [tuple(conv.weight.shape) for conv, _ in layers], [tuple(weight.shape) for weight, _ in weights]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{path.name} holds convolutions {shapes[1]} but the network has {shapes[0]}")
    return weights


def statistics_hook(bias: Tensor, gain: Tensor):  # noqa: ANN201 (torch names no type for hooks)
    """Sets a batch norm from what comes in, so that it gives `gain * input + bias`."""

    def hook(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        (x,) = inputs
        norm.running_mean.copy_(x.mean((0, 2, 3)))
        norm.running_var.copy_(x.var((0, 2, 3)))
        spread = torch.sqrt(norm.running_var + norm.eps)
        norm.weight.data = gain * spread
        norm.bias.data = bias + gain * norm.running_mean

    return hook
