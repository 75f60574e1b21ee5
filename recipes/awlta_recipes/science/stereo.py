"""Geometry of a shower from its images in two and more telescopes.

The long axis of every image runs through the direction the shower came from, and points,
on the ground, from the telescope to the core. Axes are crossed in pairs and the crossings
averaged (Hofmann et al. 1999, astro-ph/9904234, algorithm 1). The sky is flat here: within 3 deg
of the pointing a crossing moves by less than 0.003 deg. `planes` crosses great circles instead.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

Float = NDArray[np.float64]

FIELDS = (
    *("event_id", "intensity", "fov_lon", "fov_lat", "psi"),
    *("length", "width", "n_pixels", "leakage"),
)
"""What an image must tell: p.e., deg, and the fraction of light in the camera's outermost row."""

SHOWER = np.dtype(
    [
        ("event_id", np.int64),
        ("n_telescopes", np.int16),
        ("is_valid", np.bool_),
        *((n, np.float64) for n in ("fov_lon", "fov_lat", "direction_spread")),
        *((n, np.float64) for n in ("core_lon", "core_lat", "distance_max")),
        *((n, np.float64) for n in ("mean_width", "mean_length", "intensity")),
    ]
)
"""A reconstructed shower.

n_telescopes counts the images used; is_valid is False, and what follows NaN, where they were
fewer than two or all parallel. fov_lon and fov_lat (deg) are the direction relative to the
pointing, direction_spread (deg) the weighted scatter of the crossings, core_lon and core_lat (m)
the core in the plane across the pointing, distance_max (m) the distance of the brightest part
along the pointing. mean_width and mean_length (deg) are weighted by intensity, whose sum (p.e.)
comes last.
"""

_PARALLEL = 1e-3
_MOST_ELONGATED = 8.0


@dataclass(frozen=True)
class ImageCuts:
    """Which images may be used.

    Attributes
    ----------
    min_intensity : float, p.e.
    min_pixels : int
    max_leakage : float
        Fraction of the light in the outermost row of the camera.
    min_telescopes : int
        Images that a shower needs, 2 or more.
    """

    min_intensity: float = 50.0
    min_pixels: int = 4
    max_leakage: float = 0.2
    min_telescopes: int = 2


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Images by event and telescope, float64 (n_events, n_telescopes); 0 where there is none."""

    used: NDArray[np.bool_]
    values: Mapping[str, Float]

    def __getitem__(self, name: str) -> Float:
        return self.values[name]


def reconstruct(
    images: Mapping[int, NDArray[np.void]],
    positions: Mapping[int, tuple[float, float]],
    cuts: ImageCuts | None = None,
) -> NDArray[np.void]:
    """Reconstruct direction and core of each event.

    Parameters
    ----------
    images : mapping of tel_id to structured array
        With the `FIELDS`; angles in deg, ``psi`` that of the long axis from ``lon`` to ``lat``.
    positions : mapping of tel_id to (lon, lat), m
        Telescopes in the plane across the pointing, as ``tilted_positions`` gives them.
    cuts : ImageCuts, optional

    Returns
    -------
    SHOWER (n_events)
        One row for each event that any telescope saw, ordered by event_id.

    Raises
    ------
    BadValue
        A field or a telescope position is missing, or an event stands twice in a telescope.
    """
    tel_ids = sorted(images)
    check(images, positions)
    event_id = events_of(images)
    rows = np.zeros(len(event_id), SHOWER)
    rows["event_id"] = event_id
    if not len(event_id):
        return rows
    table = arrange(images, tel_ids, event_id, cuts or ImageCuts())
    places = np.array([positions[t] for t in tel_ids], np.float64)
    _fill(rows, table, places)
    return rows


def events_of(images: Mapping[int, NDArray[np.void]]) -> NDArray[np.int64]:
    """Return the event_id that any telescope saw, in rising order."""
    ids = [table["event_id"] for table in images.values()]
    return np.unique(np.concatenate([np.empty(0, np.int64), *ids]))


def check(images: Mapping[int, NDArray[np.void]], positions: Container[int]) -> None:
    """Refuse images without the `FIELDS`, without a place, or of one event twice."""
    for tel_id, table in images.items():
        missing = [f for f in FIELDS if f not in (table.dtype.names or ())]
        if missing:
            raise BadValue(
                f"images of telescope {tel_id} without {', '.join(missing)}",
                expected=f"the fields {', '.join(FIELDS)}",
                do="Rename the columns of the image parameters",
            )
        if tel_id not in positions:
            raise BadValue(
                f"no position for telescope {tel_id}",
                expected=f"a position for each of {sorted(images)}",
                do="Take the positions from the run header",
            )
        if len(np.unique(table["event_id"])) != len(table):
            raise BadValue(
                f"an event stands twice in telescope {tel_id}",
                expected="each event_id once",
                do="Reconstruct run by run",
            )


def arrange(
    images: Mapping[int, NDArray[np.void]],
    tel_ids: list[int],
    event_id: NDArray[np.int64],
    cuts: ImageCuts,
) -> ImageTable:
    """Put the images that pass the cuts into a table of events and telescopes."""
    shape = (len(event_id), len(tel_ids))
    values = {name: np.zeros(shape) for name in FIELDS if name != "event_id"}
    used = np.zeros(shape, np.bool_)
    for column, tel_id in enumerate(tel_ids):
        table = images[tel_id]
        row = np.searchsorted(event_id, table["event_id"])
        good = _usable(table, cuts)
        used[row[good], column] = True
        for name, dense in values.items():
            dense[row[good], column] = table[name][good]
    return ImageTable(used, values)


def _usable(table: NDArray[np.void], cuts: ImageCuts) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        good = (table["intensity"] >= cuts.min_intensity) & (table["n_pixels"] >= cuts.min_pixels)
        good &= (table["width"] > 0) & (table["length"] > 0)
        good &= ~(table["leakage"] > cuts.max_leakage)
    for name in ("fov_lon", "fov_lat", "psi"):
        good &= np.isfinite(table[name])
    return np.asarray(good)


def _fill(rows: NDArray[np.void], table: ImageTable, places: Float) -> None:
    intensity = table["intensity"]
    total = intensity.sum(axis=1)
    along = np.stack([np.cos(np.radians(table["psi"])), np.sin(np.radians(table["psi"]))], axis=-1)
    images = np.stack([table["fov_lon"], table["fov_lat"]], axis=-1)
    on_ground = np.broadcast_to(places, along.shape)
    quality = _axis_quality(intensity, table["length"], table["width"], table.used)
    direction, spread = _cross_in_pairs(images, along, quality, table.used)
    core, _ = _cross_in_pairs(on_ground, along, quality, table.used)
    rows["n_telescopes"] = table.used.sum(axis=1)
    rows["is_valid"] = np.isfinite(direction).all(axis=1) & np.isfinite(core).all(axis=1)
    rows["intensity"] = total
    for name, of in (("mean_width", "width"), ("mean_length", "length")):
        rows[name] = _ratio((intensity * table[of]).sum(axis=1), total)
    rows["fov_lon"], rows["fov_lat"], rows["direction_spread"] = *direction.T, spread
    rows["core_lon"], rows["core_lat"] = core.T
    rows["distance_max"] = _distance(images, direction, on_ground, core, intensity)
    for name in SHOWER.names[3:-1] if SHOWER.names else ():
        rows[name][~rows["is_valid"]] = np.nan


def _axis_quality(intensity: Float, length: Float, width: Float, used: NDArray[np.bool_]) -> Float:
    """Return one over the variance of the axes' directions, but for a factor.

    For a Gaussian image it is ``intensity * (length / width - width / length)**2``: a round
    image has no axis. Elongation is capped, since faint images can be arbitrarily thin.
    """
    elongation = np.ones_like(intensity)
    np.divide(length, width, out=elongation, where=used)
    elongation = np.clip(elongation, 1.0, _MOST_ELONGATED)
    return intensity * (elongation - 1.0 / elongation) ** 2


def _cross_in_pairs(
    point: Float, along: Float, quality: Float, used: NDArray[np.bool_]
) -> tuple[Float, Float]:
    """Return the weighted mean crossing of lines, (n_events, 2), and the scatter about it.

    A pair counts by its reduced quality and by the square of the sine between its axes, since
    the error of a crossing goes with one over the sine.
    """
    crossings, weights = [], []
    for i, j in combinations(range(used.shape[1]), 2):
        sine = along[:, i, 0] * along[:, j, 1] - along[:, i, 1] * along[:, j, 0]
        valid = used[:, i] & used[:, j] & (np.abs(sine) > _PARALLEL)
        gap = point[:, j] - point[:, i]
        run = _ratio(
            gap[:, 0] * along[:, j, 1] - gap[:, 1] * along[:, j, 0], np.where(valid, sine, 1)
        )
        crossings.append(point[:, i] + run[:, np.newaxis] * along[:, i])
        reduced = _ratio(quality[:, i] * quality[:, j], quality[:, i] + quality[:, j])
        weights.append(np.where(valid, np.nan_to_num(reduced) * sine**2, 0.0))
    if not crossings:
        return np.full((len(used), 2), np.nan), np.full(len(used), np.nan)
    places, weight = np.stack(crossings, axis=1), np.stack(weights, axis=1)
    places[weight == 0] = 0.0
    total = weight.sum(axis=1)
    mean = _ratio((weight[..., np.newaxis] * places).sum(axis=1), total[:, np.newaxis])
    square = ((places - mean[:, np.newaxis]) ** 2).sum(axis=-1)
    return mean, np.sqrt(_ratio((weight * square).sum(axis=1), total))


def _distance(
    images: Float, direction: Float, places: Float, core: Float, intensity: Float
) -> Float:
    """Return how far along the pointing the brightest part is, mean weighted by intensity.

    A telescope at a distance r from the core sees it at the angle r / distance from the
    direction of the shower.
    """
    angle = np.radians(np.hypot(*np.moveaxis(images - direction[:, np.newaxis], -1, 0)))
    impact = np.hypot(*np.moveaxis(places - core[:, np.newaxis], -1, 0))
    weight = np.where(angle > 0, intensity, 0.0)
    return _ratio((weight * impact).sum(axis=1), (weight * np.nan_to_num(angle)).sum(axis=1))


def _ratio(above: Float, below: Float) -> Float:
    above, below = np.broadcast_arrays(above, below)
    out = np.full(above.shape, np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out
