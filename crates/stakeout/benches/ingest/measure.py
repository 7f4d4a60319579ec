"""Takes a large scene in over HTTP and serves tiles of it, and says how much memory and time that took.

    measure.py BINARIES PAGE.md [--side PX] [--folder FOLDER]

BINARIES holds stakeout and make-large. Everything happens on loopback and ends by itself: a scene of PX x PX in three
bands with grain in every pixel is written, sent by tus in pieces, ingested, and tiles of every level are fetched; then
`gdal_translate` makes a COG of the same file with the options that ingest uses. All files are removed at the end. At the
default of 30,000 px they take some 10 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from serving import Stakeout, get, write_between_marks

PIECE_BYTES = 64 << 20
LOOK_EVERY_S = 0.02
TILES_A_LEVEL_MAX = 64
# disk that the file, its original in the record, the working copy and GDAL's take, against the file
DISK_TIMES = 5
SERVER_BYTES_MAX = 1 << 30
CHILD_BYTES_MAX = 2 << 30
# as raster-io's ingest.rs
COG = [
    "COMPRESS=DEFLATE",
    "PREDICTOR=YES",
    "LEVEL=6",
    "BLOCKSIZE=512",
    "BIGTIFF=IF_SAFER",
    "OVERVIEWS=AUTO",
    "RESAMPLING=AVERAGE",
    "NUM_THREADS=2",
]
CONFIG = {"GDAL_CACHEMAX": "128", "GDAL_PAM_ENABLED": "NO"}


def peak_bytes(process: int) -> int:
    """Most memory that a process has held so far, as the kernel keeps it; 0 when it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) << 10 if lines else 0


def children(process: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += [int(number) for number in task.read_text().split()]
        except FileNotFoundError:
            pass
    return found


class Watched:
    """Follows the children of a process and keeps the most memory that one of them held."""

    def __init__(self, process: int):
        self.process, self.peak, self.over = process, 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def look(self) -> None:
        while not self.over.wait(LOOK_EVERY_S):
            self.peak = max([self.peak, *map(peak_bytes, children(self.process))])

    def __enter__(self) -> Watched:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.thread.join()


def fetch_tiles(server: Stakeout, scene: str) -> int:
    """Fetches tiles of every level of both pyramids, evenly spread; gives how many came."""
    came = 0
    for tileset in (scene, "WebMercatorQuad"):
        described = json.loads(get(f"{server.url}/tiles/{scene}/{tileset}"))
        for limits in described["tileMatrixSetLimits"]:
            rows = range(limits["minTileRow"], limits["maxTileRow"] + 1)
            cols = range(limits["minTileCol"], limits["maxTileCol"] + 1)
            every = len(rows) * len(cols)
            for index in range(0, every, -(-every // TILES_A_LEVEL_MAX)):
                row, col = rows[index // len(cols)], cols[index % len(cols)]
                path = f"/tiles/{scene}/{tileset}/{limits['tileMatrix']}/{row}/{col}.png"
                with urllib.request.urlopen(server.url + path, timeout=60) as answer:
                    assert answer.read()[:4] == b"\x89PNG"
                came += 1
    return came


def timed(work) -> tuple[float, object]:
    started = time.monotonic()
    result = work()
    return time.monotonic() - started, result


def translate(source: Path, target: Path) -> tuple[float, int, int]:
    """Seconds, peak memory and bytes of GDAL's own way to the same file."""
    options = [text for option in COG for text in ("-co", option)]
    command = ["gdal_translate", "-q", "-of", "COG", *options, source, target]
    started = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | CONFIG)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - started, usage.ru_maxrss << 10, target.stat().st_size


def measure(binaries: Path, side: int, folder: Path) -> dict:
    file = folder / "large.tif"
    file_bytes = side * side * 3
    free = shutil.disk_usage(folder).free
    assert free > DISK_TIMES * file_bytes, f"{folder} has {free} bytes free, {DISK_TIMES * file_bytes} are wanted"
    made_s, _ = timed(lambda: subprocess.run([binaries / "make-large", file, "--size", str(side)], check=True))
    with Stakeout(binaries, folder / "data") as server:
        server.add_site()
        sent_s, upload = timed(lambda: server.upload(file, PIECE_BYTES))
        with Watched(server.process.pid) as child:
            ingest_s, scene = timed(lambda: server.add_scene(upload))
        after_ingest = peak_bytes(server.process.pid)
        tiles_s, tiles = timed(lambda: fetch_tiles(server, scene))
        peak = peak_bytes(server.process.pid)
        item = json.loads(get(f"{server.url}/stac/collections/bench/items/{scene}"))
    gdal_s, gdal_peak, gdal_bytes = translate(file, folder / "gdal.tif")
    return {
        "side": side,
        "file": file.stat().st_size,
        "made_s": made_s,
        "sent_s": sent_s,
        "ingest_s": ingest_s,
        "tiles": tiles,
        "tiles_s": tiles_s,
        "child": child.peak,
        "server_ingest": after_ingest,
        "server": peak,
        "working": item["assets"]["working"]["file:size"],
        "gdal_s": gdal_s,
        "gdal": gdal_peak,
        "gdal_bytes": gdal_bytes,
    }


def table(m: dict) -> str:
    pixels = m["side"] ** 2 / 1e6

    def mb(number: float) -> str:
        return f"{number / 1e6:,.0f} MB"

    rows = [
        (
            "file sent by tus in pieces of 64 MiB",
            f"{m['sent_s']:.0f} s",
            mb(m["file"]),
            f"server {mb(m['server_ingest'])}",
        ),
        (
            "ingest: checks, working copy, display range, both files kept with their SHA-256",
            f"{m['ingest_s']:.0f} s, {pixels / m['ingest_s']:.1f} MPix/s",
            mb(m["working"]),
            f"child {mb(m['child'])}, server {mb(m['server_ingest'])}",
        ),
        (
            "`gdal_translate -of COG` with the same options",
            f"{m['gdal_s']:.0f} s, {pixels / m['gdal_s']:.1f} MPix/s",
            mb(m["gdal_bytes"]),
            mb(m["gdal"]),
        ),
        (
            f"{m['tiles']} tiles of every level of both pyramids",
            f"{m['tiles_s']:.0f} s",
            "",
            f"server {mb(m['server'])}",
        ),
    ]
    lines = [
        f"{m['side']:,} x {m['side']:,} px, three bands of 8 bits; ingest took {m['ingest_s'] / m['gdal_s']:.2f} times as long as GDAL.",
        "",
        "| step | time | bytes | peak memory |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries", type=Path)
    parser.add_argument("page", type=Path)
    parser.add_argument("--side", type=int, default=30_000)
    parser.add_argument("--folder", type=Path, help="where the files go for the time being")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        measured = measure(given.binaries.resolve(), given.side, Path(folder))
    print(json.dumps(measured))
    print(table(measured))
    write_between_marks(given.page, "bench-ingest", table(measured))
    assert measured["server"] < SERVER_BYTES_MAX, f"the server held {measured['server']} bytes"
    assert measured["child"] < CHILD_BYTES_MAX, f"the child held {measured['child']} bytes"


main()
