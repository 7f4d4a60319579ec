"""QGIS without a screen opens the annotations as a layer."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from proxy import recorded
from shapely.geometry import box


def in_qgis(script: str, *arguments: str) -> dict:
    """What a script prints last, run by QGIS's own Python: it is bound to the system's, not to the virtual environment's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    run = subprocess.run(
        ["/usr/bin/python3", Path(__file__).parent / "qgis" / script, *arguments],
        env=environment | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_qgis_reads_fields_crs_and_every_annotation(server):
    layer = in_qgis("read_layer.py", f"{server.url}/ogc", "annotations")
    assert layer["valid"], layer["error"]
    assert layer["crs"] in ("OGC:CRS84", "EPSG:4326")
    assert {"structure_type", "confidence", "status", "start_datetime"} <= set(layer["fields"])
    assert layer["features"] == server.get("/ogc/collections/annotations/items?limit=1")["numberMatched"]


def test_qgis_pages_and_pushes_its_filters_down(atlas):
    with recorded(atlas.url) as (url, requests):
        layer = in_qgis("filter_layer.py", f"{url}/ogc", "annotations")
    every = {feature["id"] for feature in atlas.features}
    assert set(layer["all"]) == every and len(layer["all"]) == len(every)
    area = box(127.0, 39.0, 128.0, 40.0)
    assert set(layer["in_box"]) == atlas.that(lambda _, outline: outline.intersects(area))
    # QGIS 3.22 hands a condition on any time to the server as `datetime`, which asks for the construction window
    assert set(layer["from"]) == atlas.that(lambda own, _: (own["end_datetime"] or "9999") >= "2019")
    assert set(layer["titled"]) == atlas.that(lambda own, _: own["title"] == "Lagerhaus")
    asked = [parse_qs(urlsplit(request).query) for request in requests if "/items?" in request]
    assert any("cursor" in query for query in asked), "it followed next links"
    assert any(query.get("bbox") for query in asked), "the box reached the server"
    assert any(query.get("datetime") for query in asked), "the times reached the server"
    # OGC API editing came to QGIS after 3.22; where it is offered it must be complete
    assert layer["adds"] == layer["changes"]
