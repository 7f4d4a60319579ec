"""A server with annotations whose answers are known: every kind of value, place and time that tests ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import requests
from conftest import serving
from shapely.geometry import Polygon, mapping, shape

# a triangle fills half of its bounds: a box in the other half meets the bounds and not the outline
SIDE_DEG = 0.01
PLACES = [
    (127.60, 39.90),
    (127.62, 39.90),
    (127.64, 39.92),
    (13.40, 52.50),
    (13.42, 52.51),
    (-58.40, -34.60),
    (179.98, -17.00),
    (-179.99, -17.00),
    (0.0, 0.0),
    (-0.005, 51.47),
    (25.0, 71.0),
    (-70.0, -53.0),
]
TITLES = ["Assembly hall", "assembly annex", "Wärmekraftwerk", "100% steel_works", "Lagerhaus", "Bunker O'Neill"]
TYPES = ["assembly-hall", "warehouse", "power", "bunker"]
CONFIDENCES = ["low", "moderate", "high", None]
CHANGES = ["new", "removed", "altered"]
COUNT = 48


def triangle(longitude: float, latitude: float) -> Polygon:
    return Polygon([(longitude, latitude), (longitude + SIDE_DEG, latitude), (longitude, latitude + SIDE_DEG)])


def annotation(index: int) -> dict:
    longitude, latitude = PLACES[index % len(PLACES)]
    step = 0.03 * (index // len(PLACES)) * (-1 if longitude > 179 else 1)
    year = 2015 + index % 8
    return {
        "type": "Feature",
        "geometry": mapping(triangle(longitude + step, latitude)),
        "properties": {
            "site": ["plant", "depot"][index % 2],
            "title": TITLES[index % len(TITLES)],
            "structure_type": TYPES[index % len(TYPES)],
            "confidence": CONFIDENCES[index % len(CONFIDENCES)],
            "change": CHANGES[index % len(CHANGES)],
            "note": None if index % 3 == 0 else f"note {index}",
            # every seventh is open at its end
            "start_datetime": f"{year}-03-01T00:00:00Z",
            "end_datetime": None if index % 7 == 0 else f"{year + 1}-06-15T12:30:00Z",
        },
    }


def site(name: str) -> dict:
    area = Polygon([(-170, -60), (170, -60), (170, 75), (-170, 75)])
    tags = {"plant": ["steel", "rail"], "depot": ["rail"]}[name]
    return {"type": "Feature", "id": name, "geometry": mapping(area), "properties": {"name": name, "tags": tags}}


@dataclass
class Atlas:
    """The server and its annotations, as it gave them back."""

    url: str
    features: list[dict] = field(default_factory=list)

    @property
    def items(self) -> str:
        return f"{self.url}/ogc/collections/annotations/items"

    def get(self, path: str, **parameters) -> requests.Response:
        address = path if path.startswith("http") else self.url + path
        return requests.get(address, params=parameters, timeout=60)

    def json(self, path: str, **parameters) -> dict:
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    def ids(self, **parameters) -> set[str]:
        """Ids of all features that a query finds, over all pages; the counts must be exact."""
        page = self.json("/ogc/collections/annotations/items", **({"limit": 7} | parameters))
        matched, found = page["numberMatched"], []
        while True:
            assert page["numberReturned"] == len(page["features"])
            assert page["numberMatched"] == matched
            found += [feature["id"] for feature in page["features"]]
            following = [link["href"] for link in page["links"] if link["rel"] == "next"]
            if not following:
                break
            page = self.json(following[0])
        assert len(found) == len(set(found)) == matched
        return set(found)

    def that(self, is_wanted) -> set[str]:
        """Ids of the features that Python and shapely pick."""
        return {
            feature["id"] for feature in self.features if is_wanted(feature["properties"], shape(feature["geometry"]))
        }


def running_atlas(binary: Path, data: Path):
    with serving(binary, data) as url:
        for name in ("plant", "depot"):
            answer = requests.post(f"{url}/ogc/collections/sites/items", json=site(name), timeout=60)
            assert answer.status_code == 201, answer.text
        atlas = Atlas(url)
        for index in range(COUNT):
            answer = requests.post(atlas.items, json=annotation(index), timeout=60)
            assert answer.status_code == 201, answer.text
            atlas.features.append(answer.json())
        yield atlas
