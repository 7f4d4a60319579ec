"""CQL2 (OGC 21-065r2) by its classes: expressions of each kind, what they find told by Python and shapely."""

import json
import unicodedata

import pytest
from shapely.geometry import LineString, MultiPoint, Point, Polygon, box

ANNEX = "assembly annex"


def plain(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def start(properties: dict) -> str:
    return properties["start_datetime"]


def end(properties: dict) -> str:
    # an open end is after all others
    return properties["end_datetime"] or "9999"


TRIANGLE = Polygon([(127.6, 39.9), (127.61, 39.9), (127.6, 39.91)])
NEAR = box(127.0, 39.0, 128.0, 40.0)

EXPRESSIONS = {
    # basic CQL2
    "title = 'Assembly hall'": lambda p, g: p["title"] == "Assembly hall",
    "title <> 'Assembly hall'": lambda p, g: p["title"] != "Assembly hall",
    "area_m2 > 600000": lambda p, g: p["area_m2"] > 600000,
    "area_m2 >= 400000.5 AND area_m2 <= 5e5": lambda p, g: 400000.5 <= p["area_m2"] <= 5e5,
    "revision = 1": lambda p, g: True,
    "revision < 1": lambda p, g: False,
    "note IS NULL": lambda p, g: p["note"] is None,
    "note IS NOT NULL": lambda p, g: p["note"] is not None,
    "NOT (change = 'new')": lambda p, g: p["change"] != "new",
    "change = 'new' OR change = 'removed' AND site = 'depot'": lambda p, g: p["change"] == "new" or (p["change"] == "removed" and p["site"] == "depot"),
    "(change = 'new' OR change = 'removed') AND site = 'depot'": lambda p, g: p["change"] in ("new", "removed") and p["site"] == "depot",
    "title = 'Bunker O''Neill'": lambda p, g: p["title"] == "Bunker O'Neill",
    "end_datetime > TIMESTAMP('2020-01-01T00:00:00Z')": lambda p, g: p["end_datetime"] is not None and p["end_datetime"] > "2020",
    "start_datetime = DATE('2018-03-01')": lambda p, g: start(p).startswith("2018-03-01"),
    "TRUE": lambda p, g: True,
    "FALSE": lambda p, g: False,
    # advanced comparison
    "title LIKE 'Assembly%'": lambda p, g: p["title"].startswith("Assembly"),
    "title LIKE '%a_n%'": lambda p, g: "ann" in p["title"],
    r"title LIKE '100\%%'": lambda p, g: p["title"].startswith("100%"),
    "title NOT LIKE '%hall'": lambda p, g: not p["title"].endswith("hall"),
    "area_m2 BETWEEN 400000 AND 700000": lambda p, g: 400000 <= p["area_m2"] <= 700000,
    "area_m2 NOT BETWEEN 400000 AND 700000": lambda p, g: not 400000 <= p["area_m2"] <= 700000,
    "structure_type IN ('power', 'bunker')": lambda p, g: p["structure_type"] in ("power", "bunker"),
    "structure_type NOT IN ('power', 'bunker')": lambda p, g: p["structure_type"] not in ("power", "bunker"),
    # case and accents
    "CASEI(title) = CASEI('ASSEMBLY HALL')": lambda p, g: p["title"].lower() == "assembly hall",
    "CASEI(title) LIKE CASEI('ASSEMBLY%')": lambda p, g: p["title"].lower().startswith("assembly"),
    "CASEI(title) IN (CASEI('lagerhaus'), CASEI('ASSEMBLY annex'))": lambda p, g: p["title"].lower() in ("lagerhaus", ANNEX),
    "ACCENTI(title) = ACCENTI('Warmekraftwerk')": lambda p, g: plain(p["title"]) == "Warmekraftwerk",
    "ACCENTI(CASEI(title)) LIKE 'warme%'": lambda p, g: plain(p["title"].lower()).startswith("warme"),
    # spatial functions
    "S_INTERSECTS(geometry, BBOX(127, 39, 128, 40))": lambda p, g: g.intersects(NEAR),
    "S_INTERSECTS(geometry, POINT(127.602 39.902))": lambda p, g: g.intersects(Point(127.602, 39.902)),
    "S_INTERSECTS(geometry, POLYGON((127.6071 39.9071, 127.6099 39.9071, 127.6099 39.9099, 127.6071 39.9071)))": lambda p, g: False,
    "S_INTERSECTS(geometry, LINESTRING(13 52.505, 14 52.505))": lambda p, g: g.intersects(LineString([(13, 52.505), (14, 52.505)])),
    "S_INTERSECTS(geometry, MULTIPOINT((0.001 0.001), (25.001 71.001)))": lambda p, g: g.intersects(MultiPoint([(0.001, 0.001), (25.001, 71.001)])),
    "S_DISJOINT(geometry, BBOX(127, 39, 128, 40))": lambda p, g: g.disjoint(NEAR),
    "S_WITHIN(geometry, BBOX(127, 39, 128, 40))": lambda p, g: g.within(NEAR),
    "S_CONTAINS(geometry, POINT(127.602 39.902))": lambda p, g: g.contains(Point(127.602, 39.902)),
    "S_TOUCHES(geometry, POINT(127.6 39.9))": lambda p, g: g.touches(Point(127.6, 39.9)),
    "S_CROSSES(geometry, LINESTRING(127.5 39.904, 127.7 39.904))": lambda p, g: LineString([(127.5, 39.904), (127.7, 39.904)]).crosses(g),
    "S_OVERLAPS(geometry, BBOX(127.605, 39.8, 127.7, 39.95))": lambda p, g: g.overlaps(box(127.605, 39.8, 127.7, 39.95)),
    "S_EQUALS(geometry, POLYGON((127.6 39.91, 127.6 39.9, 127.61 39.9, 127.6 39.91)))": lambda p, g: g.equals(TRIANGLE),
    "S_INTERSECTS(geometry, BBOX(179, -18, -179, -16))": lambda p, g: g.intersects(box(179, -18, 180, -16)) or g.intersects(box(-180, -18, -179, -16)),
    # temporal functions
    "T_AFTER(start_datetime, TIMESTAMP('2019-01-01T00:00:00Z'))": lambda p, g: start(p) > "2019",
    "T_BEFORE(start_datetime, DATE('2019-01-01'))": lambda p, g: start(p) < "2019",
    "T_DURING(INTERVAL(start_datetime, end_datetime), INTERVAL('2016-01-01', '2020-01-01'))": lambda p, g: p["end_datetime"] is not None and start(p) > "2016" and end(p) < "2020",
    "T_INTERSECTS(INTERVAL(start_datetime, end_datetime), INTERVAL('2016-05-01', '2016-07-01'))": lambda p, g: p["end_datetime"] is not None and start(p) <= "2016-07-01T99" and end(p) >= "2016-05-01",
    "T_EQUALS(start_datetime, TIMESTAMP('2017-03-01T00:00:00Z'))": lambda p, g: start(p) == "2017-03-01T00:00:00Z",
    "T_DISJOINT(start_datetime, INTERVAL('2016-01-01', '2018-12-31'))": lambda p, g: not "2016" <= start(p) <= "2019",
    "T_STARTS(INTERVAL(start_datetime, end_datetime), INTERVAL('2017-03-01T00:00:00Z', '..'))": lambda p, g: p["end_datetime"] is not None and start(p) == "2017-03-01T00:00:00Z",
    # properties on both sides, arithmetic
    "start_datetime < end_datetime": lambda p, g: p["end_datetime"] is not None,
    "created = updated": lambda p, g: True,
    "area_m2 / 1000 > 600 + 2 * 20": lambda p, g: p["area_m2"] / 1000 > 640,
    "area_m2 - revision * 100000 < 300000": lambda p, g: p["area_m2"] - 100000 < 300000,
    "revision % 2 = 1": lambda p, g: True,
    "2 ^ 3 = 8": lambda p, g: True,
    # together
    "CASEI(title) LIKE 'a%' AND S_WITHIN(geometry, BBOX(127, 39, 128, 40)) AND T_AFTER(start_datetime, DATE('2015-06-01'))": lambda p, g: p["title"].lower().startswith("a") and g.within(NEAR) and start(p) > "2015-06-01T99",
}  # fmt: skip

JSON_EXPRESSIONS = [
    ({"op": "=", "args": [{"property": "title"}, "Lagerhaus"]}, lambda p, g: p["title"] == "Lagerhaus"),
    ({"op": "and", "args": [{"op": ">", "args": [{"property": "area_m2"}, 6e5]}, {"op": "isNull", "args": [{"property": "note"}]}]},
     lambda p, g: p["area_m2"] > 6e5 and p["note"] is None),
    ({"op": "not", "args": [{"op": "in", "args": [{"property": "change"}, ["new", "altered"]]}]}, lambda p, g: p["change"] == "removed"),
    ({"op": "s_within", "args": [{"property": "geometry"}, {"bbox": [127, 39, 128, 40]}]}, lambda p, g: g.within(NEAR)),
    ({"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [127.602, 39.902]}]},
     lambda p, g: g.intersects(Point(127.602, 39.902))),
    ({"op": "t_after", "args": [{"property": "start_datetime"}, {"date": "2019-01-01"}]}, lambda p, g: start(p) > "2019-01-01T99"),
    ({"op": "t_intersects", "args": [{"property": "start_datetime"}, {"interval": ["2016-01-01", ".."]}]}, lambda p, g: start(p) >= "2016"),
    ({"op": "like", "args": [{"op": "casei", "args": [{"property": "title"}]}, {"op": "casei", "args": ["ASSEMBLY%"]}]},
     lambda p, g: p["title"].lower().startswith("assembly")),
    ({"op": "between", "args": [{"property": "area_m2"}, 4e5, 7e5]}, lambda p, g: 4e5 <= p["area_m2"] <= 7e5),
    ({"op": "<", "args": [{"op": "/", "args": [{"property": "area_m2"}, 1000]}, 500]}, lambda p, g: p["area_m2"] / 1000 < 500),
]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_text_finds_what_python_finds(atlas, expression):
    assert atlas.ids(filter=expression, limit=50) == atlas.that(EXPRESSIONS[expression])


@pytest.mark.parametrize(
    "expression, wanted", JSON_EXPRESSIONS, ids=lambda value: value.get("op") if isinstance(value, dict) else ""
)
def test_json_finds_what_python_finds(atlas, expression, wanted):
    given = {"filter": json.dumps(expression), "filter-lang": "cql2-json", "limit": 50}
    assert atlas.ids(**given) == atlas.that(wanted)


def test_lists_of_sites_are_compared_as_sets(atlas):
    def sites(expression: str) -> set[str]:
        return {site["id"] for site in atlas.json("/ogc/collections/sites/items", filter=expression)["features"]}

    assert sites("A_CONTAINS(tags, ('rail'))") == {"plant", "depot"}
    assert sites("A_CONTAINS(tags, ('rail', 'steel'))") == {"plant"}
    assert sites("A_EQUALS(tags, ('rail'))") == {"depot"}
    assert sites("A_CONTAINEDBY(tags, ('rail', 'port'))") == {"depot"}
    assert sites("A_OVERLAPS(tags, ('steel', 'port'))") == {"plant"}


def test_a_filter_in_another_crs_finds_the_same(atlas):
    epsg = "http://www.opengis.net/def/crs/EPSG/0/4326"
    turned = {"filter": "S_INTERSECTS(geometry, POLYGON((39 127, 40 127, 40 128, 39 127)))", "filter-crs": epsg}
    area = Polygon([(127, 39), (127, 40), (128, 40)])
    assert atlas.ids(**turned) == atlas.that(lambda _, outline: outline.intersects(area)) != set()


@pytest.mark.parametrize(
    "expression",
    [
        "title = ", "title == 'a'", "colour = 'red'", "title = 3", "S_INTERSECTS(geometry, 'here')", "S_NEAR(geometry, POINT(0 0))",
        "S_INTERSECTS(geometry, POLYGON((0 0, 2 2, 2 0, 0 2, 0 0)))", "T_AFTER(start_datetime, 'soon')", "title", "area_m2 + 1",
        "title = 'a'; DROP TABLE item", "evidence = 'a'", "title IN ()", "NOT " * 200 + "TRUE",
    ],
)  # fmt: skip
def test_what_is_no_filter_of_this_collection_is_refused_by_name(atlas, expression):
    answer = atlas.get("/ogc/collections/annotations/items", filter=expression)
    assert (answer.status_code, answer.json()["parameter"]) == (400, "filter"), answer.text


def test_queryables_tell_every_name_that_a_filter_may_use(atlas):
    for name in ("sites", "candidates", "annotations"):
        queryables = atlas.json(f"/ogc/collections/{name}/queryables")
        assert queryables["additionalProperties"] is False
        for queryable in queryables["properties"]:
            expression = "S_INTERSECTS(geometry, POINT(0 0))" if queryable == "geometry" else f"{queryable} IS NULL"
            assert atlas.get(f"/ogc/collections/{name}/items", filter=expression).status_code == 200, queryable
