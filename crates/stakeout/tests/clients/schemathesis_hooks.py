"""What no OpenAPI document can say about valid requests, said to schemathesis: it mends those that it means to be valid.

A generator that knows nothing of positions draws rings without area, of filters text that is no filter, and sends
parameters together that exclude each other; the answer is 400, as it should be, and the check of valid data would only
ever see that. Requests that are meant to be invalid are left as they are.
"""

from __future__ import annotations

import json
from pathlib import Path

import schemathesis
from schemathesis.core import NOT_SET
from schemathesis.core.failures import AcceptedNegativeData

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

# As the test wrote it, with examples that exist.
DOCUMENT = json.loads(Path("openapi.json").read_text())
STAC_ITEM = DOCUMENT["components"]["schemas"]["StacItemPatch"]
DESCRIPTIVE = STAC_ITEM["properties"]["properties"]["properties"].keys()
# What exists: what a request names and what is not there is refused.
IDS = DOCUMENT["x-ids"]
SCENE = IDS["scene"][0]
NAMED = {"site": IDS["site"][0], "comparison": IDS["comparison"][0]}
NAMING = ("/api/comparisons", "/api/agreement", "/api/queue", "/tiles/wmts", "/tiles/WMTSCapabilities.xml")
TYPES = [{"id": "warehouse", "label": "Warehouse", "key": "w"}, {"id": "other", "label": "Other"}]
DEGREES_MAX = 80
RING = [[127.6, 39.9], [127.61, 39.9], [127.61, 39.91], [127.6, 39.91], [127.6, 39.9]]
# Within Web Mercator and each UTM zone.
RING_IN_METRES = [[500000, 440000], [501000, 440000], [501000, 441000], [500000, 441000], [500000, 440000]]
FILTERS = {
    "cql2-text": "S_INTERSECTS(geometry, BBOX(127.5, 39.8, 127.7, 40.0))",
    "cql2-json": json.dumps({"op": "isNull", "args": [{"property": "id"}]}),
}
CORNERS = [[127.58, 39.92], [127.62, 39.92], [127.62, 39.88], [127.58, 39.88]]
GEOMETRIES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon")
GET_TILE = {
    "layer": SCENE,
    "style": "",
    "format": "image/png",
    "tilematrixset": "WebMercatorQuad",
    "tilematrix": 0,
    "tilerow": 0,
    "tilecol": 0,
}
GET_CAPABILITIES = {"acceptversions", "acceptformats", "sections", "updatesequence"}
WORLD_FILE = "0.5\n0\n0\n-0.5\n550000.25\n4418000.25\n"


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.query:
        mend_query(case)
    if case.operation.path.startswith("/uploads"):
        mend_upload(case)
    if isinstance(case.body, dict):
        case.body = mended(case.body, ring_in((case.headers or {}).get("Content-Crs", "CRS84")))
        mend_body(case)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure is one: schemathesis 4.32.5 counts some requests as invalid that it calls valid itself."""
    is_valid = case.meta is not None and case.meta.phase.data.description == "Positive test case"
    return not (is_valid and isinstance(failure, AcceptedNegativeData))


def mend_upload(case) -> None:
    """Few bytes, so that they fit into what was announced, and no hash, since none would be theirs."""
    for name in ("Upload-Checksum", "Upload-Metadata"):
        case.headers.pop(name, None)
    if case.operation.path == "/uploads/{upload}":
        case.headers["Upload-Offset"] = "0"
    if case.body is not NOT_SET or case.headers.get("X-HTTP-Method-Override") == "PATCH":
        case.body, case.media_type = b"8 bytes.", "application/offset+octet-stream"


def ring_in(crs: str) -> list:
    """A ring in the CRS that a request names."""
    if "CRS84" in crs:
        return RING
    return [at[::-1] for at in RING] if "4326" in crs else RING_IN_METRES


def coordinates(kind: str, ring: list) -> list:
    of = {"Point": ring[0], "MultiPoint": ring[:2], "LineString": ring[:2], "MultiLineString": [ring[:2]]}
    return (of | {"Polygon": [ring], "MultiPolygon": [[ring]]})[kind]


def mend_query(case) -> None:
    query = case.query
    if case.operation.path in NAMING:
        case.query = query = {name: NAMED.get(name, value) for name, value in query.items()}
    if case.operation.path == "/ogc/tiles" and "cursor" in query:
        query["cursor"] = SCENE
    if "cursor" in query:
        query.pop("offset", None)
    if "filter" in query:
        query["filter"] = FILTERS[query.get("filter-lang") or "cql2-text"]
    mend_interval(query)
    if query.get("bbox"):
        query["bbox"] = mended_box(query["bbox"])
        query.pop("intersects", None)
    if "intersects" in query:
        query["intersects"] = json.dumps({"type": "Polygon", "coordinates": [RING]})
    if "WMTS" in case.operation.path or case.operation.path.endswith("wmts"):
        is_tile = query.get("request") == "GetTile"
        other = GET_CAPABILITIES if is_tile else GET_TILE.keys()
        query = {name: value for name, value in query.items() if name not in other}
        case.query = query = query | GET_TILE if is_tile else query
        if is_tile and "scene" in case.path_parameters:
            query["layer"] = case.path_parameters["scene"]
    if "bands" in query:
        query["bands"] = "1"
    if "stretch" in query:
        query["stretch"] = "0,255"
    if "collections" in query and "site" in (case.path_parameters or {}):
        del query["collections"]


def mend_interval(given: dict) -> None:
    """An interval does not end before it begins: one of two ends is left open."""
    begin, slash, _ = (given.get("datetime") or "").partition("/")
    if slash and begin not in ("", ".."):
        given["datetime"] = begin + "/.."


def mended_box(numbers: list[float] | str) -> list[float] | str:
    """A box within the world in every CRS and order of axes: its corners are sorted."""
    if isinstance(numbers, str):
        return ",".join(str(number) for number in mended_box([float(number) for number in numbers.split(",")]))
    half = len(numbers) // 2
    within = [number % DEGREES_MAX for number in numbers]
    corners = [sorted(pair) for pair in zip(within[:half], within[half : 2 * half], strict=True)]
    return [low for low, _ in corners] + [high for _, high in corners]


def mended(value, ring: list):
    """Outlines with an area, within the world."""
    if isinstance(value, list):
        return [mended(item, ring) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") in GEOMETRIES and "coordinates" in value:
        return value | {"coordinates": coordinates(value["type"], ring)}
    return {name: mended(item, ring) for name, item in value.items()}


def mend_body(case) -> None:
    """Members that hang together: the order of times, one placement, a filter and its language."""
    body, path = case.body, case.operation.path
    properties = body.get("properties")
    if path == "/api/taxonomy":
        body["types"] = TYPES
    if path.endswith("/execution"):
        before, after = IDS["scene"]
        body["inputs"] |= {"before": before, "after": {"href": f"/stac/collections/plant/items/{after}"}}
    if "scene" in body:
        # its file says where it lies
        body["scene"] = SCENE
        body.pop("world_file", None)
        properties.pop("crs", None)
    if isinstance(properties, dict):
        for name in properties.keys() & {"site", "parent"}:
            properties[name] = NAMED["site"] if name == "site" else None
        # a patch of one must suit the other as it is
        for name, time in (("start_datetime", "2000-01-01T00:00:00Z"), ("end_datetime", "2030-01-01T00:00:00Z")):
            if properties.get(name):
                properties[name] = time
        mend_placement(properties)
    if path.startswith("/stac/collections"):
        body.pop("collection", None)
    if path == "/stac/collections/{site}/items/{scene}":
        # other members must be as they are
        case.body = body = {name: body[name] for name in ("type", "properties") if name in body}
        if isinstance(properties, dict):
            body["properties"] = {name: properties[name] for name in properties if name in DESCRIPTIVE}
    if path == "/stac/search" and "filter" in body:
        text = isinstance(body["filter"], str)
        body["filter-lang"] = "cql2-text" if text else "cql2-json"
        body["filter"] = FILTERS["cql2-text"] if text else json.loads(FILTERS["cql2-json"])
    if path == "/stac/search":
        mend_interval(body)
    if path == "/stac/search" and "bbox" in body:
        body["bbox"] = mended_box(body["bbox"])
        body.pop("intersects", None)
    for said in (body, properties):
        if isinstance(said, dict) and said.get("structure_type"):
            said["structure_type"] = "warehouse"
    mend_placement(body)


def mend_placement(given: dict) -> None:
    if "footprint" in given:
        given["footprint"] = CORNERS
        given.pop("control_points", None)
        given.pop("world_file", None)
    elif "control_points" in given:
        pixels = [[0, 0], [100, 0], [100, 100], [0, 100]]
        given["control_points"] = [{"pixel": at, "position": to} for at, to in zip(pixels, CORNERS, strict=True)]
        given.pop("world_file", None)
    elif "world_file" in given:
        given["world_file"] = WORLD_FILE
        given["crs"] = "EPSG:32652"
