"""Measures tiles beside TiTiler on the same working copy, and writes the table to docs/performance.md.

    measure.py BINARIES PAGE.md

BINARIES holds stakeout, make-fixture and fetch-all. Everything happens on loopback and ends by itself: a scene of
2,048 px in UTM is rendered, laid side by side to one of 8,192 px and ingested; each server is started anew for each format; the same tiles of zoom 14 to 18
are fetched in the same order over 8 connections, first each once (cold), then all of them again (warm).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from serving import Running, Stakeout, free_port, get, write_between_marks

PART_PX = 2048
PARTS = 4
PIXEL_M = 0.5
ZOOMS = range(14, 19)
TILES_A_ZOOM_MAX = 120
CONNECTIONS = 8
WARM_ROUNDS = {"stakeout": 20, "titiler": 1}
SEED = 5
FORMATS = ("png", "jpg")


class TiTiler(Running):
    def __init__(self):
        self.port = free_port()
        program = [sys.executable, "-m", "uvicorn", "titiler.application.main:app", "--workers", "2"]
        arguments = [*program, "--port", str(self.port), "--log-level", "warning", "--no-access-log"]
        # what its documentation advises for speed
        environment = {
            "GDAL_CACHEMAX": "200",
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
            "GDAL_NUM_THREADS": "ALL_CPUS",
        }
        super().__init__(arguments, f"http://127.0.0.1:{self.port}/healthz", environment)


def side_by_side(part: Path, whole: Path) -> None:
    """A scene of PARTS x PARTS copies of another."""
    upper_left = json.loads(subprocess.run(["gdalinfo", "-json", part], check=True, capture_output=True).stdout)
    west, north = upper_left["cornerCoordinates"]["upperLeft"]
    copies = []
    side_m = PART_PX * PIXEL_M
    for row in range(PARTS):
        for col in range(PARTS):
            left, top = west + col * side_m, north - row * side_m
            copies.append(whole.with_name(f"part-{row}-{col}.vrt"))
            corners = [str(number) for number in (left, top, left + side_m, top - side_m)]
            subprocess.run(["gdal_translate", "-q", "-of", "VRT", "-a_ullr", *corners, part, copies[-1]], check=True)
    together = whole.with_suffix(".vrt")
    subprocess.run(["gdalbuildvrt", "-q", together, *copies], check=True)
    options = ["-co", "TILED=YES", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2", "-co", "ZLEVEL=1"]
    subprocess.run(["gdal_translate", "-q", *options, together, whole], check=True)


def tiles_of(server: Stakeout, scene: str) -> list[tuple[int, int, int]]:
    """Tiles that the scene reaches, at most so many a zoom, in a seeded order."""
    tileset = json.loads(get(f"{server.url}/tiles/{scene}/WebMercatorQuad"))
    chance = random.Random(SEED)
    chosen = []
    for limits in tileset["tileMatrixSetLimits"]:
        zoom = int(limits["tileMatrix"])
        if zoom not in ZOOMS:
            continue
        # the scene lies askew in its box: at its corners are tiles that it does not reach, which the other refuses
        edge = 1 if limits["maxTileCol"] - limits["minTileCol"] > 4 else 0
        cols = range(limits["minTileCol"] + edge, limits["maxTileCol"] + 1 - edge)
        rows = range(limits["minTileRow"] + edge, limits["maxTileRow"] + 1 - edge)
        every = [(zoom, col, row) for col in cols for row in rows]
        chosen += chance.sample(every, min(TILES_A_ZOOM_MAX, len(every)))
    assert {zoom for zoom, _, _ in chosen} == set(ZOOMS)
    chance.shuffle(chosen)
    return chosen


def fetch(binaries: Path, port: int, paths: list[str], rounds: int) -> dict:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths))
        file.flush()
        options = ["--connections", str(CONNECTIONS), "--rounds", str(rounds)]
        run = subprocess.run(
            [binaries / "fetch-all", f"127.0.0.1:{port}", file.name, *options],
            capture_output=True,
            text=True,
            timeout=600,
        )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def measure(binaries: Path, folder: Path) -> tuple[list[dict], int]:
    fixture, data = folder / "fixture", folder / "data"
    subprocess.run([binaries / "make-fixture", fixture, "--size", str(PART_PX)], check=True, timeout=1200)
    side_by_side(fixture / "before.tif", fixture / "whole.tif")
    with Stakeout(binaries, data) as server:
        server.add_site()
        scene = server.add_scene(server.upload(fixture / "whole.tif"))
        tiles = tiles_of(server, scene)
        working = folder / "working.tif"
        working.write_bytes(get(f"{server.url}/api/scenes/{scene}/working"))
    results = []
    for format in FORMATS:
        with TiTiler() as server:
            where = f"?url={working}&resampling=bilinear&reproject=bilinear"
            paths = [f"/cog/tiles/WebMercatorQuad/{z}/{x}/{y}.{format}{where}" for z, x, y in tiles]
            for state, rounds in (("cold", 1), ("warm", WARM_ROUNDS["titiler"])):
                results.append(
                    {"server": "TiTiler", "format": format, "state": state}
                    | fetch(binaries, server.port, paths, rounds)
                )
        with Stakeout(binaries, data) as server:
            # values as they are, as the other shows them
            paths = [f"/tiles/{scene}/WebMercatorQuad/{z}/{y}/{x}.{format}?stretch=0,255" for z, x, y in tiles]
            for state, rounds in (("cold", 1), ("warm", WARM_ROUNDS["stakeout"])):
                results.append(
                    {"server": "Stakeout", "format": format, "state": state}
                    | fetch(binaries, server.port, paths, rounds)
                )
    return results, len(tiles)


def table(results: list[dict], count: int) -> str:
    def rate(server: str, format: str, state: str) -> float:
        return next(
            r["per_second"] for r in results if (r["server"], r["format"], r["state"]) == (server, format, state)
        )

    lines = [
        f"{count} tiles of 256 px, zoom {ZOOMS[0]} to {ZOOMS[-1]}, {CONNECTIONS} connections, {os.cpu_count()} processors shared by server and client.",
        "",
        "| format | state | server | tiles/s | p50 ms | p95 ms | kB a tile | times TiTiler |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        times = r["per_second"] / rate("TiTiler", r["format"], r["state"])
        lines.append(
            f"| {r['format']} | {r['state']} | {r['server']} | {r['per_second']:,.0f} | {r['p50_ms']:.1f} | {r['p95_ms']:.1f} "
            f"| {r['bytes_mean'] / 1000:.1f} | {times:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    binaries, page = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        results, count = measure(binaries, Path(folder))
    written = table(results, count)
    print(written)
    write_between_marks(page, "bench-tiles", written)


main()
