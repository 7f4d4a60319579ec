"""The catalogue before those who read catalogues: a validator of the API, pystac, pystac-client."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pystac
import pytest
import requests
from offline_schemas import schema
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from pystac_client import Client

HERE = Path(__file__).parent
CLASSES = [
    "core",
    "collections",
    "features",
    "item-search",
    "item-search#sort",
    "item-search#fields",
    "features#sort",
    "features#fields",
    "filter",
]
# What the validator sends against the standards: `between` with two operands, one of them a list; and the collections of
# a POST as one text where the specification has a list.
VALIDATOR_FAULTS = ['"op": "between"', '"collections": "plant"']

EXTENSIONS = ["projection/v2.0.0", "file/v2.1.0", "raster/v1.1.0", "eo/v1.1.0", "view/v1.0.0", "timestamps/v1.1.0"]
SCHEMAS = [
    *(f"https://stac-extensions.github.io/{name}/schema.json" for name in EXTENSIONS),
    "https://proj.org/schemas/v0.7/projjson.schema.json",
]


def test_stac_api_validator_finds_no_fault(server):
    """Core, Collections, Features, Item Search, Sort and Fields of both, and Filter; schemas as `offline_schemas.py` says.

    Its Transaction test makes an item of files elsewhere, with properties of any name, and sends no If-Match: this
    service refuses each of these, so that class is judged by `catalogue.rs`.
    """
    area = server.get(f"/stac/collections/plant/items/{server.before}")["geometry"]
    arguments = [
        "--root-url",
        f"{server.url}/stac",
        "--collection",
        "plant",
        "--geometry",
        json.dumps(area),
        "--fields-nested-property",
        "properties.gsd",
        "--validate-pagination",
    ]
    for name in CLASSES:
        arguments += ["--conformance", name]
    done = subprocess.run(
        [sys.executable, HERE / "offline_schemas.py", *arguments], capture_output=True, text=True, timeout=300
    )
    said = done.stdout + done.stderr
    errors = said.split("Errors:", 1)[-1].split("Warnings:")[0] if "Errors:" in said else ""
    found = [line.strip() for line in errors.splitlines() if line.strip().startswith("- ")]
    left = [line for line in found if line != "- none" and not any(fault in line for fault in VALIDATOR_FAULTS)]
    assert "Validating STAC API - Item Search" in said, said
    assert not left, "\n".join(left)
    assert "Traceback" not in said, said


@pytest.fixture(scope="module")
def catalog(server) -> Client:
    return Client.open(f"{server.url}/stac")


@pytest.fixture(scope="module")
def validator() -> JsonSchemaSTACValidator:
    """pystac's own, which would fetch the schemas of extensions."""
    validator = JsonSchemaSTACValidator()
    validator.schema_cache |= {url: schema(url) for url in SCHEMAS}
    return validator


def test_pystac_validates_every_item_collection_and_catalog_with_all_their_extensions(server, catalog, validator):
    used = set()
    for document in [catalog, *catalog.get_collections(), *catalog.search().items()]:
        whole = document.to_dict()
        assert whole["stac_version"] == "1.1.0"
        used |= set(whole.get("stac_extensions", []))
        pystac.validation.validate_dict(whole, validator=validator)
    assert used >= {url for url in SCHEMAS if "stac-extensions" in url and "/eo/" not in url and "/view/" not in url}


@pytest.mark.parametrize(
    "place, wrong",
    [
        (("properties", "proj:code"), 32652),
        (("properties", "proj:transform"), [0.5, 0, 1]),
        (("properties", "eo:cloud_cover"), 120),
        (("properties", "view:off_nadir"), 100),
        (("properties", "published"), "2024-05-14"),
        (("properties", "published"), None),
        (("assets", "original", "file:checksum"), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        (("assets", "original", "file:size"), -1),
        (("assets", "working", "raster:bands"), []),
    ],
)
def test_the_schemas_see_what_is_wrong(server, validator, place, wrong):
    item = server.get(f"/stac/collections/plant/items/{server.before}")
    item["stac_extensions"] = [url for url in SCHEMAS if "stac-extensions" in url]
    item["properties"] |= {"eo:cloud_cover": 3, "view:off_nadir": 4}
    pystac.validation.validate_dict(item, validator=validator)
    *folders, name = place
    member = item
    for folder in folders:
        member = member[folder]
    if wrong is None:
        del member[name]
    else:
        member[name] = wrong
    with pytest.raises(pystac.errors.STACValidationError):
        pystac.validation.validate_dict(item, validator=validator)


def test_extensions_say_what_the_files_are(server, catalog):
    item = next(catalog.search(ids=[server.before]).items())
    assert {"projection", "file", "raster", "timestamps"} <= {url.split("/")[3] for url in item.stac_extensions}
    assert item.ext.proj.code == "EPSG:32652"
    assert item.ext.proj.shape == [1280, 1280]
    west, north = item.ext.proj.transform[2], item.ext.proj.transform[5]
    told = json.loads(
        subprocess.run(["gdalinfo", "-json", server.fixture / "before.tif"], check=True, capture_output=True).stdout
    )
    assert [west, north] == told["cornerCoordinates"]["upperLeft"]
    for name in ("original", "working"):
        asset = item.assets[name]
        content = requests.get(asset.href, timeout=60).content
        assert asset.ext.file.size == len(content)
        assert asset.ext.file.checksum == "1220" + hashlib.sha256(content).hexdigest()
    assert (server.fixture / "before.tif").read_bytes() == requests.get(
        item.assets["original"].href, timeout=60
    ).content
    bands = item.assets["working"].ext.raster.bands
    assert [band.data_type for band in bands] == ["uint8"] * 3
    assert bands[0].spatial_resolution == pytest.approx(told["geoTransform"][1], rel=0.01)
    assert requests.get(item.assets["thumbnail"].href, timeout=60).headers["content-type"] == "image/png"
    assert item.properties["published"] == item.properties["created"]


def test_a_described_scene_is_read_with_the_view_and_eo_extensions(server, catalog):
    path = f"{server.url}/stac/collections/plant/items/{server.after}"
    old = requests.get(path, timeout=30)
    patch = {"properties": {"eo:cloud_cover": 12, "view:off_nadir": 20.5, "view:sun_elevation": 44}}
    changed = requests.patch(path, json=patch, headers={"If-Match": old.headers["ETag"]}, timeout=30)
    assert changed.ok, changed.text
    item = next(catalog.search(ids=[server.after]).items())
    assert (item.ext.eo.cloud_cover, item.ext.view.off_nadir, item.ext.view.sun_elevation) == (12, 20.5, 44)
    # pystac writes an item as it read it, and the server takes it back
    whole = item.to_dict(include_self_link=True)
    whole["properties"]["eo:cloud_cover"] = 15
    put = requests.put(path, json=whole, headers={"If-Match": changed.headers["ETag"]}, timeout=30)
    assert put.ok, put.text
    assert put.json()["properties"]["eo:cloud_cover"] == 15


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pystac_client_searches_by_filter_order_fields_place_and_time(server, catalog, method):
    def found(**asked):
        return [item["id"] for item in catalog.search(method=method, **asked).items_as_dicts()]

    both = [server.before, server.after]
    assert found(collections=["plant"], sortby="properties.datetime", limit=1) == both
    assert found(collections=["plant"], sortby="-properties.datetime", limit=1) == both[::-1]
    assert found(ids=[server.after], collections=["plant"]) == [server.after]
    assert found(datetime="2024-01-01T00:00:00Z/..", collections=["plant"]) == [server.after]
    assert found(bbox=[127.0, 39.0, 128.0, 40.0], collections=["plant"], sortby="datetime") == both
    assert found(bbox=[0, 0, 1, 1]) == []
    inside = {"type": "Point", "coordinates": [127.6, 39.9]}
    area = server.get(f"/stac/collections/plant/items/{server.before}")["bbox"]
    inside["coordinates"] = [(area[0] + area[2]) / 2, (area[1] + area[3]) / 2]
    assert found(intersects=inside, collections=["plant"], sortby="datetime") == both
    assert found(
        filter="collection = 'plant' AND datetime < TIMESTAMP('2024-01-01T00:00:00Z')", filter_lang="cql2-text"
    ) == [server.before]
    newer = {
        "op": "and",
        "args": [
            {"op": "=", "args": [{"property": "collection"}, "plant"]},
            {"op": "<=", "args": [{"property": "gsd"}, 10]},
        ],
    }
    assert found(filter=newer, filter_lang="cql2-json", sortby="id") == sorted(both)
    few = next(
        catalog.search(method=method, ids=[server.before], fields=["+properties.gsd", "-assets"]).items_as_dicts()
    )
    assert list(few["properties"]) == ["gsd"] and "assets" not in few


def test_pystac_client_reads_the_queryables(server, catalog):
    assert "eo:cloud_cover" in catalog.get_queryables()["properties"]
    assert "gsd" in catalog.get_collection("plant").get_queryables()["properties"]
