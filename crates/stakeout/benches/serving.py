"""What the benches of the running service share: servers on loopback that end with their block, and files sent by tus."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

START_TIMEOUT_S = 60
ANSWER_TIMEOUT_S = 3600
JOB_LOOK_S = 0.5
AREA = [[[127.5, 39.7], [127.8, 39.7], [127.8, 40.0], [127.5, 40.0], [127.5, 39.7]]]
TUS = {"Tus-Resumable": "1.0.0"}
MARKS = "<!-- {name}: written by `make {name}` -->", "<!-- {name}: end -->"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def wait_for(url: str, process: subprocess.Popen) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        assert process.poll() is None, f"{process.args[0]} ended with {process.returncode}"
        try:
            get(url)
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)


class Running:
    """A server process that ends with its block."""

    def __init__(self, arguments: list, ready: str, environment: dict[str, str] | None = None):
        self.process = subprocess.Popen(
            arguments, env=os.environ | (environment or {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.ready = ready

    def __enter__(self):
        wait_for(self.ready, self.process)
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


class Stakeout(Running):
    def __init__(self, binaries: Path, data: Path):
        listen = f"127.0.0.1:{free_port()}"
        self.port = int(listen.split(":")[1])
        self.url = f"http://{listen}"
        arguments = [binaries / "stakeout", "serve", "--data", data, "--listen", listen]
        super().__init__(arguments, f"{self.url}/health/ready")

    def post(self, path: str, body: dict) -> dict:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return json.load(answer)

    def add_site(self) -> None:
        area = {"type": "Polygon", "coordinates": AREA}
        site = {"type": "Feature", "id": "bench", "geometry": area, "properties": {"name": "Bench"}}
        self.post("/ogc/collections/sites/items", site)

    def upload(self, file: Path, piece_bytes: int | None = None) -> str:
        """Sends a file by tus, in one piece or in pieces of so many bytes; gives the address of the upload."""
        length = file.stat().st_size
        announced = urllib.request.Request(f"{self.url}/uploads", b"", TUS | {"Upload-Length": str(length)})
        with urllib.request.urlopen(announced, timeout=60) as answer:
            upload = answer.headers["Location"]
        with file.open("rb") as body:
            for offset in range(0, length, piece_bytes or length):
                sent = body if piece_bytes is None else body.read(piece_bytes)
                headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
                headers["Content-Length"] = str(length if piece_bytes is None else len(sent))
                request = urllib.request.Request(upload, sent, headers, method="PATCH")
                urllib.request.urlopen(request, timeout=600).close()
        return upload

    def add_scene(self, upload: str) -> str:
        """Makes a scene of an upload; gives its id. One that takes long is what comes of a job."""
        scene = {"upload": upload, "properties": {"datetime": "2023-05-14T02:10:00Z"}}
        answer = self.post("/api/sites/bench/scenes", scene)
        if "jobID" not in answer:
            return answer["id"]
        job = f"{self.url}/ogc/jobs/{answer['jobID']}"
        while json.loads(get(job))["status"] == "running":
            time.sleep(JOB_LOOK_S)
        return json.loads(get(f"{job}/results"))["id"]


def write_between_marks(page: Path, name: str, written: str) -> None:
    """Puts a table where the last one was."""
    first, last = (mark.format(name=name) for mark in MARKS)
    before, rest = page.read_text().split(first)
    after = rest.split(last)[1]
    page.write_text(f"{before}{first}\n{written}\n{last}{after}")
