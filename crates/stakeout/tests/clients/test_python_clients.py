"""Python clients that analysts use read the running server."""

import io

import geopandas
import requests
from openapi_spec_validator import validate
from owslib.ogcapi.features import Features
from pystac_client import Client


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
