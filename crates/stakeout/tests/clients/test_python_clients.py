"""Python clients that analysts use read the running server."""

import io

import geopandas
import requests
from conftest import AREA
from openapi_spec_validator import validate
from owslib.ogcapi.features import Features
from pystac_client import Client
from tusclient.client import TusClient


def test_owslib_reads_every_annotation(server):
    service = Features(f"{server.url}/ogc")
    assert {"sites", "candidates", "annotations"} <= set(service.feature_collections())
    page = service.collection_items("annotations", limit=100)
    assert {feature["id"] for feature in page["features"]} >= set(server.confirmed)


def test_geopandas_reads_the_annotations_with_their_construction_window(server):
    answer = requests.get(f"{server.url}/ogc/collections/annotations/items?limit=100", timeout=60)
    frame = geopandas.read_file(io.BytesIO(answer.content))
    assert len(frame) == answer.json()["numberReturned"]
    assert frame.geometry.is_valid.all()
    assert (frame["start_datetime"] < frame["end_datetime"]).all()


def test_pystac_client_finds_both_scenes(server):
    catalog = Client.open(f"{server.url}/stac")
    items = list(catalog.get_collection("plant").get_items())
    assert {item.id for item in items} == {server.before, server.after}


def test_the_openapi_document_is_valid(server):
    validate(server.get("/openapi.json"))


def test_tuspy_goes_on_with_an_upload_that_was_interrupted(server):
    site = {"type": "Feature", "id": "annex", "geometry": AREA, "properties": {"name": "Annex"}}
    server.post("/ogc/collections/sites/items", site)
    file = server.fixture / "before.tif"
    metadata = {"filename": "before.tif", "filetype": "image/tiff"}
    sending = {"chunk_size": file.stat().st_size // 3 + 1, "metadata": metadata, "upload_checksum": True}
    first = TusClient(f"{server.url}/uploads").uploader(str(file), **sending)
    first.upload_chunk()
    second = TusClient(f"{server.url}/uploads").uploader(str(file), **sending, url=first.url)
    assert second.offset == first.offset > 0
    second.upload()
    body = {"upload": second.url, "properties": {"datetime": "2023-05-14T02:10:00Z"}}
    item = server.post("/api/sites/annex/scenes", body).json()
    assert item["assets"]["original"]["file:size"] == file.stat().st_size
    assert item["assets"]["original"]["title"] == "before.tif"


def test_geopandas_reads_the_geoparquet_export(server):
    answer = requests.get(f"{server.url}/api/sites/plant/export?format=geoparquet", timeout=60)
    assert answer.ok, answer.text
    frame = geopandas.read_parquet(io.BytesIO(answer.content))
    assert len(frame) == server.get("/ogc/collections/annotations/items?limit=1")["numberMatched"]
    assert frame.crs.to_authority() == ("OGC", "CRS84")
    assert frame.geometry.is_valid.all()
    assert (frame["start_datetime"] < frame["end_datetime"]).all()
