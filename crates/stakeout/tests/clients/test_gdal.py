"""GDAL reads what the server serves and what the command line writes."""

import itertools
import json
import os
import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from atlas import COUNT, annotation, running_atlas
from shapely.geometry import box

BOX = (127.0, 39.0, 128.0, 40.0)


@pytest.fixture
def atlas_to_write_in(tmp_path):
    yield from running_atlas(Path(os.environ["STAKEOUT_BIN"]) / "stakeout", tmp_path / "atlas")


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


def test_ogr2ogr_loses_and_repeats_nothing_while_others_write(atlas_to_write_in, tmp_path):
    atlas = atlas_to_write_in
    before = atlas.that(lambda _, outline: outline.intersects(box(*BOX)))
    done = threading.Event()

    def write() -> None:
        for index in itertools.count():
            if done.is_set():
                return
            answer = requests.post(atlas.items, json=annotation(index % COUNT), timeout=60)
            assert answer.status_code == 201, answer.text

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        target = tmp_path / "read.geojson"
        try:
            spatial = ["-spat", *map(str, BOX)]
            source = f"OAPIF:{atlas.url}/ogc"
            subprocess.run(
                ["ogr2ogr", "-oo", "PAGE_SIZE=3", *spatial, target, source, "annotations"], check=True, timeout=120
            )
        finally:
            done.set()
        writer.result()
    features = json.loads(target.read_text())["features"]
    read = [feature["properties"]["id"] for feature in features]
    assert len(read) == len(set(read)), "none came twice"
    assert before <= set(read), "none was lost"
    after = atlas.ids(bbox=",".join(map(str, BOX)))
    assert set(read) <= after and len(after) > len(before), "the writer wrote meanwhile"


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
