"""JSON schemas for judges that would fetch them: what pystac carries, and nothing from the network.

Run as a program it starts `stac-api-validator` with its own arguments. Schemas of the STAC core and of GeoJSON are
pystac's own copies. No registry holds the schemas of the extensions, so those say yes to everything here:
`test_stac.py` holds the extensions' fields against the files instead. A request to any other address but the server
under test fails.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pystac
import requests

CARRIED = Path(pystac.__file__).parent / "validation" / "jsonschemas"
LOOPBACK = ("127.0.0.1", "localhost")
ASKED_FOR: set[str] = set()


def schema(url: str) -> dict:
    """The schema of an address, or the one that says yes."""
    parts = urlsplit(url)
    path = parts.path.rstrip("#")
    ASKED_FOR.add(url)
    if parts.hostname == "schemas.stacspec.org":
        version, _, _, name = path.strip("/").split("/")
        return json.loads((CARRIED / "stac-spec" / version / name).read_text())
    if parts.hostname == "geojson.org":
        return json.loads((CARRIED / "geojson" / Path(path).name).read_text())
    if parts.hostname == "stac-extensions.github.io":
        return {"$schema": "http://json-schema.org/draft-07/schema#", "$id": url}
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
