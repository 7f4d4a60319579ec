"""Drawn things: structures with shadows, and everything that changes without being a structure.

All functions draw into an RGB `uint8` image in place. Lengths are in metres and are divided by the ground
sample distance only where pixels are touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

Rng = np.random.Generator

ROOF_COLOURS = np.array(
    [
        (205, 205, 205), (232, 232, 228), (150, 150, 152), (92, 92, 96), (70, 66, 66), (150, 82, 62),
        (188, 112, 82), (126, 62, 54), (98, 88, 78), (118, 104, 92), (82, 78, 74), (74, 118, 172),
        (96, 142, 190), (92, 132, 104), (138, 102, 80), (176, 160, 138), (222, 212, 190),
    ],
    np.float32,
)  # fmt: skip
GROUND_COLOURS = np.array(
    [
        (176, 150, 118), (150, 118, 88), (196, 178, 148), (120, 96, 72), (168, 168, 162), (128, 128, 128),
        (96, 96, 100), (210, 205, 195), (110, 122, 74), (78, 96, 56), (150, 150, 96), (84, 74, 58),
    ],
    np.float32,
)  # fmt: skip
TREE_COLOURS = np.array([(44, 62, 34), (58, 78, 42), (74, 88, 50), (36, 50, 36)], np.float32)
VEHICLE_COLOURS = np.array(
    [(240, 240, 240), (200, 200, 205), (60, 60, 64), (30, 30, 34), (150, 30, 30), (40, 60, 130), (190, 120, 40)],
    np.float32,
)
TEXTURES = 40
TEXTURE_SIDE = 384


@dataclass(frozen=True)
class Sun:
    """Where shadows fall: a unit vector in pixels (right, down) and shadow length per metre of height."""

    right: float
    down: float
    length_per_height: float

    @staticmethod
    def random(rng: Rng) -> Sun:
        angle = rng.uniform(0, 2 * np.pi)
        return Sun(float(np.cos(angle)), float(np.sin(angle)), float(rng.uniform(0.2, 1.3)))


@cache
def textures() -> np.ndarray:
    """A bank of grey textures, zero mean and unit deviation: clouds of noise, some with stripes."""
    rng = np.random.default_rng(7)
    bank = []
    for number in range(TEXTURES):
        total = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
        for octave, side in enumerate((6, 24, 96, 192, TEXTURE_SIDE)):
            noise = rng.standard_normal((side, side), np.float32)
            total += (
                rng.uniform(0.2, 1.0)
                / (1 + 0.3 * octave)
                * cv2.resize(noise, total.shape, interpolation=cv2.INTER_CUBIC)
            )
        if number % 3 == 0:
            angle, period = rng.uniform(0, np.pi), rng.uniform(3, 16)
            rows, cols = np.mgrid[:TEXTURE_SIDE, :TEXTURE_SIDE].astype(np.float32)
            total += rng.uniform(0.6, 2.0) * np.sin(2 * np.pi / period * (rows * np.sin(angle) + cols * np.cos(angle)))
        bank.append((total - total.mean()) / total.std())
    return np.stack(bank)


def texture(rng: Rng, rows: int, cols: int) -> np.ndarray:
    """A random window [rows, cols, 1] of a random texture."""
    bank = textures()
    top, left = rng.integers(TEXTURE_SIDE - rows + 1), rng.integers(TEXTURE_SIDE - cols + 1)
    return bank[rng.integers(len(bank)), top : top + rows, left : left + cols, None]


def window_of(points: np.ndarray, shape: tuple[int, ...], margin: int = 3) -> tuple[slice, slice] | None:
    """The part of the image that a polygon can touch, or nothing."""
    left, top = np.floor(points.min(0)).astype(int) - margin
    right, bottom = np.ceil(points.max(0)).astype(int) + margin
    rows, cols = slice(max(0, top), min(shape[0], bottom)), slice(max(0, left), min(shape[1], right))
    return (rows, cols) if rows.start < rows.stop and cols.start < cols.stop else None


def stencil(points: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """Coverage 0..1 of a polygon inside a window, with soft edges."""
    canvas = np.zeros((window[0].stop - window[0].start, window[1].stop - window[1].start), np.uint8)
    local = (points - (window[1].start, window[0].start)) * 16
    cv2.fillPoly(canvas, [np.round(local).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return canvas.astype(np.float32) / 255


def blend(image: np.ndarray, window: tuple[slice, slice], colour: np.ndarray, alpha: np.ndarray) -> None:
    """Mixes a colour (or an image of the window's size) into the window."""
    part = image[window].astype(np.float32)
    part += alpha[..., None] * (colour - part)
    image[window] = np.clip(part, 0, 255)


def rectangle(centre: np.ndarray, length_px: float, width_px: float, angle: float) -> np.ndarray:
    """Corner points of a rotated rectangle."""
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    half = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return np.array([centre + a * length_px / 2 * along + b * width_px / 2 * across for a, b in half])


def outline(rng: Rng, centre: np.ndarray, length_px: float, width_px: float, angle: float) -> np.ndarray:
    """A building's outline: mostly a rectangle, else an L or a circle."""
    kind = rng.random()
    if kind < 0.08:
        turns = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        return centre + 0.5 * (length_px + width_px) / 2 * np.stack([np.cos(turns), np.sin(turns)], 1)
    corners = rectangle(centre, length_px, width_px, angle)
    if kind < 0.7:
        return corners
    a, b, c, d = corners
    u, v = rng.uniform(0.3, 0.7, 2)
    return np.array([a, b, b + (c - b) * u, d + (c - d) * v + (b - c) * (1 - u), d + (c - d) * v, d])


def blob(rng: Rng, centre: np.ndarray, radius_px: float) -> np.ndarray:
    """A round-cornered random shape."""
    turns = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    radius = radius_px * rng.uniform(0.5, 1.3, 14)
    radius = (radius + np.roll(radius, 1)) / 2
    return centre + np.stack([radius * np.cos(turns), radius * np.sin(turns)], 1)


def cast_shadow(image: np.ndarray, points: np.ndarray, height_px: float, sun: Sun, darkness: float) -> None:
    """Darkens the ground that a body of this outline and height would shade."""
    reach = np.array([sun.right, sun.down]) * min(40.0, height_px * sun.length_per_height)
    window = window_of(np.concatenate([points, points + reach]), image.shape)
    if window is None:
        return
    steps = max(2, int(np.abs(reach).max() / 3))
    shade = np.max([stencil(points + reach * i / steps, window) for i in range(1, steps + 1)], 0)
    blend(image, window, np.array([12, 14, 22], np.float32), darkness * shade)


def roof(rng: Rng, image: np.ndarray, points: np.ndarray, angle: float, colour: np.ndarray) -> np.ndarray | None:
    """Paints a roof (flat or with a ridge, ribs, rooftop boxes); returns its mask over the whole image."""
    window = window_of(points, image.shape)
    if window is None:
        return None
    alpha = stencil(points, window)
    rows, cols = np.mgrid[window].astype(np.float32)
    centre = points.mean(0)
    across = -(cols - centre[0]) * np.sin(angle) + (rows - centre[1]) * np.cos(angle)
    along = (cols - centre[0]) * np.cos(angle) + (rows - centre[1]) * np.sin(angle)
    tone = np.zeros(alpha.shape, np.float32)
    shape = rng.random()
    if shape < 0.3:
        # A hip roof: the two ends face other ways than the two sides.
        reach = [np.abs(axis).max(initial=1, where=alpha > 0.5) for axis in (along, across)]
        ends = np.abs(along) - reach[0] > np.abs(across) - reach[1]
        tone += np.where(ends, rng.uniform(-28, 28) * np.sign(along), rng.uniform(-28, 28) * np.sign(across))
    elif shape < 0.75:
        tone += rng.uniform(5, 32) * np.sign(across) * rng.choice([-1, 1])
    if rng.random() < 0.15:
        # Greenhouses and saw-tooth roofs: hard-edged bands across the whole roof.
        tone += rng.uniform(10, 40) * np.sign(np.sin(2 * np.pi * along / rng.uniform(5, 16)))
    if rng.random() < 0.35:
        tone += rng.uniform(4, 18) * np.sin(2 * np.pi * along / rng.uniform(2.5, 9))
    if rng.random() < 0.3:
        # Skylights: short bright or dark bars on a grid.
        pitch = rng.uniform(6, 26, 2)
        bars = (np.abs(along % pitch[0] - pitch[0] / 2) < 1.5) & (
            np.abs(across % pitch[1] - pitch[1] / 2) < rng.uniform(1, 3.5)
        )
        tone += rng.choice([-50, 45]) * bars
    if rng.random() < 0.2:
        tone += 45 * (np.abs(np.sin(np.pi * along / rng.uniform(10, 30))) > 0.93)
    part = colour + tone[..., None] + rng.uniform(1, 6) * texture(rng, *alpha.shape)
    blend(image, window, part, alpha)
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[window] = (alpha > 0.5) * np.uint8(255)
    for _ in range(rng.integers(0, 5) if min(np.ptp(points, 0)) > 25 else 0):
        box = rectangle(centre + rng.uniform(-0.3, 0.3, 2) * np.ptp(points, 0), *rng.uniform(2, 6, 2), angle)
        inside = window_of(box, image.shape)
        if inside is not None:
            blend(image, inside, colour + rng.uniform(-70, 60), stencil(box, inside) * (mask[inside] > 0))
    return mask


def soil(rng: Rng, image: np.ndarray, points: np.ndarray, edge_px: float) -> None:
    """A patch of bare, paved, planted or ploughed ground."""
    window = window_of(points, image.shape, 6)
    if window is None:
        return
    alpha = stencil(points, window)
    if edge_px > 0.4:
        alpha = cv2.GaussianBlur(alpha, (0, 0), edge_px)
    colour = GROUND_COLOURS[rng.integers(len(GROUND_COLOURS))] + rng.uniform(-25, 25)
    part = colour + rng.uniform(2, 22) * texture(rng, *alpha.shape)
    blend(image, window, part, alpha * rng.uniform(0.6, 1.0))


def road(rng: Rng, image: np.ndarray, gsd_m: float) -> None:
    """A straight strip of asphalt, gravel or soil across the image."""
    side = image.shape[0]
    centre, angle = rng.uniform(0, side, 2), rng.uniform(0, np.pi)
    soil(
        rng,
        image,
        rectangle(centre, rng.uniform(0.3, 3) * side, rng.uniform(3, 14) / gsd_m, angle),
        rng.uniform(0.3, 1.5),
    )


@dataclass(frozen=True)
class Estate:
    """A planned block: roads along one direction, lots on both sides; lengths in pixels."""

    origin: np.ndarray
    along: np.ndarray
    across: np.ndarray
    angle: float
    lot_px: float
    setback_px: float
    road_px: float
    lots: int
    streets: int

    @staticmethod
    def random(rng: Rng, side: int, gsd_m: float) -> Estate:
        angle = rng.uniform(0, np.pi)
        along = np.array([np.cos(angle), np.sin(angle)])
        return Estate(
            origin=rng.uniform(0.15, 0.85, 2) * side,
            along=along,
            across=np.array([-along[1], along[0]]),
            angle=angle,
            lot_px=rng.uniform(13, 30) / gsd_m,
            setback_px=rng.uniform(11, 20) / gsd_m,
            road_px=rng.uniform(5, 10) / gsd_m,
            lots=int(rng.integers(2, 8)),
            streets=int(rng.integers(1, 3)),
        )

    def street(self, number: int) -> np.ndarray:
        """Centre of a street."""
        return self.origin + self.across * number * 4 * self.setback_px

    def places(self) -> list[np.ndarray]:
        """Where houses stand."""
        steps = (np.arange(self.lots) - (self.lots - 1) / 2) * self.lot_px
        return [
            self.street(street) + self.along * step + self.across * hand * self.setback_px
            for street in range(self.streets)
            for step in steps
            for hand in (-1, 1)
        ]


def lay_out(rng: Rng, image: np.ndarray, estate: Estate) -> None:
    """The ground of an estate: cleared soil or lawn, streets, drives and fences, but no houses."""
    length = estate.lots * estate.lot_px * rng.uniform(1.0, 1.5)
    middle = estate.origin + estate.across * (estate.streets - 1) * 2 * estate.setback_px
    if rng.random() < 0.7:
        soil(
            rng,
            image,
            rectangle(middle, length, estate.streets * 4 * estate.setback_px, estate.angle),
            rng.uniform(0.3, 2),
        )
    grey = rng.uniform(70, 190) + rng.normal(0, 5, 3)
    for number in range(estate.streets):
        strip(image, rectangle(estate.street(number), 3 * length, estate.road_px, estate.angle), grey, 0.95)
    drives, fences = rng.random() < 0.6, rng.random() < 0.5
    light, dark = grey + rng.uniform(0, 60), grey + rng.uniform(-80, 40)
    for place in estate.places():
        side = estate.along * estate.lot_px
        if drives:
            strip(
                image,
                rectangle(place + 0.25 * side, estate.lot_px * 0.25, 1.2 * estate.setback_px, estate.angle),
                light,
                0.9,
            )
        if fences:
            strip(image, rectangle(place + 0.5 * side, 1.0, 1.6 * estate.setback_px, estate.angle), dark, 0.8)


def strip(image: np.ndarray, points: np.ndarray, colour: np.ndarray, amount: float) -> None:
    """A plain filled shape."""
    window = window_of(points, image.shape)
    if window is not None:
        blend(image, window, colour, stencil(points, window) * amount)


def vehicles(rng: Rng, image: np.ndarray, gsd_m: float) -> None:
    """A row or a scatter of cars, lorries or containers."""
    length_m, width_m = [(4.6, 1.9), (4.6, 1.9), (12.2, 2.5), (6.1, 2.5)][rng.integers(4)]
    centre, angle = rng.uniform(0, image.shape[0], 2), rng.uniform(0, np.pi)
    step = np.array([-np.sin(angle), np.cos(angle)]) * width_m * rng.uniform(1.1, 1.8) / gsd_m
    in_row = rng.random() < 0.6
    for number in range(rng.integers(1, 14)):
        place = centre + number * step if in_row else centre + rng.normal(0, 20 / gsd_m, 2)
        box = rectangle(place, length_m / gsd_m, width_m / gsd_m, angle if in_row else rng.uniform(0, np.pi))
        window = window_of(box, image.shape)
        if window is not None:
            colour = VEHICLE_COLOURS[rng.integers(len(VEHICLE_COLOURS))] + rng.uniform(-15, 15)
            blend(image, window, colour, stencil(box, window))


def trees(rng: Rng, image: np.ndarray, gsd_m: float, sun: Sun) -> None:
    """A group of tree crowns with shadows."""
    centre, colour = rng.uniform(0, image.shape[0], 2), TREE_COLOURS[rng.integers(len(TREE_COLOURS))]
    for _ in range(rng.integers(1, 12)):
        radius_px = rng.uniform(1.5, 5.5) / gsd_m
        crown = blob(rng, centre + rng.normal(0, 9 / gsd_m, 2), radius_px)
        cast_shadow(image, crown, radius_px * 1.5, sun, 0.6)
        window = window_of(crown, image.shape)
        if window is not None:
            alpha = stencil(crown, window)
            blend(image, window, colour + 16 * texture(rng, *alpha.shape), alpha * 0.95)


def water(rng: Rng, image: np.ndarray, gsd_m: float) -> None:
    """A pond or a pool, dark, turquoise or glinting."""
    colour = np.array([(38, 52, 56), (84, 168, 178), (236, 238, 240), (96, 110, 92)], np.float32)[rng.integers(4)]
    shape = blob(rng, rng.uniform(0, image.shape[0], 2), rng.uniform(3, 18) / gsd_m)
    window = window_of(shape, image.shape)
    if window is not None:
        alpha = stencil(shape, window)
        blend(image, window, colour + 4 * texture(rng, *alpha.shape), alpha)


def loose_shadow(rng: Rng, image: np.ndarray, gsd_m: float) -> None:
    """The shadow of something outside the picture or too thin to see."""
    box = rectangle(rng.uniform(0, image.shape[0], 2), *(rng.uniform(2, 30, 2) / gsd_m), rng.uniform(0, np.pi))
    window = window_of(box, image.shape)
    if window is not None:
        alpha = cv2.GaussianBlur(stencil(box, window), (0, 0), 0.8)
        blend(image, window, np.array([12, 14, 22], np.float32), alpha * rng.uniform(0.3, 0.7))
