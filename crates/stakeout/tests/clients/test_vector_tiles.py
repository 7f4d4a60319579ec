"""Vector tiles, read by GDAL and by Mapbox's own decoder."""

import json
import subprocess

import mapbox_vector_tile
import mercantile
import requests
from shapely.geometry import box, shape

TILES = "/ogc/collections/annotations/tiles"
SET = f"{TILES}/WebMercatorQuad"


def tile_at(atlas, longitude: float, latitude: float, zoom: int) -> tuple[mercantile.Tile, requests.Response]:
    tile = mercantile.tile(longitude, latitude, zoom)
    return tile, atlas.get(f"{SET}/{tile.z}/{tile.y}/{tile.x}")


def test_every_feature_is_in_its_tile_at_every_zoom(atlas):
    for zoom in range(0, 23, 2):
        for feature in atlas.features:
            inside = shape(feature["geometry"]).representative_point()
            tile, answer = tile_at(atlas, inside.x, inside.y, zoom)
            assert answer.status_code == 200, tile
            assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
            layer = mapbox_vector_tile.decode(answer.content)["annotations"]
            assert layer["version"] == 2 and layer["extent"] == 4096
            assert feature["id"] in {decoded["properties"]["id"] for decoded in layer["features"]}, tile


def test_outlines_and_properties_come_out_as_they_went_in(atlas):
    feature = atlas.features[0]
    outline = shape(feature["geometry"])
    tile, answer = tile_at(atlas, outline.centroid.x, outline.centroid.y, 12)
    bounds = mercantile.bounds(tile)
    layer = mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True})["annotations"]
    [decoded] = [decoded for decoded in layer["features"] if decoded["properties"]["id"] == feature["id"]]
    for name in ("title", "site", "area_m2", "start_datetime", "revision"):
        assert decoded["properties"][name] == feature["properties"][name]
    assert "note" not in decoded["properties"], "what is null is left out"
    # a unit of the tile is the accuracy
    unit = (bounds.east - bounds.west) / 4096
    turned = [
        (bounds.west + x * unit, bounds.north - y * (bounds.north - bounds.south) / 4096)
        for x, y in decoded["geometry"]["coordinates"][0]
    ]
    drawn = shape({"type": "Polygon", "coordinates": [turned]})
    visible = outline.intersection(box(*bounds).buffer(64 * unit, join_style="mitre"))
    assert drawn.symmetric_difference(visible).area < 0.01 * visible.area


def test_gdal_reads_a_tile(atlas, tmp_path):
    tile, answer = tile_at(atlas, 127.603, 39.903, 10)
    path = tmp_path / "10" / str(tile.x) / f"{tile.y}.mvt"
    path.parent.mkdir(parents=True)
    path.write_bytes(answer.content)
    run = subprocess.run(["ogrinfo", "-ro", "-al", path], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and "ERROR" not in run.stderr, run.stderr
    layer = mapbox_vector_tile.decode(answer.content)["annotations"]
    assert f"Feature Count: {len(layer['features'])}" in run.stdout
    assert "structure_type (String) = assembly-hall" in run.stdout


def test_tiles_have_strong_validators_and_take_filters(atlas):
    tile, answer = tile_at(atlas, 127.603, 39.903, 6)
    again = requests.get(answer.url, headers={"if-none-match": answer.headers["etag"]}, timeout=60)
    assert (again.status_code, again.content) == (304, b"")
    found = mapbox_vector_tile.decode(answer.content)["annotations"]["features"]
    some = atlas.get(f"{SET}/{tile.z}/{tile.y}/{tile.x}", filter="change = 'new'")
    fewer = mapbox_vector_tile.decode(some.content)["annotations"]["features"]
    assert {feature["properties"]["change"] for feature in fewer} == {"new"}
    assert 0 < len(fewer) < len(found)
    assert answer.headers["stakeout-features-left-out"] == "0"


def test_where_nothing_is_there_is_no_tile(atlas):
    assert tile_at(atlas, -120.0, 10.0, 8)[1].status_code == 204
    for address in ("0/0/1", "1/2/0", "23/0/0", "0/0/x", "0/0/-1"):
        assert atlas.get(f"{SET}/{address}").status_code == 404, address
    assert atlas.get(f"{SET}/0/0/0", f="png").status_code == 400
    assert atlas.get("/ogc/collections/sites/tiles").status_code == 404


def test_the_tile_set_is_found_from_the_landing_page(atlas):
    links = atlas.json("/ogc/collections/annotations")["links"]
    [tilesets] = [link["href"] for link in links if link["rel"].endswith("/tilesets-vector")]
    [summary] = atlas.json(tilesets)["tilesets"]
    [own] = [link["href"] for link in summary["links"] if link["rel"] == "self"]
    tileset = atlas.json(own)
    assert tileset["dataType"] == "vector" and tileset["crs"].endswith("/EPSG/0/3857")
    [item] = [link for link in tileset["links"] if link["rel"] == "item"]
    address = item["href"].format(tileMatrix=0, tileRow=0, tileCol=0)
    assert item["templated"] and requests.get(address, timeout=60).status_code == 200
    [scheme] = [link["href"] for link in tileset["links"] if link["rel"].endswith("/tiling-scheme")]
    matrices = atlas.json(scheme)["tileMatrices"]
    assert (matrices[1]["matrixWidth"], matrices[22]["matrixHeight"]) == (2, 1 << 22)
    assert abs(matrices[0]["scaleDenominator"] - 559_082_264.029) < 0.01
    [described] = [link["href"] for link in tileset["links"] if "TileJSON" in link["title"]]
    tilejson = atlas.json(described)
    [layer] = tilejson["vector_layers"]
    assert layer["id"] == "annotations" and {"title", "structure_type"} <= set(layer["fields"])
    assert requests.get(tilejson["tiles"][0].format(z=0, y=0, x=0), timeout=60).status_code == 200
    assert json.dumps(tilejson)
