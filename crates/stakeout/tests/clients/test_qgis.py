"""QGIS without a screen opens the annotations as a layer."""

import json
import os
import subprocess
from pathlib import Path


def test_qgis_reads_fields_crs_and_every_annotation(server):
    script = Path(__file__).parent / "qgis" / "read_layer.py"
    # QGIS is bound to the system's Python, not to the one of the virtual environment.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    run = subprocess.run(
        ["/usr/bin/python3", script, f"{server.url}/ogc", "annotations"],
        env=environment | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr
    layer = json.loads(run.stdout.splitlines()[-1])
    assert layer["valid"], layer["error"]
    assert layer["crs"] in ("OGC:CRS84", "EPSG:4326")
    assert {"structure_type", "confidence", "status", "start_datetime"} <= set(layer["fields"])
    assert layer["features"] == server.get("/ogc/collections/annotations/items?limit=1")["numberMatched"]
