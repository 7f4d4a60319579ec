"""Writes a trained network as ONNX (batch norm folded, portable operators only) with its card."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from train.lite import CLAMP, Block, Lite, Scaled
from train.network import OUTPUTS, SUBPIXELS, ChangeNet, Mix, Plain, Residual, parameter_count

OPSET = 17
TOLERANCE = 5e-3
"""Largest difference allowed between the network and its ONNX file, in probability."""

DROPPED_BITS = 13
"""Lowest bits of a weight that are rounded away: those of half precision stay, and the file packs to three fifths."""


def rounded(values: np.ndarray) -> np.ndarray:
    """f32 values without their lowest bits, to the nearest."""
    bits = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64) + (1 << (DROPPED_BITS - 1))
    return (bits >> DROPPED_BITS << DROPPED_BITS).astype(np.uint32).view(np.float32).reshape(values.shape)


class Graph:
    """Collects nodes and weights; every method adds one operator and returns its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        name = f"weight_{len(self.weights)}"
        values = rounded(values) if values.dtype == np.float32 else values
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def reshape(self, x: str, channels: int) -> str:
        """To [-1, channels, rows, cols]; a 0 in an ONNX shape keeps that dimension."""
        return self.add("Reshape", [x, self.constant(np.array([-1, channels, 0, 0], np.int64))])

    def channels(self, x: str, start: int, count: int) -> str:
        bounds = [self.constant(np.array([v], np.int64)) for v in (start, start + count, 1)]
        return self.add("Slice", [x, *bounds])

    def conv(self, x: str, weight: np.ndarray, bias: np.ndarray, stride: int = 1, groups: int = 1) -> str:
        side = weight.shape[-1]
        return self.add(
            "Conv",
            [x, self.constant(weight), self.constant(bias)],
            kernel_shape=[side] * 2,
            pads=[side // 2] * 4,
            strides=[stride] * 2,
            group=groups,
        )

    def clamp(self, x: str) -> str:
        return self.add("Clip", [x, *(self.constant(np.array(v, np.float32)) for v in (0.0, CLAMP))])

    def twice(self, x: str) -> str:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        mode = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.add("Resize", [x, "", scales], **mode)


def folded(layer: nn.Conv2d, norm: nn.BatchNorm2d | None) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of a convolution with the batch norm after it folded in."""
    weight = layer.weight.detach().double()
    bias = torch.zeros(layer.out_channels).double() if layer.bias is None else layer.bias.detach().double()
    if norm is not None:
        gain = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = weight * gain[:, None, None, None]
        bias = (bias - norm.running_mean.double()) * gain + norm.bias.detach().double()
    return weight.float().numpy(), bias.float().numpy()


def add_conv(graph: Graph, x: str, layer: nn.Conv2d, norm: nn.BatchNorm2d | None) -> str:
    return graph.conv(x, *folded(layer, norm), layer.stride[0])


def add_sequence(graph: Graph, x: str, module: nn.Module) -> str:
    """Adds a conv block, a residual block or a chain of them."""
    if isinstance(module, Residual):
        inner = add_sequence(graph, x, module.first)
        inner = add_conv(graph, inner, *module.second)
        return graph.add("Relu", [graph.add("Add", [x, inner])])
    if isinstance(module[0], nn.Conv2d):
        return graph.add("Relu", [add_conv(graph, x, module[0], module[1])])
    for part in module:
        x = add_sequence(graph, x, part)
    return x


def add_scaled(graph: Graph, x: str, part: Scaled) -> str:
    weight = part.weight * part.gain[:, None, None, None]
    x = graph.conv(x, weight.detach().numpy(), part.bias.detach().numpy(), part.stride)
    return graph.clamp(x) if part.clamped else x


def add_block(graph: Graph, x: str, block: Block) -> str:
    wide, depthwise = add_scaled(graph, x, block.widen) if block.widen else x, block.filter
    weight, bias = depthwise.weight.detach().numpy(), depthwise.bias.detach().numpy()
    filtered = graph.clamp(graph.conv(wide, weight, bias, depthwise.stride, len(weight)))
    y = add_scaled(graph, filtered, block.narrow)
    return graph.add("Add", [x, y]) if block.skips else y


def add_tower(graph: Graph, image: str, tower: Plain | Lite) -> list[str]:
    """One date's features, finest first."""
    if isinstance(tower, Plain):
        fine = add_sequence(graph, image, tower.stem)
        mid = add_sequence(graph, fine, tower.mid)
        return [fine, mid, add_sequence(graph, mid, tower.deep)]
    x, features = add_scaled(graph, image, tower.stem), []
    for block in tower.blocks:
        if block.filter.stride == 2:
            features.append(x)
        x = add_block(graph, x, block)
    return [*features[1:], x]


def add_mix(graph: Graph, own: str, mix: Mix, width: int, coarser: str | None) -> str:
    both = graph.reshape(own, 2 * width)
    halves = [graph.channels(both, width, width), graph.channels(both, 0, width)]
    other = graph.reshape(graph.add("Concat", halves, axis=1), width)
    parts = [own, other] + ([graph.twice(coarser)] if coarser else [])
    joined = add_sequence(graph, graph.add("Concat", parts, axis=1), mix.join)
    return add_sequence(graph, joined, mix.refine)


def add_heads(graph: Graph, decoded: str, head: nn.Conv2d) -> str:
    block = SUBPIXELS**2
    per_date = graph.reshape(add_conv(graph, decoded, head, None), 6 * block)
    only_b, building_b, boundary_b, only_a, building_a, boundary_a = (
        graph.channels(per_date, i * block, block) for i in range(6)
    )
    boundary = graph.add("Max", [boundary_b, boundary_a])
    logits = graph.add("Concat", [only_a, only_b, building_b, building_a, boundary], axis=1)
    return graph.add("Sigmoid", [graph.add("DepthToSpace", [logits], blocksize=SUBPIXELS, mode="CRD")])


def onnx_model(network: ChangeNet) -> onnx.ModelProto:
    """The network as an ONNX graph: input `pair` [N,6,H,W], output `evidence` [N,5,H,W]."""
    graph = Graph()
    features = add_tower(graph, graph.reshape("pair", 3), network.tower)
    decoded = None
    for own, mix, width in reversed(list(zip(features, network.mixes, network.tower.widths, strict=True))):
        decoded = add_mix(graph, own, mix, width, decoded)
    result = add_heads(graph, decoded, network.head)
    graph.nodes[-1].output[0] = "evidence"
    assert graph.nodes[-1].name == result
    pair = helper.make_tensor_value_info("pair", TensorProto.FLOAT, ["n", 6, "h", "w"])
    evidence = helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["n", len(OUTPUTS), "h", "w"])
    body = helper.make_graph(graph.nodes, "stakeout-change", [pair], [evidence], graph.weights)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="stakeout-training")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def largest_difference(network: ChangeNet, model: bytes) -> float:
    """Compares the network with its ONNX file on noise of two shapes."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    worst, side = 0.0, network.stride
    for n, rows, cols in ((1, 4 * side, 6 * side), (2, 2 * side, 3 * side)):
        pair = torch.rand(n, 6, rows, cols, generator=torch.Generator().manual_seed(rows))
        with torch.no_grad():
            wanted = network.evidence(pair).numpy()
        worst = max(worst, float(np.abs(session.run(None, {"pair": pair.numpy()})[0] - wanted).max()))
    return worst


def export(network: ChangeNet, path: Path, card: dict[str, Any]) -> None:
    """Writes `path` and, beside it, the card with parameter count and SHA-256 filled in."""
    network = network.eval().float()
    model = onnx_model(network).SerializeToString()
    difference = largest_difference(network, model)
    if difference > TOLERANCE:
        raise ValueError(f"{path.name} differs from the network by {difference:.2g}, allowed {TOLERANCE:.2g}")
    path.write_bytes(model)
    card = card | {"parameters": parameter_count(network), "sha256": hashlib.sha256(model).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
