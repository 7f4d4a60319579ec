"""How far the after image of a pair lies from its before image, as the detector finds it (`../src/register.rs`).

Windows all over the pair are phase-correlated on the strength and on the direction of their gradients, and their
correlations are summed: what was built between the dates makes many windows useless and leaves little in the others.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

WINDOW_SIDES_PX = (128, 64)
WINDOWS_ALONG_MIN = 4
WINDOWS_A_SIDE_MAX = 7
"""The larger windows where so many lie along a side; half overlapping at the most."""

SPECTRUM_SIGMA = 0.1
"""Standard deviation of what is left of the spectrum, cycles a pixel."""

REACH_SHARE = 0.375
"""Largest shift as a share of a window's side."""

PEAK_RADIUS_PX = 6
"""Pixels around the peak that do not count as another one."""

RATIO_MIN, RATIO_PER_PX = 1.32, 0.03
"""How many times the peak must exceed the next, and how much more for every pixel of the shift."""


def gradients(image: np.ndarray, taper: np.ndarray) -> Iterator[np.ndarray]:
    """Strength of the gradients of a window [S,S,3], then the same at twice their angle, tapered, complex [S,S]."""
    grey = image.astype(np.float32).sum(2)
    across, down = np.zeros_like(grey), np.zeros_like(grey)
    across[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    down[1:-1] = grey[2:] - grey[:-2]
    gradient = across + 1j * down
    strength = np.abs(gradient)
    for values in (strength, gradient * gradient / (strength + 1e-6)):
        yield (values - values.mean()) * taper


def correlation(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The summed correlation of all windows of a pair of images [N,N,3], by how far the after image is moved."""
    size = before.shape[0]
    side = next(s for s in WINDOW_SIDES_PX if s * WINDOWS_ALONG_MIN <= size or s == WINDOW_SIDES_PX[-1])
    taper = np.outer(np.hanning(side), np.hanning(side))
    frequencies = np.fft.fftfreq(side) / SPECTRUM_SIGMA
    damped = np.exp(-0.5 * (frequencies[:, None] ** 2 + frequencies**2))
    count = min(2 * size // side - 1, WINDOWS_A_SIDE_MAX)
    starts = [at * (size - side) // max(1, count - 1) for at in range(count)]
    total = np.zeros((side, side), complex)
    for row in starts:
        for col in starts:
            window = (slice(row, row + side), slice(col, col + side))
            for first, second in zip(gradients(before[window], taper), gradients(after[window], taper), strict=True):
                cross = np.fft.fft2(second) * np.fft.fft2(first).conj()
                total += damped * cross / (np.abs(cross) + 1e-4 * np.abs(cross).max() + 1e-9)
    return np.fft.ifft2(total).real


def shift_of(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """Whole pixels right and down by which the after image lies from the before image; none where none stands out."""
    values = correlation(before, after)
    side = values.shape[0]
    reach = int(side * REACH_SHARE)
    values = np.roll(values, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    row, col = np.unravel_index(values.argmax(), values.shape)
    rows, cols = np.ogrid[: values.shape[0], : values.shape[1]]
    elsewhere = values[(abs(rows - row) > PEAK_RADIUS_PX) | (abs(cols - col) > PEAK_RADIUS_PX)].max()
    right, down = int(col) - reach, int(row) - reach
    stands_out = values[row, col] >= (RATIO_MIN + RATIO_PER_PX * np.hypot(right, down)) * max(elsewhere, 1e-9)
    return (right, down) if stands_out else (0, 0)


def onto(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The before image moved onto the after image by whole pixels; what lies outside is mirrored."""
    right, down = shift_of(before, after)
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = before.shape[1::-1]
    return cv2.warpAffine(before, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101)
