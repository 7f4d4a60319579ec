"""What differs between two dates though nothing was built: light, haze, season, sensor, compression, geometry."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Rng = np.random.Generator

SHIFT_PX_MAX = 3.0
"""Largest shift of one date along each axis; two dates can be twice as far apart."""

SMALL_SHIFT_PX_MAX = 0.7
"""The same where two dates fit well."""


COARSER_MAX = 3.2
"""How many times coarser than their samples both dates can be."""


@dataclass(frozen=True)
class Strength:
    """How far the two dates of a sample are driven apart; shares of dates, shift in pixels.

    `whole` is the share of dates moved by whole pixels: they stay as sharp as the images that a detector is given.
    `coarse` is the share of pairs that both come from a coarser sensor.
    """

    light: float
    shift_px_max: float
    sway: float
    whole: float
    coarse: float


STRONG = Strength(light=1.0, shift_px_max=SHIFT_PX_MAX, sway=0.25, whole=0.3, coarse=0.15)
REGISTERED = Strength(light=1.0, shift_px_max=SMALL_SHIFT_PX_MAX, sway=0.25, whole=0.3, coarse=0.2)
MILD = Strength(light=0.35, shift_px_max=SMALL_SHIFT_PX_MAX, sway=0.0, whole=0.65, coarse=0.2)
NONE = Strength(light=0.0, shift_px_max=0.0, sway=0.0, whole=1.0, coarse=0.2)


def chance(rng: Rng, share: float) -> bool:
    return rng.random() < share


def tone(rng: Rng, image: np.ndarray) -> np.ndarray:
    """Gain, gamma, haze, tint and flat contrast, through one table per channel."""
    level = np.linspace(0, 1, 256, dtype=np.float32)
    strong = 1.0 if chance(rng, 0.7) else 0.3
    curve = level ** np.exp(rng.normal(0, 0.28 * strong)) * np.exp(rng.normal(0, 0.15 * strong))
    if chance(rng, 0.25):
        curve = rng.uniform(0, 0.35) + curve * rng.uniform(0.35, 0.8)
    if chance(rng, 0.12):
        curve = rng.uniform(0.02, 0.4) + curve * rng.uniform(0.2, 0.45)
    if chance(rng, 0.12):
        low, high = rng.uniform(0, 0.15), rng.uniform(0.6, 1.0)
        curve = (curve - low) / (high - low)
    gains, offsets = np.exp(rng.normal(0, 0.09 * strong, 3)), rng.normal(0, 0.025 * strong, 3)
    table = np.clip(curve[:, None] * gains + offsets, 0, 1) * 255
    return cv2.LUT(image, table[None].astype(np.uint8))


def exposure(rng: Rng, image: np.ndarray) -> np.ndarray:
    """Gain and offset of each channel, as between two exposures of one sensor."""
    gain, offset = np.exp(rng.normal(0, 0.06, 3)), rng.normal(0, 4, 3)
    return np.clip(image * gain + offset, 0, 255).astype(np.uint8)


def season(rng: Rng, image: np.ndarray) -> np.ndarray:
    """Moves vegetation towards dry, lush, bare or snowy."""
    red, green, blue = (image[..., i].astype(np.float32) for i in range(3))
    greenness = np.clip((2 * green - red - blue) / rng.uniform(20, 70), 0, 1)[..., None]
    towards = np.array([(150, 130, 88), (70, 104, 46), (110, 98, 84), (200, 190, 120), (225, 228, 232)])[
        rng.integers(5)
    ]
    amount = rng.uniform(0.2, 0.75)
    shade = image.mean(axis=2, keepdims=True) / 110
    return np.clip(image + greenness * amount * (towards * shade - image), 0, 255).astype(np.uint8)


def light_field(rng: Rng, image: np.ndarray) -> np.ndarray:
    """Slow brightness differences: thin cloud, relief, vignetting."""
    field = cv2.resize(
        rng.normal(1, 0.12, (4, 4)).astype(np.float32), image.shape[1::-1], interpolation=cv2.INTER_CUBIC
    )
    return np.clip(image * field[..., None], 0, 255).astype(np.uint8)


def reduced(image: np.ndarray, factor: float, back: int) -> np.ndarray:
    """An image made so many times coarser, and enlarged again by an interpolation."""
    rows, cols = image.shape[:2]
    small = cv2.resize(image, (int(cols / factor), int(rows / factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (cols, rows), interpolation=back)


def blur_and_noise(rng: Rng, image: np.ndarray) -> np.ndarray:
    """Loss of resolution, over-sharpening, noise and JPEG, each by chance."""
    if chance(rng, 0.3):
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4))
    if chance(rng, 0.2):
        factor = rng.uniform(1.2, 2.6)
        image = reduced(image, factor, cv2.INTER_LINEAR if chance(rng, 0.5) else cv2.INTER_CUBIC)
    if chance(rng, 0.15):
        soft = cv2.GaussianBlur(image, (0, 0), 1.2)
        image = cv2.addWeighted(image, 2.0, soft, -1.0, 0)
    if chance(rng, 0.35):
        shape = image.shape if chance(rng, 0.5) else (*image.shape[:2], 1)
        noise = rng.standard_normal(shape, np.float32) * rng.uniform(1, 9)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if chance(rng, 0.35):
        quality = int(rng.integers(30, 92))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def coarse(rng: Rng, images: list[np.ndarray]) -> list[np.ndarray]:
    """Both dates as a coarser sensor sees them, enlarged again as a detector enlarges coarse images."""
    factor = np.exp(rng.uniform(np.log(1.3), np.log(COARSER_MAX)))
    back = cv2.INTER_LINEAR if chance(rng, 0.5) else cv2.INTER_CUBIC
    return [reduced(image, factor, back) for image in images]


def grey(rng: Rng, image: np.ndarray) -> np.ndarray:
    """One band in all three channels, as a panchromatic scene is read."""
    weights = rng.dirichlet((2, 2, 2)).astype(np.float32)
    return np.repeat((image @ weights).astype(np.uint8)[..., None], 3, 2)


def photometric(rng: Rng, image: np.ndarray) -> np.ndarray:
    """Everything that happens to one date's light and sensor."""
    if chance(rng, 0.3):
        image = season(rng, image)
    if chance(rng, 0.25):
        image = light_field(rng, image)
    return blur_and_noise(rng, tone(rng, image))


def alike(rng: Rng, images: list[np.ndarray]) -> list[np.ndarray]:
    """Another light and sensor, the same for both dates: another country's images, not another year's."""
    both = np.concatenate(images)
    if chance(rng, 0.3):
        both = season(rng, both)
    return np.split(blur_and_noise(rng, tone(rng, both)), len(images))


def swayed(rng: Rng, image: np.ndarray) -> np.ndarray:
    """Smooth local displacements of a pixel or two: relief seen from another angle, crowns that grew."""
    rows, cols = image.shape[:2]
    knots = int(rng.integers(4, 25))
    flow = cv2.resize(rng.normal(0, rng.uniform(0.4, 1.4), (knots, knots, 2)).astype(np.float32), (cols, rows))
    flow[..., 0] += np.arange(cols, dtype=np.float32)
    flow[..., 1] += np.arange(rows, dtype=np.float32)[:, None]
    return cv2.remap(image, flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def misfit(rng: Rng, side: int, strength: Strength = STRONG) -> np.ndarray:
    """A small affine map of one date: whole pixels, or a shift with a sub-pixel part, a slight turn and scale."""
    limit = strength.shift_px_max if chance(rng, 0.6) else min(strength.shift_px_max, SMALL_SHIFT_PX_MAX)
    shift = rng.uniform(-limit, limit, 2)
    if chance(rng, strength.whole):
        return np.column_stack([np.eye(2), np.round(shift)]).astype(np.float32)
    turn, scale = rng.normal(0, 0.004), 1 + rng.normal(0, 0.004)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
    centre = np.full(2, (side - 1) / 2)
    return np.column_stack([matrix, centre - matrix @ centre + shift]).astype(np.float32)


def moved(values: np.ndarray, matrix: np.ndarray, interpolation: int) -> np.ndarray:
    """Applies an affine map; what lies outside is mirrored."""
    return cv2.warpAffine(values, matrix, values.shape[1::-1], flags=interpolation, borderMode=cv2.BORDER_REFLECT_101)
