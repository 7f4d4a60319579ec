"""GDAL, QGIS, OWSLib and morecantile read the imagery, and see the pixels that were uploaded."""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import morecantile
import numpy
import pytest
import requests
from owslib.wmts import WebMapTileService

# values as they are; the comma as GDAL's connection strings need it
PLAIN = "stretch=0%2C255"
TILE_PX = 256


def gdal(tool: str, *arguments, folder: Path) -> str:
    """Runs one of GDAL's tools, whose cache of fetched tiles stays in the folder."""
    environment = os.environ | {"GDAL_DEFAULT_WMS_CACHE_PATH": str(folder / "cache"), "XDG_CACHE_HOME": str(folder)}
    run = subprocess.run(
        [tool, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=environment, cwd=folder
    )
    assert run.returncode == 0, run.stderr
    assert "ERROR" not in run.stderr, run.stderr
    return run.stdout


def pixels(file: Path | str, folder: Path, *options) -> numpy.ndarray:
    """The first three bands of whatever GDAL can open, as rows x columns x 3."""
    raw = folder / f"pixels-{len(list(folder.iterdir()))}.raw"
    bands = [text for band in (1, 2, 3) for text in ("-b", band)]
    gdal("gdal_translate", "-q", "-of", "ENVI", "-co", "INTERLEAVE=BIP", *bands, *options, file, raw, folder=folder)
    size = json.loads(gdal("gdalinfo", "-json", raw, folder=folder))["size"]
    return numpy.fromfile(raw, dtype=numpy.uint8).reshape(size[1], size[0], 3)


@pytest.fixture(scope="session")
def source(server, tmp_path_factory) -> numpy.ndarray:
    return pixels(server.fixture / "before.tif", tmp_path_factory.mktemp("source"))


def test_gdal_reads_the_scene_over_wmts_pixel_by_pixel(server, source, tmp_path):
    address = f"WMTS:{server.url}/tiles/{server.before}/WMTSCapabilities.xml?{PLAIN}"
    info = json.loads(gdal("gdalinfo", "-json", f"{address},tilematrixset={server.before}", folder=tmp_path))
    assert "UTM zone 52N" in info["coordinateSystem"]["wkt"]
    original = json.loads(gdal("gdalinfo", "-json", server.fixture / "before.tif", folder=tmp_path))
    left, top = original["cornerCoordinates"]["upperLeft"]
    right, bottom = original["cornerCoordinates"]["lowerRight"]
    window = ("-projwin", left, top, right, bottom)
    served = pixels(f"{address},tilematrixset={server.before}", tmp_path, *window)
    assert served.shape == source.shape
    assert (served == source).all()


def test_gdal_reads_web_mercator_where_the_scene_lies(server, source, tmp_path):
    address = f"WMTS:{server.url}/tiles/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&{PLAIN}"
    layer = f"{address},layer={server.before},tilematrixset=WebMercatorQuad"
    warped = tmp_path / "warped.tif"
    original = server.fixture / "before.tif"
    info = json.loads(gdal("gdalinfo", "-json", original, folder=tmp_path))
    (left, top), (right, bottom) = (info["cornerCoordinates"][corner] for corner in ("upperLeft", "lowerRight"))
    # a quarter of the scene, back in its own grid
    target = ("-t_srs", "EPSG:32652", "-r", "bilinear", "-tr", 0.5, 0.5)
    extent = (
        "-te",
        left + (right - left) / 4,
        bottom + (top - bottom) / 4,
        left + (right - left) / 2,
        bottom + (top - bottom) / 2,
    )
    gdal("gdalwarp", "-q", *target, *extent, layer, warped, folder=tmp_path)
    served = pixels(warped, tmp_path).astype(float)
    rows, cols, _ = source.shape
    expected = source[rows // 2 : rows // 2 + served.shape[0], cols // 4 : cols // 4 + served.shape[1]].astype(float)
    agree = numpy.corrcoef(served.mean(axis=2).ravel(), expected.mean(axis=2).ravel())[0, 1]
    # two warps blur, but a shift by one pixel would be worse
    assert agree > 0.9, agree
    shifted = numpy.corrcoef(served.mean(axis=2)[:, 2:].ravel(), expected.mean(axis=2)[:, :-2].ravel())[0, 1]
    assert agree > shifted


def test_qgis_shows_the_scene_over_wmts_pixel_by_pixel(server, source, tmp_path):
    script = Path(__file__).parent / "qgis" / "show_tiles.py"
    capabilities = f"{server.url}/tiles/{server.before}/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&stretch=0,255"
    uri = (
        f"crs=EPSG:32652&dpiMode=7&format=image/png&layers={server.before}&styles=default"
        f"&tileMatrixSet={server.before}&url={quote(capabilities, safe='')}"
    )
    picture = tmp_path / "shown.png"
    info = json.loads(gdal("gdalinfo", "-json", server.fixture / "before.tif", folder=tmp_path))
    corner = [str(number) for number in info["cornerCoordinates"]["upperLeft"]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    run = subprocess.run(
        ["/usr/bin/python3", script, uri, *corner, str(2 * TILE_PX), picture],
        env=environment | {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert run.returncode == 0, run.stderr
    layer = json.loads(run.stdout.splitlines()[-1])
    assert layer["valid"], layer["error"]
    shown = pixels(picture, tmp_path)
    expected = source[: 2 * TILE_PX, : 2 * TILE_PX]
    assert abs(shown.astype(int) - expected.astype(int)).mean() < 0.5


def test_owslib_finds_both_scenes_and_fetches_a_tile(server):
    service = WebMapTileService(f"{server.url}/tiles/wmts?site=plant")
    assert {server.before, server.after} <= set(service.contents)
    layer = service.contents[server.before]
    assert set(layer.formats) == {"image/png", "image/jpeg", "image/webp"}
    limits = layer.tilematrixsetlinks["WebMercatorQuad"].tilematrixlimits["16"]
    tile = service.gettile(
        layer=server.before,
        tilematrixset="WebMercatorQuad",
        tilematrix="16",
        row=limits.mintilerow,
        column=limits.mintilecol,
        format="image/png",
    )
    assert tile.read()[:8] == b"\x89PNG\r\n\x1a\n"


def test_morecantile_agrees_on_both_tile_matrix_sets(server):
    served = morecantile.TileMatrixSet.model_validate(server.get("/ogc/tileMatrixSets/WebMercatorQuad"))
    known = morecantile.tms.get("WebMercatorQuad")
    for zoom in range(24):
        ours, theirs = served.matrix(zoom), known.matrix(zoom)
        assert ours.scaleDenominator == pytest.approx(theirs.scaleDenominator, rel=1e-9)
        assert (ours.matrixWidth, ours.pointOfOrigin) == (theirs.matrixWidth, pytest.approx(theirs.pointOfOrigin))
    own = morecantile.TileMatrixSet.model_validate(server.get(f"/ogc/tileMatrixSets/{server.before}"))
    assert own.crs.to_epsg() == 32652
    item = server.get(f"/stac/collections/plant/items/{server.before}")
    west, south, east, north = item["bbox"]
    zoom = own.maxzoom
    tile = own.tile((west + east) / 2, (south + north) / 2, zoom)
    assert requests.get(
        f"{server.url}/tiles/{server.before}/{server.before}/{zoom}/{tile.y}/{tile.x}.png", timeout=60
    ).ok


def test_a_client_finds_its_way_from_the_landing_page_to_a_tile(server):
    def link(document: dict, rel: str) -> str:
        return next(link["href"] for link in document["links"] if link["rel"].endswith(rel)).removeprefix(server.url)

    tilesets = server.get(link(server.get("/ogc"), "tilesets-map"))["tilesets"]
    mercator = next(
        one
        for one in tilesets
        if server.after in link(one, "self") and "WebMercatorQuad" in one.get("tileMatrixSetURI", "")
    )
    tileset = server.get(link(mercator, "self"))
    assert server.get(link(tileset, "tiling-scheme"))["id"] == "WebMercatorQuad"
    limits = tileset["tileMatrixSetLimits"][-1]
    template = link(tileset, "item")
    path = (
        template.replace("{tileMatrix}", limits["tileMatrix"])
        .replace("{tileRow}", str(limits["minTileRow"]))
        .replace("{tileCol}", str(limits["minTileCol"]))
    )
    tile = requests.get(server.url + path, timeout=60)
    assert tile.ok and tile.headers["Content-Type"] == "image/png"
    assert "immutable" in tile.headers["Cache-Control"]
    beyond = path.replace(f"/{limits['minTileRow']}/", f"/{limits['maxTileRow'] + 1}/")
    assert requests.get(server.url + beyond, timeout=60).status_code == 404
