"""Training samples: pairs of crops with what is new, removed and built, made from single-date places.

    base crop -> ground that differs -> buildings erased, composed or repainted -> loose things
              -> each date shifted on its own -> each date's light and sensor -> nodata

A new building is labelled where it stands in the after image and a removed one where it stood in the
before image, so that a shift between the dates never moves a label off its building.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from train import draw, jitter
from train.jitter import chance
from train.places import Place

Rng = np.random.Generator

SIDE = 192
"""Side of a sample in pixels."""

GSD_M_MIN, GSD_M_MAX = 0.3, 1.0

KINDS = {"unchanged": 0.38, "ground": 0.08, "erased": 0.19, "composed": 0.21, "both": 0.06, "cross": 0.08}
"""Share of each kind of sample made from places; `unchanged` and `ground` (two unrelated grounds) hold no change."""

PLACE_WEIGHTS = {
    "set1": 1.2,
    "set2": 1.2,
    "set4": 1.0,
    "set5": 1.6,
    "nepal": 2.0,
    "rio": 2.0,
    "vegas": 0.8,
    "atlanta": 0.3,
}
"""How often ground is taken from a place, by the start of its name; split over places of one start."""

EXTENSION_SHARE = 0.15
"""Share of composed structures that extend a standing building."""

EXTENDED_AREA_PX_MIN = 60

HALL_SHARE_MAX = 0.75
"""Longest drawn hall as a share of the crop's side: with no edge in the crop it would teach that fields are roofs."""

ESTATE_HOUSES_MAX = 18
"""Houses drawn in one estate: each costs about a millisecond."""

GAP_PX = 11
"""Ground narrower than this between two changed buildings is a gap: to miss one joins the two."""

PLAIN_WEIGHT = 85
"""Weight of a pixel of `new` and `removed` outside gaps, of 255."""

REGISTERED_SHARE = 0.6
"""Share of samples made from places whose dates fit as after a detector's registration."""

UNLABELLED_SHARE = 0.12
"""Share of unchanged samples from ground without a building mask."""


@dataclass
class Crop:
    """One date being made: RGB image and masks 0..255.

    `built` are buildings, `only` those that the other date has not, `valid` real pixels, `known` where
    `built` is known; `objects` numbers buildings and `erased` is the image without them.
    """

    image: np.ndarray
    built: np.ndarray
    only: np.ndarray
    valid: np.ndarray
    objects: np.ndarray
    erased: np.ndarray
    known: np.ndarray

    def copy(self) -> Crop:
        return Crop(
            self.image.copy(), self.built.copy(), self.only.copy(), self.valid, self.objects, self.erased, self.known
        )


@dataclass(frozen=True)
class Sample:
    """A finished pair: `pair` 6xHxW, `target` and `weight` 5xHxW in the network's output order, all 0..255.

    Of what is `drawn` alone no teacher knows more than the labels do.
    """

    pair: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    drawn: bool = False


class Ground:
    """Draws crops from places with fixed chances."""

    def __init__(self, places: list[Place]) -> None:
        self.labelled = [place for place in places if place.labelled]
        self.unlabelled = [place for place in places if not place.labelled]
        self.weights = np.array([place_weight(place, self.labelled) for place in self.labelled])
        self.weights /= self.weights.sum()

    def crop(self, rng: Rng, gsd_m: float, labelled: bool = True) -> Crop:
        places = self.labelled if labelled else self.unlabelled
        place = places[rng.choice(len(places), p=self.weights if labelled else None)]
        return cut(rng, place, gsd_m)


def place_weight(place: Place, places: list[Place]) -> float:
    start = next(start for start in PLACE_WEIGHTS if place.name.startswith(start))
    area = sum(other.levels[0].mask.size for other in places if other.name.startswith(start))
    return PLACE_WEIGHTS[start] * place.levels[0].mask.size / area


def cut(rng: Rng, place: Place, gsd_m: float) -> Crop:
    """A randomly placed, turned and mirrored crop of a place at a resolution."""
    level = place.finer_than(gsd_m)
    scale = gsd_m / level.gsd_m
    rows, cols = level.mask.shape
    reach = SIDE * scale / 2
    centre = np.array([rng.uniform(min(reach, cols / 2), max(cols - reach, cols / 2)),
                       rng.uniform(min(reach, rows / 2), max(rows - reach, rows / 2))])  # fmt: skip
    turn = rng.uniform(0, 2 * np.pi) if chance(rng, 0.7) else rng.integers(4) * np.pi / 2
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
    if chance(rng, 0.5):
        matrix[:, 0] *= -1
    half = np.full(2, (SIDE - 1) / 2)
    inverse = np.column_stack([matrix, centre - matrix @ half]).astype(np.float32)

    # Only the part of the memory map that the crop touches is read.
    span = int(np.ceil(reach * 1.45)) + 2
    top, left = max(0, int(centre[1]) - span), max(0, int(centre[0]) - span)
    window = (slice(top, int(centre[1]) + span), slice(left, int(centre[0]) + span))
    inverse[:, 2] -= (left, top)

    def warp(values: np.ndarray, flags: int) -> np.ndarray:
        part = np.ascontiguousarray(values[window])
        return cv2.warpAffine(
            part, inverse, (SIDE, SIDE), flags=flags | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101
        )

    objects = warp(level.objects, cv2.INTER_NEAREST)
    return Crop(
        image=warp(level.image, cv2.INTER_CUBIC),
        built=(objects > 0) * np.uint8(255),
        only=np.zeros((SIDE, SIDE), np.uint8),
        valid=warp(level.valid, cv2.INTER_NEAREST),
        objects=objects,
        erased=warp(level.erased, cv2.INTER_CUBIC),
        known=np.full((SIDE, SIDE), 255 if place.labelled else 0, np.uint8),
    )


def random_gsd_m(rng: Rng) -> float:
    """Mostly near the half metre to which a detector brings images; `jitter.coarse` stands for coarser sensors."""
    if chance(rng, 0.7):
        return float(rng.uniform(0.4, 0.62))
    return log_uniform(rng, GSD_M_MIN, GSD_M_MAX)


def log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def dilated(mask: np.ndarray, radius_px: float) -> np.ndarray:
    size = 2 * max(1, round(radius_px)) + 1
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))


def mix(onto: np.ndarray, other: np.ndarray, mask: np.ndarray, soft_px: float) -> None:
    """Lays `other` over `onto` where `mask` (0..255) says, with a soft edge."""
    alpha = cv2.GaussianBlur(mask, (0, 0), max(0.3, soft_px)).astype(np.float32)[..., None] / 255
    onto[:] = np.clip(onto + alpha * (other.astype(np.float32) - onto), 0, 255)


def erase(rng: Rng, date: Crop, other: Crop, gsd_m: float) -> None:
    """Takes some of the buildings both dates have out of one date."""
    numbers = np.unique(date.objects)
    numbers = numbers[numbers > 0]
    if len(numbers) == 0:
        return
    share = rng.choice([0.15, 0.4, 0.8, 1.0])
    chosen = numbers[rng.random(len(numbers)) < share]
    gone = np.isin(date.objects, chosen) * np.uint8(255)
    region = dilated(gone, rng.uniform(0.6, 2.2) / gsd_m)
    region[(date.objects > 0) & (gone == 0)] = 0
    mix(date.image, date.erased, region, 0.6)
    date.built[gone > 0] = 0
    other.only[gone > 0] = 255


def clear(date: Crop) -> None:
    """Takes every building out of a date, as if none had ever stood there."""
    date.image[:] = date.erased
    date.built[:] = 0
    date.only[:] = 0
    date.objects = np.zeros_like(date.objects)


def compose(rng: Rng, dates: list[Crop], absent: Crop | None, donor: Crop, gsd_m: float) -> None:
    """Builds structures on free ground of `dates`; they are new or removed against `absent`."""
    sun = draw.Sun.random(rng)
    style = rng.choice(["cut", "estate", "halls", "mixed"], p=[0.36, 0.26, 0.26, 0.12])
    estate = draw.Estate.random(rng, SIDE, gsd_m)
    if chance(rng, 0.7 if style in ("estate", "halls") else 0.2):
        for date in (*dates, absent):
            if date is not None:
                clear(date)
    if style == "estate":
        places = [place for place in estate.places() if chance(rng, 0.85)][:ESTATE_HOUSES_MAX]
        lay_out_free(rng, dates, estate)
    else:
        places = list(rng.uniform(0, SIDE, (rng.integers(1, 5 if style == "halls" else 13), 2)))
    colour = draw.ROOF_COLOURS[rng.integers(len(draw.ROOF_COLOURS))]
    taken = dates[0].built | (absent.built if absent else 0)
    for number, centre in enumerate(places):
        extends = chance(rng, EXTENSION_SHARE)
        if extends:
            stamp = extension_stamp(rng, dates[0], taken)
        elif style == "cut" or (style == "mixed" and number % 2):
            stamp = cut_stamp(rng, donor, centre)
        elif style == "estate":
            stamp = house_stamp(rng, centre, estate.angle, colour, gsd_m)
        else:
            stamp = hall_stamp(rng, centre, estate.angle, gsd_m)
        if stamp is None or (not extends and (dilated(stamp.mask, 1) & taken).any()):
            continue
        taken |= stamp.mask
        seed, height_px, darkness = int(rng.integers(2**31)), rng.uniform(2.5, 12) / gsd_m, rng.uniform(0.3, 0.8)
        yard_gsd_m = gsd_m if style != "estate" and chance(rng, 0.4) else None
        for date in dates:
            stand(np.random.default_rng(seed), date, stamp, sun, height_px, darkness, yard_gsd_m)
            if absent is not None:
                date.only |= stamp.mask


def lay_out_free(rng: Rng, dates: list[Crop], estate: draw.Estate) -> None:
    """Draws an estate's ground around whatever already stands there, alike on every date."""
    seed = int(rng.integers(2**31))
    for date in dates:
        ground = date.image.copy()
        draw.lay_out(np.random.default_rng(seed), ground, estate)
        date.image[date.built == 0] = ground[date.built == 0]


@dataclass(frozen=True)
class Stamp:
    """A structure ready to be set down: picture, mask over the whole crop, outline points."""

    image: np.ndarray
    mask: np.ndarray
    points: np.ndarray


def cut_stamp(rng: Rng, donor: Crop, centre: np.ndarray) -> Stamp | None:
    """A whole building of the donor crop, moved to `centre`."""
    numbers = np.unique(donor.objects[donor.valid > 0])
    numbers = numbers[numbers > 0]
    if len(numbers) == 0:
        return None
    mask = (donor.objects == rng.choice(numbers)) * np.uint8(255)
    left, top, width, height = cv2.boundingRect(mask)
    if left == 0 or top == 0 or left + width == SIDE or top + height == SIDE or width * height < 20:
        return None
    shift = np.round(centre - (left + width / 2, top + height / 2))
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    mask = cv2.warpAffine(mask, matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    image = cv2.warpAffine(donor.image, matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    return Stamp(image, mask, max(contours, key=cv2.contourArea)[:, 0].astype(np.float64))


def house_stamp(rng: Rng, centre: np.ndarray, angle: float, colour: np.ndarray, gsd_m: float) -> Stamp | None:
    """A drawn house of an estate: much like its neighbours."""
    size_px = rng.uniform((10, 8), (19, 14)) / gsd_m
    turn = angle + rng.normal(0, 0.06) + rng.integers(2) * np.pi / 2
    if chance(rng, 0.3):
        colour = draw.ROOF_COLOURS[rng.integers(len(draw.ROOF_COLOURS))]
    return drawn_stamp(rng, centre + rng.normal(0, 1.2 / gsd_m, 2), size_px, turn, colour)


def hall_stamp(rng: Rng, centre: np.ndarray, angle: float, gsd_m: float) -> Stamp | None:
    """A drawn building of any size up to a large plant."""
    length_m = min(log_uniform(rng, 10, 130), HALL_SHARE_MAX * SIDE * gsd_m)
    size_px = np.array([length_m, length_m * rng.uniform(0.25, 0.9)]) / gsd_m
    colour = draw.ROOF_COLOURS[rng.integers(len(draw.ROOF_COLOURS))]
    return drawn_stamp(rng, centre, size_px, angle + rng.integers(2) * np.pi / 2, colour)


def extension_stamp(rng: Rng, date: Crop, taken: np.ndarray) -> Stamp | None:
    """A part added to an end of a building that already stands, mostly under a roof of the same colour."""
    numbers = np.unique(date.objects)
    numbers = numbers[numbers > 0]
    if len(numbers) == 0:
        return None
    building = (date.objects == rng.choice(numbers)) & (date.built > 0)
    points = np.argwhere(building)[:, ::-1].astype(np.float32)
    if len(points) < EXTENDED_AREA_PX_MIN:
        return None
    centre, size, degrees = cv2.minAreaRect(points)
    turn, size_px = np.deg2rad(degrees), np.array(size) * rng.uniform((0.3, 0.6), (1.2, 1.0))
    along = np.array([np.cos(turn), np.sin(turn)]) * rng.choice([-1, 1])
    same = date.image[building].mean(0)
    colour = same if chance(rng, 0.7) else draw.ROOF_COLOURS[rng.integers(len(draw.ROOF_COLOURS))]
    stamp = drawn_stamp(rng, np.array(centre) + along * (size[0] + size_px[0]) / 2, size_px, turn, colour)
    if stamp is None or (stamp.mask & taken).sum() > 0.3 * stamp.mask.sum():
        return None
    stamp.mask[taken > 0] = 0
    return stamp


def drawn_stamp(rng: Rng, centre: np.ndarray, size_px: np.ndarray, turn: float, colour: np.ndarray) -> Stamp | None:
    """A drawn structure."""
    points = draw.outline(rng, centre, *size_px, turn)
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    mask = draw.roof(rng, image, points, turn, colour + rng.uniform(-18, 18))
    return None if mask is None or not mask.any() else Stamp(image, mask, points)


def stand(
    rng: Rng, date: Crop, stamp: Stamp, sun: draw.Sun, height_px: float, darkness: float, yard_gsd_m: float | None
) -> None:
    """Sets a structure down: the ground worked around it, its shadow, then itself."""
    ground = date.image.copy()
    if yard_gsd_m is not None:
        centre = stamp.points.mean(0)
        size = np.ptp(stamp.points, 0).max() + rng.uniform(4, 30) / yard_gsd_m
        yard = draw.rectangle(centre + rng.normal(0, 2, 2), size, size * rng.uniform(0.7, 1), rng.uniform(0, np.pi))
        draw.soil(rng, ground, yard, rng.uniform(0.3, 2))
    draw.cast_shadow(ground, stamp.points, height_px, sun, darkness)
    date.image[date.built == 0] = ground[date.built == 0]
    mix(date.image, stamp.image, stamp.mask, 0.5)
    date.built |= stamp.mask


def change_ground(rng: Rng, date: Crop, donor: Crop, gsd_m: float) -> None:
    """Changes ground between the buildings: earthworks, fields, roads, trees, water, other ground laid over."""
    ground = date.image.copy()
    sun = draw.Sun.random(rng)
    for _ in range(rng.integers(1, 5)):
        kind = rng.integers(8)
        centre = rng.uniform(0, SIDE, 2)
        if kind == 0:
            draw.soil(rng, ground, draw.blob(rng, centre, log_uniform(rng, 3, 120) / gsd_m), rng.uniform(0.3, 3))
        elif kind == 1:
            length, width = log_uniform(rng, 5, 300) / gsd_m, log_uniform(rng, 5, 200) / gsd_m
            draw.soil(rng, ground, draw.rectangle(centre, length, width, rng.uniform(0, np.pi)), rng.uniform(0.3, 2))
        elif kind == 2:
            draw.road(rng, ground, gsd_m)
        elif kind == 3:
            draw.trees(rng, ground, gsd_m, sun)
        elif kind == 4:
            draw.water(rng, ground, gsd_m)
        elif kind == 5:
            draw.lay_out(rng, ground, draw.Estate.random(rng, SIDE, gsd_m))
        elif kind == 6:
            lay_ground(rng, ground, donor.erased, centre, gsd_m)
        else:
            lay_ground(rng, ground, date.erased, centre, gsd_m)
    date.image[date.built == 0] = ground[date.built == 0]


def lay_ground(rng: Rng, ground: np.ndarray, source: np.ndarray, centre: np.ndarray, gsd_m: float) -> None:
    """Lays other ground over a blob or a building-shaped patch, as erasing a building does."""
    if chance(rng, 0.5):
        points = draw.blob(rng, centre, rng.uniform(3, 40) / gsd_m)
    else:
        points = draw.rectangle(centre, *(rng.uniform(6, 40, 2) / gsd_m), rng.uniform(0, np.pi))
    mask = np.zeros(ground.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)
    mix(ground, np.roll(source, tuple(rng.integers(0, SIDE, 2)), (0, 1)), mask, rng.uniform(0.4, 2))


def add_loose_things(rng: Rng, date: Crop, gsd_m: float) -> None:
    """Vehicles, loose shadows, a few trees over anything."""
    if gsd_m < 1.1:
        for _ in range(rng.integers(0, 4)):
            draw.vehicles(rng, date.image, gsd_m)
    for _ in range(rng.integers(0, 3)):
        draw.loose_shadow(rng, date.image, gsd_m)
    if chance(rng, 0.25):
        draw.trees(rng, date.image, gsd_m, draw.Sun.random(rng))


def repaint(rng: Rng, date: Crop) -> None:
    """Gives some roofs another colour."""
    numbers = np.unique(date.objects)
    numbers = numbers[numbers > 0]
    if len(numbers) == 0:
        return
    chosen = numbers[rng.random(len(numbers)) < 0.3]
    roofs = np.isin(date.objects, chosen) & (date.built > 0)
    if not roofs.any():
        return
    colour = draw.ROOF_COLOURS[rng.integers(len(draw.ROOF_COLOURS))]
    amount = rng.uniform(0.3, 0.9)
    part = date.image[roofs].astype(np.float32)
    grey = part.mean(1, keepdims=True) - part.mean()
    date.image[roofs] = np.clip(part + amount * (colour + grey - part), 0, 255)


def cross_pair(first: Crop, second: Crop) -> np.ndarray:
    """Labels two unrelated places as two dates; returns where the label is a sliver and must not count."""
    built = first.built > 0, second.built > 0
    uncertain = np.zeros((SIDE, SIDE), np.uint8)
    for date, own, other in ((first, *built), (second, *built[::-1])):
        date.only = (own & ~other) * np.uint8(255)
        whole = cv2.morphologyEx(date.only, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        uncertain |= date.only & ~whole
        date.only = whole
    return uncertain


def blank_block(rng: Rng, images: list[np.ndarray]) -> np.ndarray:
    """Ground that a date does not show, black on both as a detector makes it; returns its mask."""
    gone = np.zeros((SIDE, SIDE), np.uint8)
    corner = rng.uniform(-20, SIDE + 20, 2)
    shape = draw.rectangle(corner, *rng.uniform(40, 260, 2), rng.choice([0.0, rng.uniform(0, np.pi)]))
    cv2.fillPoly(gone, [np.round(shape).astype(np.int32)], 255)
    for image in images:
        image[gone > 0] = 0
    return gone


def cloud(rng: Rng, image: np.ndarray) -> np.ndarray:
    """A soft bright cloud; returns where it hides the ground."""
    points = draw.blob(rng, rng.uniform(0, SIDE, 2), rng.uniform(15, 70))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), rng.uniform(4, 14))
    white = np.full_like(image, 235)
    alpha = soft.astype(np.float32)[..., None] / 255 * rng.uniform(0.6, 1)
    image[:] = np.clip(image + alpha * (white.astype(np.float32) - image), 0, 255)
    return (soft > 100) * np.uint8(255)


def edge_of(mask: np.ndarray) -> np.ndarray:
    """The two-pixel band along a mask's edge."""
    return cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))


def finish(rng: Rng, before: Crop, after: Crop, uncertain: np.ndarray, strength: jitter.Strength) -> Sample:
    """Shifts, lights and stacks the two dates; swaps them in half of the samples."""
    dates = [before, after] if chance(rng, 0.5) else [after, before]
    images, onlys, builts, valids, knowns = [], [], [], [], []
    unsure = np.zeros((SIDE, SIDE), np.uint8)
    for date in dates:
        matrix = jitter.misfit(rng, SIDE, strength)
        images.append(jitter.moved(date.image, matrix, cv2.INTER_CUBIC))
        onlys.append(jitter.moved(date.only, matrix, cv2.INTER_LINEAR))
        builts.append(jitter.moved(date.built, matrix, cv2.INTER_LINEAR))
        valids.append(jitter.moved(date.valid, matrix, cv2.INTER_NEAREST))
        knowns.append(valids[-1] & jitter.moved(date.known, matrix, cv2.INTER_NEAREST))
        unsure |= jitter.moved(uncertain, matrix, cv2.INTER_NEAREST)
    images = [jitter.swayed(rng, image) if chance(rng, strength.sway) else image for image in images]
    if chance(rng, strength.coarse):
        images = jitter.coarse(rng, images)
    images = light_and_sensor(rng, images, strength)
    usable = (valids[0] & valids[1]) & ~unsure
    weights = [weigh_gaps(usable, onlys[1]), weigh_gaps(usable, onlys[0]), *knowns]
    if chance(rng, 0.05):
        hidden = cloud(rng, images[rng.integers(2)])
        weights = [weight & ~hidden for weight in weights]
    if chance(rng, 0.12):
        gone = blank_block(rng, images)
        # Nothing may be called new or removed where a date has no pixels; buildings there are not asked for.
        for only in onlys:
            only[gone > 0] = 0
        weights[2:] = [weight & ~gone for weight in weights[2:]]
    boundary = np.maximum(edge_of(builts[0]), edge_of(builts[1]))
    pair = np.concatenate(images, 2).transpose(2, 0, 1)
    target = np.stack([onlys[1], onlys[0], builts[0], builts[1], boundary])
    return Sample(np.ascontiguousarray(pair), target, np.stack([*weights, weights[2] & weights[3]]))


def weigh_gaps(usable: np.ndarray, only: np.ndarray) -> np.ndarray:
    """The weight of one date's changes: three times as much in the narrow ground between buildings."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP_PX, GAP_PX))
    built = (only > 127) * np.uint8(255)
    gaps = cv2.morphologyEx(built, cv2.MORPH_CLOSE, kernel) & ~built
    return usable & np.where(gaps > 0, np.uint8(255), np.uint8(PLAIN_WEIGHT))


def light_and_sensor(rng: Rng, images: list[np.ndarray], strength: jitter.Strength) -> list[np.ndarray]:
    """Independent light and sensor per date; grey for both dates or one by chance."""
    images = [jitter.photometric(rng, image) if chance(rng, strength.light) else image for image in images]
    grey_both, grey_one = chance(rng, 0.1 * strength.light), chance(rng, 0.05 * strength.light)
    if grey_both or grey_one:
        which = rng.integers(2)
        images = [jitter.grey(rng, image) if grey_both or i == which else image for i, image in enumerate(images)]
    return images


def unrelated_grounds(rng: Rng, before: Crop, after: Crop, gsd_m: float, strength: jitter.Strength) -> Sample:
    """Two places without their buildings: everything differs and nothing was built."""
    for date in (before, after):
        clear(date)
        if chance(rng, 0.5):
            change_ground(rng, date, before, gsd_m)
            add_loose_things(rng, date, gsd_m)
    return finish(rng, before, after, np.zeros((SIDE, SIDE), np.uint8), strength)


def sample_from_places(rng: Rng, ground: Ground, gsd_m: float | None = None) -> Sample:
    """One sample of a random kind, and of a random resolution if none is given."""
    gsd_m = gsd_m or random_gsd_m(rng)
    kind = rng.choice(list(KINDS), p=list(KINDS.values()))
    strength = jitter.REGISTERED if chance(rng, REGISTERED_SHARE) else jitter.STRONG
    nothing = np.zeros((SIDE, SIDE), np.uint8)
    donor = ground.crop(rng, gsd_m)
    if kind == "cross":
        first, second = donor, ground.crop(rng, gsd_m)
        return finish(rng, first, second, cross_pair(first, second), strength)
    if kind == "ground":
        return unrelated_grounds(rng, donor, ground.crop(rng, gsd_m), gsd_m, strength)
    labelled = kind != "unchanged" or not ground.unlabelled or not chance(rng, UNLABELLED_SHARE)
    before = ground.crop(rng, gsd_m, labelled)
    after = before.copy()
    for date in (before, after):
        if chance(rng, 0.65):
            change_ground(rng, date, donor, gsd_m)
    if kind == "unchanged" and chance(rng, 0.35):
        compose(rng, [before, after], None, donor, gsd_m)
    if kind in ("erased", "both"):
        erase(rng, before, after, gsd_m)
    if kind in ("composed", "both"):
        compose(rng, [after], before, donor, gsd_m)
    if chance(rng, 0.2):
        repaint(rng, after)
    for date in (before, after):
        if chance(rng, 0.6):
            add_loose_things(rng, date, gsd_m)
    return finish(rng, before, after, nothing, strength)
