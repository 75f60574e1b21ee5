"""Geometry of a shower from the planes that its images and telescopes span.

The long axis of an image and the telescope span a plane that holds the shower. Two planes cross in
the direction of the shower, pairs are averaged. Lines along the axes, in the plane across the
pointing, meet at the core; lines from the telescopes to the centres of their images meet at the
maximum of the shower (Hofmann et al. 1999, astro-ph/9904234; with telescopes that point apart:
T. Gasparetto, thesis, University of Trieste (2020), 7.1.4). This is the definition, and these are
the columns, of the HillasReconstructor of the CTAO pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .coordinates import from_offsets, to_offsets
from .stereo import ImageCuts, ImageTable, arrange, check, events_of

Float = NDArray[np.float64]
Angles = tuple[ArrayLike, ArrayLike]

NAMES = (
    *("alt", "alt_uncert", "az", "az_uncert", "ang_distance_uncert"),
    *("core_x", "core_y", "core_uncert_x", "core_uncert_y"),
    *("core_tilted_x", "core_tilted_y", "core_tilted_uncert_x", "core_tilted_uncert_y"),
    *("h_max", "h_max_uncert", "average_intensity", "goodness_of_fit"),
)
"""Numbers of a shower: deg, m, p.e.; NaN where it has none, and where the method gives no error."""

_PAIRS_AT_ONCE = 1 << 18
"""Planes are crossed in blocks of so many pairs, to bound the memory."""


@dataclass(frozen=True)
class Station:
    """A telescope on the ground.

    Attributes
    ----------
    x, y, z : float, m
        To the north, to the west and up, from the origin of the array.
    camera_radius : float, deg
        A tenth of it, along the axis of an image, spans the plane.
    """

    x: float
    y: float
    z: float
    camera_radius: float


def geometry_type(n_telescopes: int) -> np.dtype[np.void]:
    """Return the type of a row for an array: event_id, is_valid, the `NAMES`, telescopes used."""
    return np.dtype(
        [
            ("event_id", np.int64),
            ("is_valid", np.bool_),
            *((name, np.float64) for name in NAMES),
            ("telescopes", np.bool_, (n_telescopes,)),
        ]
    )


def cross_planes(
    images: Mapping[int, NDArray[np.void]],
    stations: Mapping[int, Station],
    pointing: Angles,
    *,
    height: float = 0.0,
    cuts: ImageCuts | None = None,
    pointings: Mapping[int, Angles] | None = None,
) -> NDArray[np.void]:
    """Reconstruct direction, core and height of maximum of each event.

    A pair of planes counts by the product of intensity * length / width of its images and by the
    sine between the planes. The uncertainty of the direction is the mean angle between it and
    the crossings.

    Parameters
    ----------
    images : mapping of tel_id to structured array
        With the fields of `stereo.FIELDS`; offsets in azimuth and altitude, deg.
    stations : mapping of tel_id to Station
    pointing : (alt, az), deg
        Of the array, for all events or, float64 (n_events), for each in the order of event_id.
    height : float, m
        Of the origin of the array above the sea; NaN if unknown, and then h_max is.
    cuts : ImageCuts, optional
    pointings : mapping of tel_id to (alt, az), deg, optional
        Of telescopes that point elsewhere than the array does.

    Returns
    -------
    geometry_type (n_events)
        One row for each event that any telescope saw, ordered by event_id; ``telescopes`` are in
        the order of tel_id. is_valid is False, and numbers are NaN, for fewer telescopes than the
        cuts want, and for planes that do not cross.

    Raises
    ------
    BadValue
        A field or a station is missing, or an event stands twice in a telescope.
    """
    check(images, stations)
    cuts = cuts or ImageCuts()
    tel_ids, event_id = sorted(images), events_of(images)
    rows = np.zeros(len(event_id), geometry_type(len(tel_ids)))
    rows["event_id"] = event_id
    for name in NAMES:
        rows[name] = np.nan
    n_pairs = max(1, len(tel_ids) * (len(tel_ids) - 1) // 2)
    size = max(1, _PAIRS_AT_ONCE // n_pairs)
    if not len(event_id):
        return rows
    table = arrange(images, tel_ids, event_id, cuts)
    enough = np.flatnonzero(table.used.sum(axis=1) >= cuts.min_telescopes)
    at = _by_event(pointing, len(event_id))
    each = [_by_event((pointings or {}).get(t, pointing), len(event_id)) for t in tel_ids]
    places = [stations[t] for t in tel_ids]
    for start in range(0, len(enough), size):
        part = enough[start : start + size]
        own = np.stack([angles[:, part] for angles in each], axis=-1)
        found = _Showers(_rows_of(table, part), places, own, at[:, part, np.newaxis])
        found.fill(rows, part, height)
    return rows


def _by_event(angles: Angles, n_events: int) -> Float:
    alt, az = (np.broadcast_to(np.asarray(a, np.float64), (n_events,)) for a in angles)
    return np.stack([alt, az])


def _rows_of(table: ImageTable, part: NDArray[np.int64]) -> ImageTable:
    return ImageTable(table.used[part], {n: v[part] for n, v in table.values.items()})


class _Showers:
    """Some events of an array, each with two images and more; arrays are events by telescopes."""

    def __init__(
        self, table: ImageTable, places: list[Station], pointings: Float, array: Float
    ) -> None:
        self.table, self.array = table, array
        self.places = np.array([(p.x, p.y, p.z) for p in places])
        psi, step = np.radians(table["psi"]), np.array([0.1 * p.camera_radius for p in places])
        lon, lat = table["fov_lon"], table["fov_lat"]
        beside = lon + step * np.cos(psi), lat + step * np.sin(psi)
        alt, az = pointings
        # azimuth and altitude of the centre of the image, and of a second place on its axis
        self.centre = from_offsets(lon, lat, az, alt)
        self.second = from_offsets(*beside, az, alt)
        self.towards_centre = _vector(*self.centre)

    def fill(self, rows: NDArray[np.void], part: NDArray[np.int64], height: float) -> None:
        """Fill the rows of these events."""
        used = self.table.used
        direction, scatter = self._direction()
        x, y = self._core()
        (north, west), peak = self._on_ground(x, y), self._maximum()
        is_valid = np.isfinite(direction).all(axis=1) & np.isfinite(x + y + peak)
        alt = np.degrees(np.arctan2(direction[:, 2], np.hypot(direction[:, 0], direction[:, 1])))
        az = np.degrees(np.arctan2(-direction[:, 1], direction[:, 0])) % 360.0
        values = {
            **{"alt": alt, "az": az, "alt_uncert": scatter, "az_uncert": scatter},
            **{"core_tilted_x": x, "core_tilted_y": y, "core_x": north, "core_y": west},
            "h_max": peak + height,
            "average_intensity": self.table["intensity"].sum(axis=1) / used.sum(axis=1),
        }
        for name, value in values.items():
            rows[name][part] = np.where(is_valid, value, np.nan)
        rows["is_valid"][part] = is_valid
        rows["telescopes"][part] = used & is_valid[:, np.newaxis]

    def _direction(self) -> tuple[Float, Float]:
        """Return the mean crossing of the planes, and the mean angle to it in deg."""
        table = self.table
        first, second = np.triu_indices(table.used.shape[1], 1)
        paired = table.used[:, first] & table.used[:, second]
        normal = np.cross(self.towards_centre, _vector(*self.second))
        crossing = np.cross(normal[:, first], normal[:, second])
        crossing[crossing[..., 2] < 0] *= -1
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = np.where(table.used, table["intensity"] * table["length"] / table["width"], 0)
            weights = weight[:, first] * weight[:, second]
            mean = (weights[..., np.newaxis] * crossing).sum(axis=1)
            mean /= np.linalg.norm(mean, axis=-1, keepdims=True)
            cosine = (crossing @ mean[..., np.newaxis])[..., 0] / np.linalg.norm(crossing, axis=-1)
        angle = np.where(paired, np.arccos(np.clip(cosine, -1.0, 1.0)), 0.0)
        return mean, np.degrees(angle.sum(axis=1) / paired.sum(axis=1))

    def _core(self) -> tuple[Float, Float]:
        """Return where the axes of the images meet, in the plane across the pointing (m)."""
        alt, az = np.radians(self.array)
        north, west, up = self.places.T
        x = np.sin(alt) * (np.cos(az) * north - np.sin(az) * west) - np.cos(alt) * up
        y = np.sin(az) * north + np.cos(az) * west
        lon1, lat1 = to_offsets(*self.centre, self.array[1], self.array[0])
        lon2, lat2 = to_offsets(*self.second, self.array[1], self.array[0])
        # the tilted x axis is that of altitude
        along = np.stack([lat2 - lat1, lon2 - lon1], axis=-1)
        meeting = _meeting(along, np.stack([x, y], axis=-1), self.table.used)
        return meeting[:, 0], meeting[:, 1]

    def _on_ground(self, x: Float, y: Float) -> tuple[Float, Float]:
        """Follow the pointing from the plane across it down to the ground."""
        alt, az = np.radians(self.array[..., 0])
        along = x / np.sin(alt)
        return along * np.cos(az) + y * np.sin(az), y * np.cos(az) - along * np.sin(az)

    def _maximum(self) -> Float:
        """Return the height at which the lines of sight meet (m)."""
        places = np.broadcast_to(self.places, self.towards_centre.shape)
        return _meeting(self.towards_centre, places, self.table.used)[:, 2]


def _vector(az: Float, alt: Float) -> Float:
    """Return unit vectors to the north, to the west and up."""
    az, alt = np.radians(az), np.radians(alt)
    return np.stack([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)], axis=-1)


def _meeting(along: Float, places: Float, used: NDArray[np.bool_]) -> Float:
    """Return the point of least summed squared distance to lines; NaN for parallel lines."""
    with np.errstate(invalid="ignore"):
        unit = along / np.linalg.norm(along, axis=-1, keepdims=True)
    n = unit.shape[-1]
    across = np.eye(n) - unit[..., :, np.newaxis] * unit[..., np.newaxis, :]
    across = np.where(used[..., np.newaxis, np.newaxis], across, 0.0)
    matrix = across.sum(axis=1)
    right = (across @ places[..., np.newaxis]).sum(axis=1)
    out = np.full((len(used), n), np.nan)
    usable = np.isfinite(matrix).all(axis=(1, 2))
    usable[usable] = np.abs(np.linalg.det(matrix[usable])) > 1e-14
    out[usable] = np.linalg.solve(matrix[usable], right[usable])[..., 0]
    return out
