"""JSON schemas for judges that would fetch them: what pystac carries, and nothing from the network.

Run as a program it starts `stac-api-validator` with its own arguments. Schemas of the STAC core and of GeoJSON are
pystac's own copies, those of the extensions lie in the package `eopf`, of which nothing else is used. The two that no
package has, file and timestamps, are written here from the text of their standards. A request to any other address but
the server under test fails.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit

import pystac
import requests

CARRIED = Path(pystac.__file__).parent / "validation" / "jsonschemas"
EXTENSIONS = Path(distribution("eopf").locate_file("eopf/product/stac_extensions/extensions"))
LOOPBACK = ("127.0.0.1", "localhost")
ASKED_FOR: set[str] = set()


DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def with_extension(name: str, places: dict) -> dict:
    """An item that names an extension and holds to it in some places."""
    uses = {"contains": {"const": f"https://stac-extensions.github.io/{name}/schema.json"}}
    return {"type": "object", "required": ["stac_extensions"], "properties": {"stac_extensions": uses} | places}


# file 2.1.0: fields of assets and links; a checksum is a multihash in lower case, here of the two that are known
MULTIHASHES = {"sha1": "1114[0-9a-f]{40}", "sha2-256": "1220[0-9a-f]{64}"}
FILE_FIELDS = {
    "properties": {
        "file:byte_order": {"enum": ["big-endian", "little-endian"]},
        "file:checksum": {"type": "string", "pattern": f"^({'|'.join(MULTIHASHES.values())})$"},
        "file:header_size": {"type": "integer", "minimum": 0},
        "file:size": {"type": "integer", "minimum": 0},
        "file:local_path": {"type": "string", "pattern": r"^[^/\\][^\\]*$"},
    },
    "patternProperties": {"^file:(?!(byte_order|checksum|header_size|size|local_path)$)": {"not": {}}},
}
# timestamps 1.1.0: RFC 3339 in UTC, of the metadata in properties, of the file in assets
UTC = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)$"}
TIMES = {"properties": {name: UTC for name in ("published", "expires", "unpublished")}}
WRITTEN = {
    "file/v2.1.0": with_extension(
        "file/v2.1.0",
        {
            "assets": {"type": "object", "additionalProperties": FILE_FIELDS},
            "links": {"type": "array", "items": FILE_FIELDS},
            # they are no properties of the item
            "properties": {"propertyNames": {"pattern": "^(?!file:)"}},
        },
    ),
    "timestamps/v1.1.0": with_extension(
        "timestamps/v1.1.0",
        {
            "properties": TIMES | {"anyOf": [{"required": [name]} for name in TIMES["properties"]]},
            "assets": {"type": "object", "additionalProperties": TIMES},
        },
    ),
}


def schema(url: str) -> dict:
    """The schema of an address."""
    parts = urlsplit(url)
    path = parts.path.rstrip("#")
    ASKED_FOR.add(url)
    if parts.hostname == "schemas.stacspec.org":
        version, _, _, name = path.strip("/").split("/")
        return json.loads((CARRIED / "stac-spec" / version / name).read_text())
    if parts.hostname == "geojson.org":
        return json.loads((CARRIED / "geojson" / Path(path).name).read_text())
    if parts.hostname == "stac-extensions.github.io":
        name, version, _ = path.strip("/").split("/")
        if carried := next(EXTENSIONS.glob(f"{name}_{version}.json"), None):
            return json.loads(carried.read_text())
        return WRITTEN[f"{name}/{version}"] | {"$schema": DRAFT_7, "$id": url}
    if parts.hostname == "proj.org":
        # a CRS as JSON, which no item here has: there is a code, or a text
        return {"$schema": DRAFT_7, "$id": url, "not": {}}
    raise AssertionError(f"a judge asks for {url}, which is neither the server nor a schema that is known")


class SchemaAdapter(requests.adapters.BaseAdapter):
    """Answers requests of `requests` for addresses elsewhere."""

    def send(self, request, **_):
        answer = requests.Response()
        answer.status_code = 200
        answer.url = request.url
        answer.request = request
        answer.headers["content-type"] = "application/json"
        answer.raw = io.BytesIO(json.dumps(schema(request.url)).encode())
        return answer

    def close(self):
        pass


def serve() -> None:
    """From here on no request leaves this machine."""
    plain_adapter = requests.Session.get_adapter
    elsewhere = SchemaAdapter()

    def adapter(session, url):
        return plain_adapter(session, url) if urlsplit(url).hostname in LOOPBACK else elsewhere

    requests.Session.get_adapter = adapter
    plain_open = urllib.request.OpenerDirector.open

    def opened(director, request, *arguments, **named):
        url = request if isinstance(request, str) else request.full_url
        if urlsplit(url).hostname in LOOPBACK:
            return plain_open(director, request, *arguments, **named)
        answer = io.BytesIO(json.dumps(schema(url)).encode())
        answer.status = answer.code = 200
        answer.headers = {"Content-Type": "application/json"}
        answer.getcode = lambda: 200
        return answer

    urllib.request.OpenerDirector.open = opened


if __name__ == "__main__":
    serve()
    from stac_api_validator.__main__ import main

    sys.exit(main())
