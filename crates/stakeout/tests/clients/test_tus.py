"""Resumable uploads by the protocol's own clients, while the server is ended as a power loss would end it."""

import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from conftest import AREA, START_TIMEOUT_S, Server, free_port, is_ready, wait_until
from tusclient.client import TusClient

HERE = Path(__file__).parent
WEB = HERE.parents[2] / "stakeout-server" / "web"
TUS = {"Tus-Resumable": "1.0.0"}


class Mortal:
    """A server that can be killed and started again on its data and its port."""

    def __init__(self, server: Server, data: Path):
        self.command = [server.binary, "serve", "--data", data, "--listen", f"127.0.0.1:{free_port()}"]
        self.url = f"http://{self.command[-1]}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command)
        wait_until(lambda: is_ready(self.url), START_TIMEOUT_S, "the start of the server")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)


@pytest.fixture
def mortal(server, tmp_path):
    mortal = Mortal(server, tmp_path)
    site = {"type": "Feature", "id": "plant", "geometry": AREA, "properties": {"name": "Plant"}}
    assert requests.post(f"{mortal.url}/ogc/collections/sites/items", json=site, timeout=30).ok
    yield mortal
    mortal.kill()


def make_scene(mortal, url: str, file: Path):
    body = {"upload": url, "properties": {"datetime": "2024-10-21T02:25:00Z"}}
    made = requests.post(f"{mortal.url}/api/sites/plant/scenes", json=body, timeout=120)
    assert made.status_code == 201, made.text
    original = requests.get(made.json()["assets"]["original"]["href"], timeout=60).content
    assert original == file.read_bytes()


def test_tuspy_goes_on_after_a_kill(server, mortal):
    file = server.fixture / "before.tif"
    sending = {"chunk_size": file.stat().st_size // 5 + 1, "upload_checksum": True}
    first = TusClient(f"{mortal.url}/uploads").uploader(str(file), **sending)
    first.upload_chunk()
    mortal.kill()
    mortal.start()
    second = TusClient(f"{mortal.url}/uploads").uploader(str(file), **sending, url=first.url)
    assert second.offset == first.offset > 0
    second.upload_chunk()
    mortal.kill()
    mortal.start()
    third = TusClient(f"{mortal.url}/uploads").uploader(str(file), **sending, url=first.url)
    assert third.offset == second.offset > first.offset
    third.upload()
    assert "Upload-Expires" in requests.head(first.url, headers=TUS, timeout=30).headers
    make_scene(mortal, first.url, file)


@contextmanager
def tus_js_client(mortal, file: Path, *more: str):
    node = shutil.which("node")
    command = [node, HERE / "tus_upload.mjs", WEB, file, f"{mortal.url}/uploads", *more]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield client
    finally:
        client.kill()
        client.wait(timeout=30)


def test_tus_js_client_goes_on_by_itself_after_a_kill(server, mortal):
    file = server.fixture / "after.tif"
    with tus_js_client(mortal, file) as client:
        assert client.stdout.readline().startswith("sent ")
        mortal.kill()
        mortal.start()
        said, faults = client.communicate(timeout=60)
    assert said.splitlines()[-1].startswith("done "), said + faults
    make_scene(mortal, said.splitlines()[-1].removeprefix("done "), file)


def test_tus_js_client_ends_an_upload_and_nothing_is_left(server, mortal):
    with tus_js_client(mortal, server.fixture / "after.tif", "end") as client:
        said, faults = client.communicate(timeout=60)
    url = said.splitlines()[-1].removeprefix("ended ")
    assert url.startswith(mortal.url), said + faults
    assert requests.head(url, headers=TUS, timeout=30).status_code == 404
