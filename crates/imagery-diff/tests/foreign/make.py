"""Makes `difference.onnx`: a network of another layout than ours, small enough to be known by heart.

Two tensors `before` and `after` [1,3,H,W], standardised by ImageNet's mean and deviation; one of log odds [1,2,H,W] of the
classes unchanged and changed: 0, and 8 times the mean absolute difference of the bands less 4.

    python make.py        (needs numpy and onnx)
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
SHAPE = ["n", 3, "h", "w"]

weight = np.zeros((2, 3, 1, 1), np.float32)
weight[1] = 8 / 3
constants = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.array([0, -4], np.float32), "bias")]
nodes = [
    helper.make_node("Sub", ["after", "before"], ["apart"]),
    helper.make_node("Abs", ["apart"], ["distance"]),
    helper.make_node("Conv", ["distance", "weight", "bias"], ["classes"], kernel_shape=[1, 1]),
]
graph = helper.make_graph(
    nodes,
    "difference",
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("before", "after")],
    [helper.make_tensor_value_info("classes", TensorProto.FLOAT, ["n", 2, "h", "w"])],
    constants,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
onnx.checker.check_model(model, full_check=True)
written = model.SerializeToString()
(FOLDER / "difference.onnx").write_bytes(written)
card = {
    "name": "difference",
    "version": "1.0.0",
    "licence": "MIT OR Apache-2.0",
    "input": {
        "layout": "NCHW",
        "scale": "0..1",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "dates": "separate",
        "multiple_of_px": 32,
        "gsd_m_min": 0.3,
        "gsd_m_max": 1.0,
        "gsd_m_best": 0.5,
    },
    "outputs": ["-", "change"],
    "activation": "softmax",
    "limits": "an example: it answers to any change of brightness",
    "sha256": hashlib.sha256(written).hexdigest(),
}
(FOLDER / "difference.json").write_text(json.dumps(card, indent=2) + "\n")
