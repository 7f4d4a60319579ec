"""GDAL reads what the server serves and what the command line writes."""

import json
import re
import subprocess


def ogrinfo(*arguments: str) -> str:
    run = subprocess.run(["ogrinfo", "-ro", *arguments], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "ERROR" not in run.stderr, run.stderr
    return run.stdout


def test_ogr_counts_the_annotations_that_the_server_counts(server):
    matched = server.get("/ogc/collections/annotations/items?limit=1")["numberMatched"]
    text = ogrinfo("-so", f"OAPIF:{server.url}/ogc", "annotations")
    assert int(re.search(r"Feature Count: (\d+)", text)[1]) == matched >= 5


def test_ogr2ogr_copies_every_annotation_over_several_pages(server, tmp_path):
    target = tmp_path / "annotations.gpkg"
    subprocess.run(
        ["ogr2ogr", "-oo", "PAGE_SIZE=2", target, f"OAPIF:{server.url}/ogc", "annotations"], check=True, timeout=120
    )
    text = ogrinfo("-al", str(target))
    matched = server.get("/ogc/collections/annotations/items?limit=1")["numberMatched"]
    assert text.count("OGRFeature(") == matched
    assert "structure_type (String) = warehouse" in text


def test_ogr_reads_the_file_of_the_command_line(server, tmp_path):
    out = tmp_path / "found.geojson"
    subprocess.run(
        [server.binary, "detect", server.fixture / "before.tif", server.fixture / "after.tif", "--out", out],
        check=True,
        timeout=240,
    )
    count = len(json.loads(out.read_text())["features"])
    assert count > 0
    assert f"Feature Count: {count}" in ogrinfo("-so", "-al", str(out))
