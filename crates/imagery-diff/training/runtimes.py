"""Times a model in ONNX Runtime, in 32-bit floats and in 8-bit integers, and in our own runtime.

On windows of the size that a detection reads:

    python runtimes.py ../models/research.onnx PAIRS    (PAIRS holds A/ and B/; a few are used to set the ranges)

One thread each; MPix/s of a date.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from train.evaluate import levir_pairs

WINDOW_PX = 608
REPEATS = 7
CALIBRATION_PAIRS = 24


class Pairs(CalibrationDataReader):
    """Real pairs, from which the ranges of the integers are taken."""

    def __init__(self, folder: Path) -> None:
        pairs = levir_pairs(folder)[:: max(1, len(levir_pairs(folder)) // CALIBRATION_PAIRS)]
        self.rest: Iterator[dict[str, np.ndarray]] = iter([{"pair": tensor(pair.before, pair.after)} for pair in pairs])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.rest, None)


def tensor(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """[1,6,H,W] in 0..1 of two RGB images."""
    return np.ascontiguousarray(np.concatenate([before, after], 2).transpose(2, 0, 1)[None]).astype(np.float32) / 255


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def megapixels_a_second(model: onnxruntime.InferenceSession) -> float:
    """Median over the repeats, by processor time."""
    pair = np.random.default_rng(1).random((1, 6, WINDOW_PX, WINDOW_PX), np.float32)
    model.run(None, {"pair": pair})
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        model.run(None, {"pair": pair})
        seconds.append(time.process_time() - began)
    return WINDOW_PX**2 / float(np.median(seconds)) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("pairs", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        integers = Path(folder) / "int8.onnx"
        quantize_static(
            given.model,
            integers,
            Pairs(given.pairs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        for name, path in (("f32", given.model), ("int8", integers)):
            print(
                f"ONNX Runtime {onnxruntime.__version__} {name}: {megapixels_a_second(session(path)):.2f} MPix/s",
                flush=True,
            )
    bench = [
        "cargo",
        "bench",
        "-p",
        "imagery-diff",
        "--bench",
        "stages",
        "--",
        f"network_alone_on_one_core.*{given.model.stem}",
    ]
    subprocess.run(bench, check=True, cwd=Path(__file__).parent)


if __name__ == "__main__":
    main()
