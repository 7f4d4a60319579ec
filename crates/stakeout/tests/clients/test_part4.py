"""One test for each abstract test of OGC API Features Part 4 (draft 20-002r1) that applies, and edits as QGIS sends them.

Applicable are the classes create-replace-delete, update, optimistic-locking-etags and features; creating by PUT, GML and
JSON-FG are not offered.
"""

import copy
import itertools
import json
import os
from pathlib import Path

import pytest
import requests
from atlas import annotation, site
from conftest import serving
from shapely.geometry import shape

CRS = "http://www.opengis.net/def/crs/"
GEOJSON = {"Content-Type": "application/geo+json"}
PATCH = {"Content-Type": "application/merge-patch+json"}
ITEMS = "/ogc/collections/annotations/items"


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    binary = Path(os.environ["STAKEOUT_BIN"]) / "stakeout"
    with serving(binary, tmp_path_factory.mktemp("part4")) as url:
        for name in ("plant", "depot"):
            assert requests.post(f"{url}/ogc/collections/sites/items", json=site(name), timeout=30).status_code == 201
        yield url


numbers = itertools.count()


@pytest.fixture
def made(url) -> str:
    """The address of a feature of one's own."""
    answer = requests.post(url + ITEMS, json=annotation(next(numbers)), headers=GEOJSON, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def feature_at(address: str, **parameters) -> dict:
    answer = requests.get(address, params=parameters, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def etag(address: str) -> str:
    return requests.get(address, timeout=30).headers["ETag"]


def assert_says(feature: dict, sent: dict) -> None:
    """The feature holds what was sent, its positions to a hundredth of a millimetre."""
    assert {name: feature["properties"][name] for name in sent["properties"]} == sent["properties"]
    assert shape(feature["geometry"]).equals_exact(shape(sent["geometry"]), 1e-9)


def send(method: str, address: str, body=None, **headers: str) -> requests.Response:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    return requests.request(method, address, data=data, headers=headers, timeout=30)


# ---- create-replace-delete ----


def test_options(url, made):
    for address, methods, accepted in (
        (url + ITEMS, {"POST"}, "Accept-Post"),
        (made, {"PUT", "PATCH", "DELETE"}, "Accept-Patch"),
    ):
        answer = requests.options(address, timeout=30)
        assert answer.status_code == 200
        assert methods <= set(answer.headers["Allow"].split(", "))
        assert answer.headers[accepted]


def test_create(url):
    known = {feature["id"] for feature in feature_at(url + ITEMS, limit=1000)["features"]}
    for extra in ({}, {"id": "an-id-of-mine"}):
        sent = annotation(3) | extra
        answer = requests.post(url + ITEMS, data=json.dumps(sent), headers=GEOJSON, timeout=30)
        assert answer.status_code == 201
        there = feature_at(answer.headers["Location"])
        assert_says(there, sent)
        assert there["id"] not in known and answer.headers["Location"].endswith(there["id"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_content_type(url, made, method):
    address = url + ITEMS if method == "POST" else made
    assert send(method, address, annotation(1), If_Match="*").status_code == 400
    assert send(method, address, annotation(1), If_Match="*", Content_Type="text/plain").status_code == 415


def test_replace(made):
    own_site = {"site": feature_at(made)["properties"]["site"]}
    sent = annotation(5) | {"id": "another"}
    sent["properties"] |= own_site
    answer = send("PUT", made, sent, If_Match="*", **GEOJSON)
    assert answer.status_code == 200
    there = feature_at(made)
    assert made.endswith(there["id"]), "the id of the body is not taken"
    assert_says(there, sent)
    sent["properties"]["site"] = "depot" if own_site["site"] == "plant" else "plant"
    assert send("PUT", made, sent, If_Match="*", **GEOJSON).status_code == 409, "it stays with its site"


def test_replace_exceptions(url):
    for headers in ({}, {"If_Match": '"xyz"'}):
        address = f"{url}{ITEMS}/nothing"
        assert send("PUT", address, annotation(1), **headers, **GEOJSON).status_code == 404
        assert requests.get(address, timeout=30).status_code == 404


def test_delete(made):
    assert send("DELETE", made, If_Match="*").status_code == 204
    assert requests.get(made, timeout=30).status_code == 404


# ---- update ----


def test_update(made):
    before = feature_at(made)
    answer = send("PATCH", made, {"properties": {"title": "Another", "note": None}}, If_Match="*", **PATCH)
    assert answer.status_code == 200
    after = feature_at(made)
    assert (after["properties"]["title"], after["properties"]["note"]) == ("Another", None)
    for feature in (before, after):
        for name in ("title", "note", "revision", "updated"):
            del feature["properties"][name]
    assert before == after


def test_update_rid(made):
    assert send("PATCH", made, {"id": "another"}, If_Match="*", **PATCH).status_code == 400
    assert made.endswith(feature_at(made)["id"])


# ---- optimistic-locking-etags ----


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_etags(made, method):
    before, tag = feature_at(made), etag(made)
    body = None if method == "DELETE" else {name: before[name] for name in ("type", "geometry", "properties")}
    headers = {"PUT": GEOJSON, "PATCH": PATCH, "DELETE": {}}[method]
    assert send(method, made, body, If_Match='"0"', **headers).status_code == 412
    assert send(method, made, body, **headers).status_code == 428
    assert feature_at(made) == before
    answer = send(method, made, body, If_Match=tag, **headers)
    if method == "DELETE":
        assert answer.status_code == 204 and requests.get(made, timeout=30).status_code == 404
    else:
        assert answer.status_code == 200 and answer.headers["ETag"] not in ("", tag)


# ---- features ----


def test_crs(url):
    plain = annotation(0)
    turned = copy.deepcopy(plain)
    turned["geometry"]["coordinates"] = [[at[::-1] for at in ring] for ring in plain["geometry"]["coordinates"]]
    latitude_first = {"Content-Crs": f"<{CRS}EPSG/0/4326>"}
    answers = [
        requests.post(url + ITEMS, json=plain, timeout=30),
        requests.post(url + ITEMS, json=turned, headers=latitude_first, timeout=30),
    ]
    outlines = [feature_at(answer.headers["Location"], crs=f"{CRS}EPSG/0/4326")["geometry"] for answer in answers]
    assert outlines[0] == outlines[1]
    unknown = {"Content-Crs": f"<{CRS}EPSG/0/27700>"}
    assert requests.post(url + ITEMS, json=plain, headers=unknown, timeout=30).status_code == 400


def test_json_merge_patch(made):
    moved = annotation(1)["geometry"]
    patch = {"geometry": moved, "properties": {"title": "Moved", "confidence": "low", "note": None}}
    assert send("PATCH", made, patch, If_Match="*", **PATCH).status_code == 200
    assert_says(feature_at(made), patch)


# ---- QGIS ----


def test_edits_as_qgis_sends_them(url):
    """As its source has it (3.30 and later): no If-Match, unless the connection's authentication adds it to each request;
    a CRS without brackets; every field of the schema, those of the server among them, in a new feature."""
    added = {"If_Match": "*"}
    fields = feature_at(f"{url}/ogc/collections/annotations/schema")["properties"]
    sent = annotation(2)
    sent["properties"] = {name: sent["properties"].get(name) for name in fields if name not in ("id", "geometry")}
    created = send("POST", url + ITEMS, sent, **added, **GEOJSON)
    assert created.status_code == 201, created.text
    address = created.headers["Location"]
    assert send("PATCH", address, {"properties": {"title": "Drawn"}}, **PATCH).status_code == 428

    changed = send(
        "PATCH", address, {"properties": {"title": "Drawn", "end_datetime": "2024-05-01T00:00:00Z"}}, **added, **PATCH
    )
    assert changed.status_code == 200, changed.text
    metres = feature_at(address, crs=f"{CRS}EPSG/0/3857")["geometry"]
    metres["coordinates"] = [[[x + 100, y] for x, y in ring] for ring in metres["coordinates"]]
    moved = send("PATCH", address, {"geometry": metres}, Content_Crs=f"{CRS}EPSG/0/3857", **added, **PATCH)
    assert moved.status_code == 200, moved.text
    west = sent["geometry"]["coordinates"][0][0][0]
    assert feature_at(address)["geometry"]["coordinates"][0][0][0] == pytest.approx(west + 100 / 111_319.49, abs=1e-6)
    assert send("DELETE", address, **added).status_code == 204
