"""Maps of counts, excess and significance around a position, with their background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from awlta.errors import BadValue

from .coordinates import Float, from_offsets, separation, to_offsets
from .significance import excess, li_ma

_ROWS = 512
_LEAST_ACCEPTANCE = 0.02


@dataclass(frozen=True)
class MapGeometry:
    """A square map in the tangent plane.

    Attributes
    ----------
    ra, dec : float, deg
        Centre.
    width : float, deg
    bin_size : float, deg
    """

    ra: float
    dec: float
    width: float = 3.0
    bin_size: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.bin_size <= self.width < 60:
            raise BadValue(
                f"a map of {self.width} deg in bins of {self.bin_size} deg",
                expected="0 < bin_size <= width < 60",
                do="Choose other sizes",
            )

    @property
    def n_bins(self) -> int:
        """Bins along each side."""
        return max(1, round(self.width / self.bin_size))

    def centres(self) -> tuple[Float, Float]:
        """Return ra and dec of the bins, float64 (n_bins, n_bins), deg; rows go with dec."""
        place = (np.arange(self.n_bins) - 0.5 * (self.n_bins - 1)) * self.bin_size
        # Columns go against ra, as FITS images of the sky do.
        eta, xi = np.meshgrid(np.radians(place), np.radians(-place), indexing="ij")
        lon = np.degrees(np.arctan(xi))
        lat = np.degrees(np.arctan(eta * np.cos(np.arctan(xi))))
        return from_offsets(lon, lat, self.ra, self.dec)

    def bins_of(self, ra: ArrayLike, dec: ArrayLike) -> tuple[Float, Float]:
        """Return row and column of positions, float64, counted from the centre of the first bin."""
        lon, lat = (np.radians(a) for a in to_offsets(ra, dec, self.ra, self.dec))
        xi = np.degrees(np.tan(lon))
        eta = np.degrees(np.tan(lat) / np.cos(lon))
        middle = 0.5 * (self.n_bins - 1)
        return middle + eta / self.bin_size, middle - xi / self.bin_size

    def wcs(self) -> dict[str, str | float]:
        """Return the keywords of the FITS world coordinate system of the map."""
        middle = 0.5 * (self.n_bins + 1)
        return {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRPIX1": middle,
            "CRPIX2": middle,
            "CRVAL1": self.ra,
            "CRVAL2": self.dec,
            "CDELT1": -self.bin_size,
            "CDELT2": self.bin_size,
            "RADESYS": "ICRS",
        }


@dataclass(frozen=True, eq=False)
class SkyMap:
    """Counts and what they say, all float64 (n_bins, n_bins).

    Attributes
    ----------
    geometry : MapGeometry
    counts : events to a bin
    on : events within the radius around the middle of a bin
    off : events in the ring around it
    alpha : exposure of the circle over that of the ring, NaN where there is no exposure
    excess : events
    significance : standard deviations, NaN where alpha is
    """

    geometry: MapGeometry
    counts: Float
    on: Float
    off: Float
    alpha: Float
    excess: Float
    significance: Float


@dataclass(frozen=True)
class Region:
    """A circle on the sky, in deg."""

    ra: float
    dec: float
    radius: float


@dataclass(frozen=True, eq=False)
class Events:
    """Directions of events and where the telescopes looked, float64 (n_events,), deg."""

    ra: Float
    dec: Float
    pointing_ra: Float
    pointing_dec: Float

    def pointings(self) -> Float:
        """Return the different pointings, (n_pointings, 2), deg."""
        return np.unique(np.stack([self.pointing_ra, self.pointing_dec], axis=1), axis=0)


@dataclass(frozen=True)
class OnOff:
    """Counts at one position, and their excess and significance."""

    n_on: int
    n_off: int
    alpha: float
    excess: float
    significance: float


def ring_map(
    geometry: MapGeometry,
    events: Events,
    *,
    radius: float = 0.15,
    ring: tuple[float, float] = (0.5, 0.8),
    exclusion: Region | None = None,
    max_offset: float = 1.8,
) -> SkyMap:
    """Make a map with a background from a ring around each place.

    Circle and ring are weighted by the acceptance, which falls with the distance from the
    pointing and is taken from the events outside the exclusion region (Berge, Funk and Hinton
    2007, astro-ph/0610959, section 3).

    Parameters
    ----------
    geometry : MapGeometry
    events : Events
    radius : float, deg
        Of the circle around each place.
    ring : (float, float), deg
        Inner and outer radius.
    exclusion : Region, optional
        Where a source is expected; it enters neither ring nor acceptance.
    max_offset : float, deg
        Events and exposure further from their pointing are left out.
    """
    if not 0 < radius <= ring[0] < ring[1]:
        raise BadValue(
            f"a circle of {radius} deg and a ring of {ring[0]} to {ring[1]} deg",
            expected="0 < radius <= inner < outer",
            do="Choose other radii",
        )
    events = _within(events, max_offset)
    # The rings reach beyond the map, so the exposure is known on a larger one.
    wide = MapGeometry(geometry.ra, geometry.dec, geometry.width + 2.2 * ring[1], geometry.bin_size)
    exposure = _exposure(wide, events, exclusion, max_offset)
    ra, dec = (a.ravel() for a in geometry.centres())
    grid_ra, grid_dec = (a.ravel() for a in wide.centres())
    outside = 1.0 - _inside(grid_ra, grid_dec, exclusion)
    event_outside = 1.0 - _inside(events.ra, events.dec, exclusion)
    place, of_event = _vectors(ra, dec), _vectors(events.ra, events.dec)
    on = _sum_within(place, of_event, np.ones(len(events.ra)), 0.0, radius)
    off = _sum_within(place, of_event, event_outside, *ring)
    weight, of_grid = exposure.ravel(), _vectors(grid_ra, grid_dec)
    on_exposure = _integral(place, of_grid, weight, 0.0, radius)
    off_exposure = _integral(place, of_grid, weight * outside, *ring)
    alpha = np.full(len(ra), np.nan)
    known = (on_exposure > 0) & (off_exposure > 0)
    alpha[known] = on_exposure[known] / off_exposure[known]
    return _finish(geometry, events, on, off, alpha)


def reflected(events: Events, source: Region, *, max_regions: int = 12) -> OnOff:
    """Compare a source with regions at the same distance from each pointing.

    Parameters
    ----------
    events : Events
    source : Region
    max_regions : int
        Most background regions to a pointing.

    Raises
    ------
    BadValue
        The source is so near a pointing that no region fits beside it.
    """
    n_on = n_off = 0
    ratios, offs = [], []
    for ra, dec in events.pointings():
        mine = (events.pointing_ra == ra) & (events.pointing_dec == dec)
        lon, lat = to_offsets(source.ra, source.dec, ra, dec)
        centres = _reflections(float(lon), float(lat), source.radius, max_regions)
        x, y = to_offsets(events.ra[mine], events.dec[mine], ra, dec)
        found = [int((separation(x, y, *c) <= source.radius).sum()) for c in centres]
        n_on += int((separation(x, y, lon, lat) <= source.radius).sum())
        n_off += sum(found)
        ratios.append(1.0 / len(centres))
        offs.append(sum(found))
    weights = np.array(offs) if n_off else np.ones(len(ratios))
    alpha = float(np.average(ratios, weights=weights)) if ratios else 1.0
    return OnOff(
        n_on=n_on,
        n_off=n_off,
        alpha=alpha,
        excess=float(excess(n_on, n_off, alpha)),
        significance=float(li_ma(n_on, n_off, alpha)),
    )


def peak_position(sky: SkyMap, *, radius: float = 0.3) -> tuple[float, float]:
    """Return ra and dec (deg) of the excess: its centroid around the most significant bin.

    The circle is moved to the centroid until it stays, so that its first place does not draw
    the result.

    Raises
    ------
    BadValue
        No bin of the map has a significance.
    """
    if not np.isfinite(sky.significance).any():
        raise BadValue("a map without significance", expected="events and exposure", do="Check it")
    row, column = np.unravel_index(np.nanargmax(sky.significance), sky.significance.shape)
    index = np.indices(sky.significance.shape)
    rows, columns = index[0], index[1]
    weight = np.nan_to_num(np.maximum(sky.excess, 0.0))
    y, x = float(row), float(column)
    for _ in range(20):
        near = np.hypot(rows - y, columns - x) * sky.geometry.bin_size <= radius
        total = weight[near].sum()
        if total <= 0:
            break
        y, x = (
            float((weight[near] * rows[near]).sum() / total),
            float((weight[near] * columns[near]).sum() / total),
        )
    return _position(sky.geometry, y, x)


def _within(events: Events, max_offset: float) -> Events:
    near = separation(events.ra, events.dec, events.pointing_ra, events.pointing_dec) <= max_offset
    return Events(
        events.ra[near], events.dec[near], events.pointing_ra[near], events.pointing_dec[near]
    )


def _inside(ra: Float, dec: Float, region: Region | None) -> Float:
    if region is None:
        return np.zeros(len(ra))
    return (separation(ra, dec, region.ra, region.dec) <= region.radius).astype(np.float64)


def _exposure(
    wide: MapGeometry, events: Events, exclusion: Region | None, max_offset: float
) -> Float:
    """Return the acceptance of all pointings on a grid, in arbitrary units.

    Its dependence on the offset is a histogram of the events in rings of equal area, each
    divided by the area that the exclusion leaves of it.
    """
    ra, dec = wide.centres()
    kept = 1.0 - _inside(ra.ravel(), dec.ravel(), exclusion).reshape(ra.shape)
    background = 1.0 - _inside(events.ra, events.dec, exclusion)
    edges = max_offset * np.sqrt(np.linspace(0.0, 1.0, 6))
    offset = separation(events.ra, events.dec, events.pointing_ra, events.pointing_dec)
    counts = np.histogram(offset, edges, weights=background)[0]
    pointings = events.pointings()
    area = np.zeros(len(counts))
    for lon, lat in pointings:
        distance = separation(ra, dec, lon, lat)
        area += np.histogram(distance, edges, weights=kept)[0]
    density = np.divide(counts, area, out=np.zeros(len(counts)), where=area > 0)
    largest = density.max(initial=0.0)
    relative = np.maximum(density / largest, _LEAST_ACCEPTANCE) if largest else np.ones(len(counts))
    middles = np.sqrt(0.5 * (edges[1:] ** 2 + edges[:-1] ** 2))
    total = np.zeros(ra.shape)
    for lon, lat in pointings:
        distance = separation(ra, dec, lon, lat)
        mine = (events.pointing_ra == lon) & (events.pointing_dec == lat)
        share = max(background[mine].sum(), 1.0)
        total += share * np.where(
            distance <= max_offset, np.interp(distance, middles, relative), 0.0
        )
    return total


def _integral(place: Float, grid: Float, weight: Float, inner: float, outer: float) -> Float:
    """Return mean weight times exact area; counting bins of a grid gets small areas wrong."""
    sums = _sum_within(place, grid, np.stack([weight, np.ones(len(weight))], axis=1), inner, outer)
    area = np.pi * (outer**2 - inner**2)
    mean = np.divide(sums[:, 0], sums[:, 1], out=np.zeros(len(sums)), where=sums[:, 1] > 0)
    return np.asarray(area * mean)


def _sum_within(place: Float, other: Float, weight: Float, inner: float, outer: float) -> Float:
    """Sum weights at an angle above ``inner`` (from it on, if 0) up to ``outer``, row by row."""
    near, far = np.cos(np.radians(inner)), np.cos(np.radians(outer))
    sums = np.empty((len(place), *weight.shape[1:]))
    for start in range(0, len(place), _ROWS):
        cosine = place[start : start + _ROWS] @ other.T
        chosen = cosine >= far
        if inner > 0:
            chosen &= cosine < near
        sums[start : start + _ROWS] = chosen @ weight
    return sums


def _vectors(ra: Float, dec: Float) -> Float:
    phi, theta = np.radians(ra), np.radians(dec)
    return np.stack(
        [np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), np.sin(theta)], axis=1
    )


def _finish(geometry: MapGeometry, events: Events, on: Float, off: Float, alpha: Float) -> SkyMap:
    shape = (geometry.n_bins, geometry.n_bins)
    row, column = geometry.bins_of(events.ra, events.dec)
    edges = np.arange(geometry.n_bins + 1) - 0.5
    counts = np.histogram2d(row, column, bins=(edges, edges))[0]
    known = np.isfinite(alpha)
    significance = np.full(len(on), np.nan)
    significance[known] = li_ma(on[known], off[known], alpha[known])
    return SkyMap(
        geometry=geometry,
        counts=counts,
        on=on.reshape(shape),
        off=off.reshape(shape),
        alpha=alpha.reshape(shape),
        excess=excess(on, off, alpha).reshape(shape),
        significance=significance.reshape(shape),
    )


def _reflections(lon: float, lat: float, radius: float, most: int) -> list[tuple[float, float]]:
    """Return places turned about the pointing that touch neither the source nor each other."""
    distance = np.hypot(lon, lat)
    step = 2.0 * np.arcsin(min(1.0, radius / distance)) if distance > 0 else np.pi
    n_regions = min(most, int(2.0 * np.pi / step + 1e-9) - 1) if radius < distance else 0
    if n_regions < 1:
        raise BadValue(
            f"a region of {radius} deg at {distance:.3f} deg from the pointing",
            expected="a distance above the radius",
            do="Use the ring background or a smaller region",
        )
    start = np.arctan2(lat, lon)
    angles = start + 2.0 * np.pi * np.arange(1, n_regions + 1) / (n_regions + 1)
    return [(float(distance * np.cos(a)), float(distance * np.sin(a))) for a in angles]


def _position(geometry: MapGeometry, row: float, column: float) -> tuple[float, float]:
    middle = 0.5 * (geometry.n_bins - 1)
    xi = np.radians((middle - column) * geometry.bin_size)
    eta = np.radians((row - middle) * geometry.bin_size)
    lon = np.degrees(np.arctan(xi))
    lat = np.degrees(np.arctan(eta * np.cos(np.arctan(xi))))
    ra, dec = from_offsets(lon, lat, geometry.ra, geometry.dec)
    return float(ra), float(dec)
