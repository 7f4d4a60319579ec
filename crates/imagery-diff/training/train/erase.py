"""Takes buildings out of an image by laying ground from elsewhere over them."""

from __future__ import annotations

import cv2
import numpy as np

MARGIN_PX = 7
"""Ground replaced around a building: its shadow and the light edge around it, about 2 m."""

CANDIDATES = 40
"""Ground patches tried for each building; the one most like the surroundings is laid."""

SPREAD_MIN, SPREAD_MAX = 9.0, 42.0
"""Standard deviation of grey values between which a patch passes for ground."""

Ground = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Image, building mask and valid mask of one place."""


def erase_buildings(image: np.ndarray, mask: np.ndarray, grounds: list[Ground], rng: np.random.Generator) -> np.ndarray:
    """The image with every building replaced by ground."""
    erased = image.copy()
    built = (mask > 127).astype(np.uint8)
    count, objects, boxes, _ = cv2.connectedComponentsWithStats(built, connectivity=4)
    crowded = [cv2.dilate((m > 60).astype(np.uint8), np.ones((5, 5), np.uint8)) | (v < 200) for _, m, v in grounds]
    for number in range(1, count):
        window = grown(boxes[number], built.shape)
        own = (objects[window] == number).astype(np.uint8)
        region = cv2.dilate(own, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN_PX + 1,) * 2))
        ring = (cv2.dilate(region, np.ones((5, 5), np.uint8)) > 0) & (region == 0) & (built[window] == 0)
        target = image[window][ring].mean(0) if ring.any() else image[built == 0].mean(0)
        patch = ground_like(target, region, grounds, crowded, rng)
        lay(erased[window], patch, region, built[window], own)
    return erased


def grown(box: np.ndarray, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The window of a box with a margin, cut to the image."""
    left, top, width, height, _ = box
    margin = MARGIN_PX + 3
    rows = slice(max(0, top - margin), min(shape[0], top + height + margin))
    cols = slice(max(0, left - margin), min(shape[1], left + width + margin))
    return rows, cols


def ground_like(
    target: np.ndarray, region: np.ndarray, grounds: list[Ground], crowded: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """A patch free of buildings under `region`, as near as can be to the colour `target`, then moved towards it."""
    rows, cols = region.shape
    best, best_cost = None, np.inf
    for _ in range(CANDIDATES):
        which = int(rng.integers(len(grounds)))
        image = grounds[which][0]
        if image.shape[0] <= rows or image.shape[1] <= cols:
            continue
        top, left = int(rng.integers(image.shape[0] - rows)), int(rng.integers(image.shape[1] - cols))
        window = (slice(top, top + rows), slice(left, left + cols))
        patch = image[window]
        built_share = (crowded[which][window] & region).sum() / max(1, region.sum())
        cost = np.abs(patch.reshape(-1, 3).mean(0) - target).sum() + 2000 * built_share + 300 * dull(patch)
        if cost < best_cost:
            best, best_cost = patch, cost
    if best is None:
        return np.broadcast_to(target, (rows, cols, 3)).astype(np.float32)
    return best + 0.8 * (target - best.reshape(-1, 3).mean(0))


def dull(patch: np.ndarray) -> bool:
    """Whether a patch is too flat (asphalt, shade) or too harsh (black and white film) to pass for ground."""
    spread = float(patch.std(axis=(0, 1)).mean())
    return not SPREAD_MIN < spread < SPREAD_MAX


def lay(onto: np.ndarray, patch: np.ndarray, region: np.ndarray, built: np.ndarray, own: np.ndarray) -> None:
    """Blends `patch` over `region`, leaving other buildings as they are."""
    soft = cv2.GaussianBlur(region.astype(np.float32), (0, 0), 1.2)
    soft[(built > 0) & (own == 0)] = 0
    soft[own > 0] = 1
    onto[:] = np.clip(onto + soft[..., None] * (patch - onto), 0, 255).astype(np.uint8)
