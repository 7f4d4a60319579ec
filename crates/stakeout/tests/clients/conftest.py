"""A running server with one reviewed pair of scenes, for foreign clients to judge.

Everything is real: the binary under test, its database, rendered scenes uploaded over HTTP, and a
comparison run as a job. `STAKEOUT_BIN` names the folder with `stakeout` and `make-fixture`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

START_TIMEOUT_S = 30
JOB_TIMEOUT_S = 240
FIXTURE_PX = 1280
MODEL = "research-small"
"""It finds enough of the rendered scene for several people to review; which model is the default may change."""

AREA = {
    "type": "Polygon",
    "coordinates": [[[127.58, 39.88], [127.62, 39.88], [127.62, 39.92], [127.58, 39.92], [127.58, 39.88]]],
}


@dataclass
class Server:
    """A `stakeout serve` process and what was set up in it."""

    url: str
    data: Path
    fixture: Path
    binary: Path
    before: str = ""
    after: str = ""
    confirmed: list[str] = field(default_factory=list)

    def get(self, path: str, **arguments) -> dict:
        """GETs JSON; an error answer fails the test with the server's own words."""
        answer = requests.get(self.url + path, timeout=60, **arguments)
        assert answer.ok, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str, body: dict, **headers: str) -> requests.Response:
        """POSTs JSON; an error answer fails the test with the server's own words."""
        answer = requests.post(self.url + path, json=body, headers=headers, timeout=60)
        assert answer.ok, f"POST {path}: {answer.status_code} {answer.text}"
        return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(check, timeout_s: float, what: str):
    """Calls `check` until it returns something true, for at most `timeout_s`."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if result := check():
            return result
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {timeout_s} s")


def is_ready(url: str) -> bool:
    try:
        return requests.get(url + "/health/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def add_scene(server: Server, name: str, datetime: str) -> str:
    properties = {"datetime": datetime, "platform": "rendered", "provider": "test-scenes", "license": "CC0-1.0"}
    with open(server.fixture / name, "rb") as file:
        answer = requests.post(
            f"{server.url}/api/sites/plant/scenes",
            files={
                "file": (name, file, "image/tiff"),
                "properties": (None, json.dumps(properties), "application/json"),
            },
            timeout=120,
        )
    assert answer.status_code == 201, f"{answer.status_code} {answer.text}"
    return answer.json()["id"]


def run_comparison(server: Server) -> None:
    inputs = {"inputs": {"before": server.before, "after": server.after, "model": MODEL}}
    job = server.post("/ogc/processes/detect-new-structures/execution", inputs).headers["Location"]
    path = job if job.startswith("/") else job.removeprefix(server.url)

    def ended():
        state = server.get(path)
        return state if state["status"] in ("successful", "failed", "dismissed") else None

    state = wait_until(ended, JOB_TIMEOUT_S, "the comparison")
    assert state["status"] == "successful", state


def confirm(server: Server, candidate: str) -> str:
    """Confirms a candidate and returns the id of the annotation that it made."""
    path = f"/ogc/collections/candidates/items/{candidate}"
    etag = requests.get(server.url + path, timeout=30).headers["ETag"]
    review = {
        "verdict": "confirm",
        "structure_type": "warehouse",
        "confidence": "high",
        "title": f"Hall {candidate[-4:]}",
        "seen": {"before": server.before, "after": server.after},
    }
    answer = server.post(f"/api/candidates/{candidate}/reviews", review, **{"If-Match": etag}).json()
    return answer.get("annotation", answer)["id"]


@contextmanager
def serving(binary: Path, data: Path, *arguments: str):
    """A `stakeout serve` on a folder; gives its address, and fails where it died meanwhile."""
    listen = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen([binary, "serve", "--data", data, "--listen", listen, *arguments])
    try:
        wait_until(lambda: is_ready(f"http://{listen}"), START_TIMEOUT_S, "the start of the server")
        yield f"http://{listen}"
        assert process.poll() is None, "the server died during the tests"
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def reviewing(folder: Path, side_px: int, settings: dict | None = None):
    """A server of its own with a compared pair of rendered scenes; up to five of its candidates are confirmed."""
    config = folder / "settings.json"
    config.write_text(json.dumps(settings or {}))
    binary = Path(os.environ["STAKEOUT_BIN"])
    running = Server(url="", data=folder / "data", fixture=folder / "fixture", binary=binary / "stakeout")
    subprocess.run([binary / "make-fixture", running.fixture, "--size", str(side_px)], check=True, timeout=300)
    running.data.mkdir()
    with serving(running.binary, running.data, "--config", config) as running.url:
        site = {"type": "Feature", "id": "plant", "geometry": AREA, "properties": {"name": "Test plant"}}
        running.post("/ogc/collections/sites/items", site)
        running.before = add_scene(running, "before.tif", "2023-05-14T02:10:00Z")
        running.after = add_scene(running, "after.tif", "2024-10-21T02:25:00Z")
        run_comparison(running)
        candidates = running.get("/ogc/collections/candidates/items?limit=10")["features"]
        running.confirmed = [confirm(running, candidate["id"]) for candidate in candidates[:5]]
        yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Server:
    with reviewing(tmp_path_factory.mktemp("reviewing"), FIXTURE_PX) as running:
        assert len(running.confirmed) == 5, f"only {len(running.confirmed)} candidates in the rendered scene"
        yield running


@pytest.fixture(scope="session")
def atlas(tmp_path_factory):
    from atlas import running_atlas

    yield from running_atlas(Path(os.environ["STAKEOUT_BIN"]) / "stakeout", tmp_path_factory.mktemp("atlas"))
