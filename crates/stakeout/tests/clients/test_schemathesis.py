"""schemathesis judges the whole interface by its own description: all checks, all phases, no failure.

It writes and deletes, so it has a server of its own. `SCHEMATHESIS_SEED` and `SCHEMATHESIS_EXAMPLES` ask for other
and for more examples than the usual run has.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from conftest import AREA, Server, reviewing

SEED = os.environ.get("SCHEMATHESIS_SEED", "20241121")
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "10")
SETTINGS = Path(__file__).with_name("schemathesis.toml")
PHASES = ("examples", "coverage", "fuzzing", "stateful")
FIXTURE_PX = 512
TIME_MAX_S = 1800
# How often a generated request asks for something that exists.
REAL_ID_PROBABILITY = 0.7
# Limits that many requests from one machine would meet; what they do has tests of its own.
UNBOUNDED = {"upload_bytes_max": 10**15, "uploads": {"open_max": 10**6, "bytes_max": 10**18}}
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


def opened_upload(server: Server) -> str:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "64"}
    answer = requests.post(f"{server.url}/uploads", headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].rsplit("/", 1)[1]


def real_ids(server: Server) -> dict[str, list[str]]:
    """Ids that exist for each variable of a path, by its name in the description (`id` by its collection)."""
    annotations = server.get("/ogc/collections/annotations/items")["features"]
    candidates = server.get("/ogc/collections/candidates/items")["features"]
    first = annotations[0]["properties"]["candidate"]
    reviews = server.get(f"/api/candidates/{first}/reviews")["reviews"]
    ids = {
        "site": ["plant", "depot"],
        "scene": [server.before, server.after],
        "candidate": [first, *(candidate["id"] for candidate in candidates)],
        "annotation": [annotation["id"] for annotation in annotations],
        "comparison": [candidates[0]["properties"]["comparison"]],
        "job": [job["jobID"] for job in server.get("/ogc/jobs")["jobs"]],
        "review": [review["id"] for review in reviews],
        "upload": [opened_upload(server)],
        "set": ["WebMercatorQuad", "native"],
    }
    return ids | {"sites": ids["site"], "candidates": ids["candidate"], "annotations": ids["annotation"]}


def operations(document: dict):
    """Each operation with its path, method, and its parameters without references."""
    for path, described in document["paths"].items():
        for method in described.keys() & set(METHODS):
            operation = described[method]
            parameters = [resolved(document, given) for given in operation.get("parameters", [])]
            operation["parameters"] = parameters
            yield path, method, operation


def resolved(document: dict, given: dict) -> dict:
    if "$ref" in given:
        given = document["components"]["parameters"][given["$ref"].rsplit("/", 1)[1]]
    return copy.deepcopy(given)


def ids_of(path: str, parameter: dict, ids: dict[str, list[str]]) -> list[str] | None:
    """Ids that exist for a parameter, where it is one of an id."""
    is_id = parameter["in"] == "path" or (parameter["name"] == "comparison" and path == "/api/queue")
    name = path.split("/")[3] if parameter["name"] == "id" else parameter["name"]
    return ids.get(name) if is_id and "enum" not in parameter["schema"] else None


def settings(document: dict, ids: dict[str, list[str]]) -> str:
    """The settings with the ids that exist; they are written into the parameters of `document` as examples too."""
    lines = [SETTINGS.read_text()]
    lines += [f"[dictionaries.{name}]\nvalues = {json.dumps(values)}" for name, values in ids.items()]
    for path, method, operation in operations(document):
        bound = []
        for parameter in operation["parameters"]:
            if values := ids_of(path, parameter, ids):
                parameter["example"] = values[0]
                dictionary = next(name for name, known in ids.items() if known is values)
                binding = f'{{ dictionary = "{dictionary}", probability = {REAL_ID_PROBABILITY} }}'
                bound.append(f'"{parameter["in"]}.{parameter["name"]}" = {binding}')
        if bound:
            name = f"{method.upper()} {path}"
            lines += [f"[[operations]]\ninclude-name = {json.dumps(name)}\n[operations.parameters]", *bound]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> Server:
    with reviewing(tmp_path_factory.mktemp("schemathesis"), FIXTURE_PX, UNBOUNDED) as server:
        depot = {"type": "Feature", "id": "depot", "geometry": AREA, "properties": {"name": "Depot"}}
        server.post("/ogc/collections/sites/items", depot)
        yield server


def test_the_service_is_as_its_description_says(judged, tmp_path):
    document = judged.get("/openapi.json")
    ids = real_ids(judged)
    (tmp_path / "settings.toml").write_text(settings(document, ids))
    (tmp_path / "openapi.json").write_text(json.dumps(document | {"x-ids": ids}))
    program = [sys.executable, "-m", "schemathesis.cli", "--config-file", "settings.toml", "run", "openapi.json"]
    options = ["--url", judged.url, "--phases", ",".join(PHASES), "--seed", SEED, "--max-examples", EXAMPLES]
    environment = os.environ | {"PYTHONPATH": str(SETTINGS.parent), "SCHEMATHESIS_HOOKS": "schemathesis_hooks"}
    done = subprocess.run(
        [*program, *options, "--no-color"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIME_MAX_S,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, "schemathesis found failures; they are told above"
