"""Networks computed by ONNX Runtime, whose library comes from its package, beside pure Rust."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import files
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def library() -> Path:
    """The shared library in the package `onnxruntime`, which is not imported."""
    found = [file for file in files("onnxruntime") or [] if file.name.startswith("libonnxruntime.so")]
    assert len(found) == 1, f"the package onnxruntime holds {found}"
    return Path(found[0].locate())


def detected(server, out: Path, *arguments: str | Path) -> list[dict]:
    """The candidates of `stakeout detect` on the server's pair of scenes."""
    pair = (server.fixture / "before.tif", server.fixture / "after.tif")
    done = subprocess.run(
        [server.binary, "--quiet", "detect", *pair, "--out", out, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text())["features"]


def test_both_runtimes_find_the_same_structures(server, library: Path, tmp_path: Path):
    ours = detected(server, tmp_path / "rten.geojson")
    theirs = detected(server, tmp_path / "ort.geojson", "--onnx-runtime", library)
    assert len(ours) > 5
    assert len(theirs) == len(ours)
    for one, other in zip(ours, theirs, strict=True):
        assert one["properties"]["score"] == pytest.approx(other["properties"]["score"], abs=0.01)
        assert one["properties"]["area_m2"] == pytest.approx(other["properties"]["area_m2"], rel=0.01)


def test_a_library_that_is_none_is_named(server, tmp_path: Path):
    library = tmp_path / "libonnxruntime.so"
    library.write_bytes(b"no library")
    pair = (server.fixture / "before.tif", server.fixture / "after.tif")
    out = tmp_path / "out.geojson"
    done = subprocess.run(
        [server.binary, "detect", *pair, "--out", out, "--onnx-runtime", library],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert str(library) in done.stderr
    assert not out.exists()
