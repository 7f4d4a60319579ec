"""One test for each abstract test of OGC API Features Part 1 (17-069r4) and Part 2 (18-058r1).

A test is named by the end of its abstract test's identifier: `/conf/core/fc-bbox-response` is
`test_core_fc_bbox_response`. GML is not offered, so its classes are not claimed and not tested.
"""

import itertools
import re

import jsonschema
import pyproj
import pytest
import requests
import shapely
from openapi_spec_validator import validate
from shapely.geometry import box, shape

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
COLLECTIONS = ("sites", "candidates", "annotations")
FEATURES_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"

PART_1 = """
core/http core/root-op core/root-success core/api-definition-op core/api-definition-success core/conformance-op
core/conformance-success core/fc-md-op core/fc-md-success core/fc-md-links core/fc-md-items core/fc-md-items-links
core/fc-md-extent core/fc-md-extent-multi core/sfc-md-op core/sfc-md-success core/fc-op core/fc-bbox-definition
core/fc-bbox-response core/fc-limit-definition core/fc-limit-response core/fc-time-definition core/fc-time-response
core/fc-response core/fc-links core/fc-timeStamp core/fc-numberMatched core/fc-numberReturned core/f-op core/f-success
core/f-links core/crs84 core/query-param-unknown core/query-param-invalid geojson/definition geojson/content
html/definition html/content oas30/completeness oas30/exceptions-codes oas30/oas-definition-1 oas30/oas-definition-2
oas30/oas-impl oas30/security
""".split()
PART_2 = """
crs/crs-uri crs/default-crs crs/storageCrs crs/crs-parameter crs/crs-parameter-invalid crs/crs-parameter-default
crs/crs-parameter-transform crs/bbox-crs-parameter crs/bbox-crs-parameter-invalid crs/bbox-crs-parameter-default
""".split()


def test_every_abstract_test_has_its_test():
    named = {name for name in globals() if name.startswith("test_")}
    missing = [name for name in PART_1 + PART_2 if "test_" + re.sub("[/-]", "_", name) not in named]
    assert not missing


def links(document: dict, rel: str) -> list[dict]:
    return [link for link in document["links"] if link["rel"] == rel]


def assert_links(document: dict, *rels: str) -> None:
    for rel in rels:
        assert links(document, rel), f"no link {rel} in {document['links']}"
    for link in document["links"]:
        assert link["href"].startswith("http") and link.get("type"), link


@pytest.fixture(scope="module")
def openapi(atlas) -> dict:
    return atlas.json("/openapi.json")


def parameter(openapi: dict, path: str, name: str) -> dict:
    for given in openapi["paths"][path]["get"]["parameters"]:
        if "$ref" in given:
            given = openapi["components"]["parameters"][given["$ref"].rsplit("/", 1)[1]]
        if given["name"] == name:
            return given
    raise AssertionError(f"{path} has no parameter {name}")


ITEMS = "/ogc/collections/annotations/items"


# ---- Part 1, core: landing page, definition, conformance ----


def test_core_http(atlas):
    answer = atlas.get("/ogc")
    assert answer.raw.version == 11 and answer.status_code == 200
    assert requests.head(atlas.url + ITEMS, timeout=60).status_code == 200
    assert requests.delete(atlas.url + ITEMS, timeout=60).status_code == 405
    assert atlas.get("/ogc/nothing").status_code == 404


def test_core_root_op(atlas):
    answer = atlas.get("/ogc/")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"


def test_core_root_success(atlas):
    assert_links(atlas.json("/ogc"), "self", "alternate", "service-desc", "conformance", "data")


def test_core_api_definition_op(atlas):
    landing = atlas.json("/ogc")
    for link in links(landing, "service-desc") + links(landing, "service-doc"):
        answer = requests.get(link["href"], headers={"accept": link["type"]}, timeout=60)
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0]


def test_core_api_definition_success(openapi):
    validate(openapi)


def test_core_conformance_op(atlas):
    link = links(atlas.json("/ogc"), "conformance")[0]
    assert requests.get(link["href"], timeout=60).status_code == 200


def test_core_conformance_success(atlas):
    classes = atlas.json("/ogc/conformance")["conformsTo"]
    assert {FEATURES_1 + name for name in ("core", "geojson", "html", "oas30")} <= set(classes)
    assert "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in classes
    assert len(classes) == len(set(classes))


# ---- Part 1, core: collections ----


def test_core_fc_md_op(atlas):
    assert requests.get(links(atlas.json("/ogc"), "data")[0]["href"], timeout=60).status_code == 200


def test_core_fc_md_success(atlas):
    document = atlas.json("/ogc/collections")
    assert [collection["id"] for collection in document["collections"]] == list(COLLECTIONS)


def test_core_fc_md_links(atlas):
    assert_links(atlas.json("/ogc/collections"), "self", "alternate")


def test_core_fc_md_items(atlas):
    for collection in atlas.json("/ogc/collections")["collections"]:
        assert {"id", "title", "description", "links", "itemType", "crs"} <= set(collection)
        # what is empty lies nowhere
        empty = atlas.json(f"/ogc/collections/{collection['id']}/items", limit=1)["numberMatched"] == 0
        assert ("extent" in collection) != empty


def test_core_fc_md_items_links(atlas):
    for collection in atlas.json("/ogc/collections")["collections"]:
        items = links(collection, "items")
        assert {"application/geo+json", "text/html"} <= {link["type"] for link in items}
        for link in items:
            assert requests.get(link["href"], timeout=60).status_code == 200


def test_core_fc_md_extent(atlas):
    for collection in atlas.json("/ogc/collections")["collections"]:
        features = atlas.json(f"/ogc/collections/{collection['id']}/items", limit=1000)["features"]
        if features:
            extent = box(*collection["extent"]["spatial"]["bbox"][0])
            assert extent.equals(box(*shapely.unary_union([shape(each["geometry"]) for each in features]).bounds))


def test_core_fc_md_extent_multi(atlas):
    for collection in atlas.json("/ogc/collections")["collections"]:
        boxes = collection.get("extent", {"spatial": {"bbox": []}})["spatial"]["bbox"]
        # where there are several, the first covers the others
        assert all(box(*boxes[0]).covers(box(*part)) for part in boxes[1:])


def test_core_sfc_md_op(atlas):
    for name in COLLECTIONS:
        assert atlas.get(f"/ogc/collections/{name}").status_code == 200
    assert atlas.get("/ogc/collections/nothing").status_code == 404


def test_core_sfc_md_success(atlas):
    for listed in atlas.json("/ogc/collections")["collections"]:
        assert atlas.json(f"/ogc/collections/{listed['id']}") == listed


# ---- Part 1, core: features ----


def test_core_fc_op(atlas):
    for name in COLLECTIONS:
        answer = atlas.get(f"/ogc/collections/{name}/items")
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/geo+json"


def test_core_fc_bbox_definition(openapi):
    given = parameter(openapi, ITEMS, "bbox")
    assert (given["in"], given["required"], given["style"], given["explode"]) == ("query", False, "form", False)
    schema = given["schema"]
    assert (schema["type"], schema["items"]["type"]) == ("array", "number")
    for count, is_valid in [(3, False), (4, True), (5, False), (6, True), (7, False)]:
        assert jsonschema.Draft4Validator(schema).is_valid([0] * count) == is_valid


def test_core_fc_bbox_response(atlas):
    for corners in [
        (127, 39, 128, 40),
        (-180, -90, 180, 90),
        (13.405, 52.505, 13.5, 52.6),
        (0, 0, 0, 0),
        (-60, -40, 14, 53),
    ]:
        area = box(*corners)
        expected = atlas.that(lambda _, outline, area=area: outline.intersects(area))
        assert atlas.ids(bbox=",".join(map(str, corners))) == expected, corners
    # the upper right half of a triangle's bounds is not the triangle
    assert atlas.ids(bbox="127.6071,39.9071,127.6099,39.9099") == set()
    assert atlas.ids(bbox="127.6,39.9,127.604,39.904")


def test_core_fc_bbox_across_the_antimeridian_and_with_heights(atlas):
    sides = box(179, -20, 180, -10), box(-180, -20, -179, -10)
    expected = atlas.that(lambda _, outline: any(outline.intersects(side) for side in sides))
    assert atlas.ids(bbox="179,-20,-179,-10") == expected
    assert {
        feature["geometry"]["coordinates"][0][0][0] > 0 for feature in atlas.features if feature["id"] in expected
    } == {True, False}
    assert atlas.ids(bbox="179,-20,-100,-179,-10,9000") == expected
    assert atlas.get(ITEMS, bbox="127,39,9000,128,40,-100").status_code == 400


def test_core_fc_limit_definition(openapi):
    schema = parameter(openapi, ITEMS, "limit")["schema"]
    assert (schema["type"], schema["minimum"], schema["default"]) == ("integer", 1, 100)
    assert schema["maximum"] >= schema["default"]


def test_core_fc_limit_response(atlas):
    for limit, returned in [(1, 1), (5, 5), (1000, len(atlas.features)), (1_000_000, len(atlas.features))]:
        page = atlas.json(ITEMS, limit=limit)
        assert page["numberReturned"] == len(page["features"]) == returned
    for limit in ["0", "-1", "1.5", "many", ""]:
        assert atlas.get(ITEMS, limit=limit).status_code == 400, limit


def test_core_fc_time_definition(openapi):
    given = parameter(openapi, ITEMS, "datetime")
    assert (given["in"], given["required"], given["style"], given["explode"]) == ("query", False, "form", False)
    assert given["schema"]["type"] == "string"


def test_core_fc_time_response(atlas):
    def meets(low: str, high: str):
        def check(properties: dict, _) -> bool:
            return properties["start_datetime"] <= high and (properties["end_datetime"] or "9999") >= low

        return atlas.that(check)

    first, last = "2017-01-01T00:00:00Z", "2018-12-31T00:00:00Z"
    assert atlas.ids(datetime=f"{first}/{last}") == meets(first, last)
    assert atlas.ids(datetime=f"../{first}") == atlas.ids(datetime=f"/{first}") == meets("0000", first)
    assert atlas.ids(datetime=f"{last}/..") == atlas.ids(datetime=f"{last}/") == meets(last, "9999")
    assert atlas.ids(datetime=last) == meets(last, last)
    # the ends count
    assert atlas.ids(datetime="2015-03-01T00:00:00Z") == meets("2015-03-01T00:00:00Z", "2015-03-01T00:00:00Z") != set()


def test_core_fc_response(atlas):
    page = atlas.json(ITEMS, bbox="127,39,128,40", datetime="2015-01-01T00:00:00Z/..", limit=3, title="Assembly hall")
    assert page["type"] == "FeatureCollection" and page["features"]
    for feature in page["features"]:
        assert feature["properties"]["title"] == "Assembly hall"
        assert shape(feature["geometry"]).intersects(box(127, 39, 128, 40))


def test_core_fc_links(atlas):
    page = atlas.json(ITEMS, limit=10, confidence="high")
    assert_links(page, "self", "alternate", "next")
    assert links(page, "alternate")[0]["type"] == "text/html"
    assert requests.get(links(page, "self")[0]["href"], timeout=60).json() == page
    second = requests.get(links(page, "next")[0]["href"], timeout=60).json()
    back = requests.get(links(second, "prev")[0]["href"], timeout=60).json()
    assert back["features"] == page["features"]


def test_core_fc_timeStamp(atlas):
    # it may be left out; where it is given it is a time
    stamp = atlas.json(ITEMS).get("timeStamp")
    assert stamp is None or re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", stamp)


def test_core_fc_numberMatched(atlas):
    assert atlas.json(ITEMS, limit=1)["numberMatched"] == len(atlas.features)
    depot = atlas.that(lambda properties, _: properties["site"] == "depot")
    assert atlas.json(ITEMS, limit=1, site="depot")["numberMatched"] == len(depot)


def test_core_fc_numberReturned(atlas):
    for offset in (0, 40, len(atlas.features) - 1, 1000):
        page = atlas.json(ITEMS, limit=10, offset=offset)
        assert page["numberReturned"] == len(page["features"]) == max(0, min(10, len(atlas.features) - offset))


def test_core_f_op(atlas):
    for feature in itertools.islice(atlas.features, 3):
        answer = atlas.get(f"{ITEMS}/{feature['id']}")
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/geo+json"
    assert atlas.get(f"{ITEMS}/nothing").status_code == 404


def test_core_f_success(atlas):
    for feature in atlas.features:
        single = atlas.json(f"{ITEMS}/{feature['id']}")
        single.pop("links")
        assert single == feature


def test_core_f_links(atlas):
    single = atlas.json(f"{ITEMS}/{atlas.features[0]['id']}")
    assert_links(single, "self", "alternate", "collection")
    for link in single["links"]:
        answer = requests.get(link["href"], headers={"accept": link["type"]}, timeout=60)
        assert answer.headers["content-type"].split(";")[0] == link["type"]


def test_core_crs84(atlas):
    answer = atlas.get(ITEMS, bbox="13,52,14,53")
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    for feature in answer.json()["features"]:
        for longitude, latitude in feature["geometry"]["coordinates"][0]:
            assert 13 < longitude < 14 and 52 < latitude < 53


def test_core_query_param_unknown(atlas):
    for path in [
        "/ogc",
        "/ogc/conformance",
        "/ogc/collections",
        "/ogc/collections/sites",
        ITEMS,
        f"{ITEMS}/{atlas.features[0]['id']}",
    ]:
        answer = atlas.get(path, unknown="1")
        assert answer.status_code == 400, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["parameter"] == "unknown"


@pytest.mark.parametrize(
    "name, value",
    [
        ("bbox", "1,2,3"), ("bbox", "1,2,3,4,5"), ("bbox", "1,2,three,4"), ("bbox", "0,10,1,5"), ("bbox", "0,0,0,91"),
        ("bbox", "NaN,0,1,1"), ("bbox", ""), ("limit", "0"), ("limit", "ten"), ("offset", "-1"), ("cursor", "page-2"),
        ("datetime", "yesterday"), ("datetime", "2020-13-01T00:00:00Z"), ("datetime", "2021-01-01T00:00:00Z/2020-01-01T00:00:00Z"),
        ("datetime", "../.."), ("crs", "EPSG:4326"), ("bbox-crs", EPSG + "2056"), ("filter", "title ="), ("filter", "colour = 'red'"),
        ("filter-lang", "sql"), ("f", "gml"), ("change", "moved"), ("area_m2", "large"),
    ],
)  # fmt: skip
def test_core_query_param_invalid(atlas, name, value):
    asked = {name: value} | ({"filter": "id = 'a'"} if name == "filter-lang" else {})
    asked |= {"bbox": "0,0,1,1"} if name == "bbox-crs" else {}
    answer = atlas.get(ITEMS, **asked)
    assert answer.status_code == 400, answer.text
    assert answer.json()["parameter"] == name
    twice = requests.get(f"{atlas.url}{ITEMS}?limit=1&limit=1", timeout=60)
    assert (twice.status_code, twice.json()["parameter"]) == (400, "limit")


# ---- Part 1, encodings and OpenAPI ----


def test_geojson_definition(openapi):
    for path in (ITEMS, ITEMS + "/{id}"):
        assert "application/geo+json" in openapi["paths"][path]["get"]["responses"]["200"]["content"]


def test_geojson_content(atlas, openapi):
    for path in (ITEMS, f"{ITEMS}/{atlas.features[0]['id']}"):
        document = atlas.json(path)
        name = document["type"]
        resolved = {"components": openapi["components"], "$ref": f"#/components/schemas/{name}"}
        jsonschema.validate(document, resolved, cls=jsonschema.Draft4Validator)
    for feature in atlas.features:
        outline = shape(feature["geometry"])
        assert outline.is_valid and outline.exterior.is_ccw


def test_html_definition(openapi):
    for path in ("/ogc", "/ogc/collections", ITEMS, ITEMS + "/{id}"):
        assert "text/html" in openapi["paths"][path]["get"]["responses"]["200"]["content"]


def test_html_content(atlas):
    for path in (
        "/ogc",
        "/ogc/conformance",
        "/ogc/collections",
        "/ogc/collections/annotations",
        ITEMS,
        f"{ITEMS}/{atlas.features[0]['id']}",
    ):
        answer = requests.get(atlas.url + path, headers={"accept": "text/html"}, timeout=60)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.text.startswith("<!doctype html>") and "<h1>" in answer.text
        assert "http" in answer.text.split("<h1>")[1], "links to follow"


def test_oas30_completeness(atlas, openapi):
    for path in ("/ogc", "/ogc/conformance", "/ogc/collections", "/ogc/collections/{collection}"):
        assert "get" in openapi["paths"][path]
    for name in COLLECTIONS:
        assert "get" in openapi["paths"][f"/ogc/collections/{name}/items"]
        assert "get" in openapi["paths"][f"/ogc/collections/{name}/items/{{id}}"]


def test_oas30_exceptions_codes(atlas, openapi):
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            # where a scene is asked for by WMTS, errors are OWS exception reports
            told = ["Problem", "ExceptionReport"] if "wmts" in path.lower() else ["Problem"]
            assert operation["responses"]["default"]["$ref"].removeprefix("#/components/responses/") in told, (
                method,
                path,
            )
    problem = openapi["components"]["schemas"]["Problem"]
    for answer in (
        atlas.get(ITEMS, limit=0),
        atlas.get("/ogc/collections/nothing"),
        requests.delete(atlas.url + "/ogc", timeout=60),
    ):
        assert answer.status_code >= 400
        jsonschema.validate(answer.json(), problem)


def test_oas30_oas_definition_1(atlas):
    link = links(atlas.json("/ogc"), "service-desc")[0]
    answer = requests.get(link["href"], timeout=60)
    assert link["type"] == answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"


def test_oas30_oas_definition_2(openapi):
    assert openapi["openapi"].startswith("3.0.")
    validate(openapi)
    remote = [part for part in str(openapi).split("'$ref': '")[1:] if not part.startswith("#/")]
    assert not remote, "the document is whole in itself"


def test_oas30_oas_impl(atlas, openapi):
    # schemathesis does this for all of it; here the plain reading of every address without variables
    for path, item in openapi["paths"].items():
        if "{" in path or "get" not in item or path == "/api/events":
            continue
        if any(given.get("required") for given in item["get"].get("parameters", [])):
            continue
        answer = atlas.get(path)
        assert answer.status_code == 200, path
        kinds = [kind.split(";")[0] for kind in item["get"]["responses"]["200"].get("content", {})]
        assert not kinds or answer.headers["content-type"].split(";")[0] in kinds, path


def test_oas30_security(openapi):
    scheme = openapi["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert {"token": []} in openapi["security"]


# ---- Part 2 ----


def test_crs_crs_uri(atlas):
    for collection in atlas.json("/ogc/collections")["collections"]:
        for uri in [*collection["crs"], collection["storageCrs"]]:
            assert re.fullmatch(r"http://www\.opengis\.net/def/crs/(OGC/1\.3/CRS84|EPSG/0/\d+)", uri)


def test_crs_default_crs(atlas):
    for collection in atlas.json("/ogc/collections")["collections"]:
        assert collection["crs"][0] == CRS84


def test_crs_storageCrs(atlas):
    for collection in atlas.json("/ogc/collections")["collections"]:
        assert collection["storageCrs"] in collection["crs"]


def test_crs_crs_parameter(atlas):
    for uri in [CRS84, EPSG + "4326", EPSG + "3857", EPSG + "32652", EPSG + "32733"]:
        for path in (ITEMS, f"{ITEMS}/{atlas.features[0]['id']}"):
            answer = atlas.get(path, crs=uri) if path != ITEMS else atlas.get(path, crs=uri, bbox="127,39,128,40")
            assert (answer.status_code, answer.headers["content-crs"]) == (200, f"<{uri}>")


def test_crs_crs_parameter_invalid(atlas):
    for uri in [EPSG + "999999", "EPSG:3857", "urn:ogc:def:crs:EPSG::3857", ""]:
        for path in (ITEMS, f"{ITEMS}/{atlas.features[0]['id']}"):
            assert atlas.get(path, crs=uri).status_code == 400, uri


def test_crs_crs_parameter_default(atlas):
    plain, asked = atlas.json(ITEMS, limit=100), atlas.json(ITEMS, limit=100, crs=CRS84)
    assert plain["features"] == asked["features"]


@pytest.mark.parametrize("code, corners", [(4326, (-180, -90, 180, 90)), (3857, (-180, -85, 180, 85)), (32652, (126, 35, 132, 45)), (32721, (-60, -40, -54, -30))])  # fmt: skip
def test_crs_crs_parameter_transform(atlas, code, corners):
    # PROJ through pyproj judges; EPSG:4326 has its own axis order
    turn = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{code}")
    asked = {"bbox": ",".join(map(str, corners)), "limit": 100}
    plain = atlas.json(ITEMS, **asked)["features"]
    turned = atlas.json(ITEMS, **asked, crs=f"{EPSG}{code}")["features"]
    assert [feature["id"] for feature in plain] == [feature["id"] for feature in turned] and plain
    for before, after in zip(plain, turned, strict=True):
        rings = (each["geometry"]["coordinates"][0] for each in (before, after))
        for given, got in zip(*rings, strict=True):
            assert turn.transform(*given) == pytest.approx(got, abs=1e-3)


@pytest.mark.parametrize("code, corners", [(4326, (52, 13, 53, 14)), (3857, (14e6, 4e6, 14.3e6, 5e6)), (32652, (379000, 4416000, 385000, 4420000)), (32601, (150000, 8000000, 850000, 8300000)), (32760, (500000, 8000000, 850000, 8300000))])  # fmt: skip
def test_crs_bbox_crs_parameter(atlas, code, corners):
    turn = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{code}")
    area = box(*corners)

    def meets(_, outline) -> bool:
        turned = [turn.transform(*at) for at in outline.exterior.coords]
        return shape({"type": "Polygon", "coordinates": [turned]}).intersects(area)

    # what lies on the other side of the earth has no place in a UTM zone
    near = atlas.that(
        lambda _, outline: code < 32000 or abs((outline.centroid.x - (code % 100 * 6 - 183) + 180) % 360 - 180) < 30
    )
    expected = {id for id in atlas.that(meets) if id in near}
    assert atlas.ids(bbox=",".join(map(str, corners)), **{"bbox-crs": f"{EPSG}{code}"}) == expected


def test_crs_bbox_crs_parameter_invalid(atlas):
    for uri in [EPSG + "999999", "EPSG:4326", ""]:
        assert atlas.get(ITEMS, bbox="0,0,1,1", **{"bbox-crs": uri}).status_code == 400


def test_crs_bbox_crs_parameter_default(atlas):
    assert atlas.ids(bbox="13,52,14,53") == atlas.ids(bbox="13,52,14,53", **{"bbox-crs": CRS84})
