"""Directions in a camera and on the sky, and telescopes seen along the pointing.

Offsets are the longitude and latitude of a sphere whose origin is turned to the
pointing, as in astropy's SkyOffsetFrame without rotation: ``lon`` grows with right
ascension (or azimuth), ``lat`` with declination (or altitude). All angles in degrees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]


def from_offsets(
    lon: ArrayLike, lat: ArrayLike, lon0: ArrayLike, lat0: ArrayLike
) -> tuple[Float, Float]:
    """Turn offsets from a direction into positions on the sphere.

    Parameters
    ----------
    lon, lat : float64, deg
        Offsets.
    lon0, lat0 : float64, deg
        The direction they are relative to, such as the pointing in ra and dec.

    Returns
    -------
    tuple of float64, deg
        Longitude in [0, 360) and latitude.
    """
    x, y, z = _unit_vector(lon, lat)
    sin0, cos0 = np.sin(np.radians(lat0)), np.cos(np.radians(lat0))
    x, z = cos0 * x - sin0 * z, sin0 * x + cos0 * z
    longitude = np.degrees(np.arctan2(y, x)) + np.asarray(lon0, np.float64)
    return longitude % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def to_offsets(
    lon: ArrayLike, lat: ArrayLike, lon0: ArrayLike, lat0: ArrayLike
) -> tuple[Float, Float]:
    """Turn positions on the sphere into offsets from a direction; undoes :func:`from_offsets`.

    Returns
    -------
    tuple of float64, deg
        Offsets, ``lon`` in (-180, 180].
    """
    turned = np.asarray(lon, np.float64) - np.asarray(lon0, np.float64)
    x, y, z = _unit_vector(turned, lat)
    sin0, cos0 = np.sin(np.radians(lat0)), np.cos(np.radians(lat0))
    x, z = cos0 * x + sin0 * z, -sin0 * x + cos0 * z
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def separation(lon1: ArrayLike, lat1: ArrayLike, lon2: ArrayLike, lat2: ArrayLike) -> Float:
    """Return the angle between directions, float64, deg; exact for small angles too."""
    lon, lat = to_offsets(lon1, lat1, lon2, lat2)
    x, y, z = _unit_vector(lon, lat)
    return np.degrees(np.arctan2(np.hypot(y, z), x))


def tilted_positions(
    north: ArrayLike,
    west: ArrayLike,
    up: ArrayLike,
    alt: float,
    az: float,
    *,
    is_equatorial: bool = False,
) -> tuple[Float, Float]:
    """Project positions on the ground along the pointing onto the camera's axes.

    Parameters
    ----------
    north, west, up : float64 (n,), m
    alt, az : float, deg
        Of the pointing, azimuth from north through east.
    is_equatorial : bool
        The camera's axes follow ra and dec instead of azimuth and altitude. This holds
        for an object that culminates in the south, where ra grows against azimuth.

    Returns
    -------
    tuple of float64 (n,), m
        Positions along ``lon`` and ``lat``.
    """
    north, west, up = (np.asarray(a, np.float64) for a in (north, west, up))
    sin_alt, cos_alt = np.sin(np.radians(alt)), np.cos(np.radians(alt))
    sin_az, cos_az = np.sin(np.radians(az)), np.cos(np.radians(az))
    lon = -sin_az * north - cos_az * west
    lat = -sin_alt * (cos_az * north - sin_az * west) + cos_alt * up
    return (-lon if is_equatorial else lon), lat


def ground_positions(
    lon: ArrayLike,
    lat: ArrayLike,
    alt: float,
    az: float,
    *,
    is_equatorial: bool = False,
) -> tuple[Float, Float]:
    """Follow the pointing from the plane across it down to the ground, as a shower core falls.

    Undoes :func:`tilted_positions` for places at the height of the array's origin.

    Parameters
    ----------
    lon, lat : float64 (n,), m
        Places in the plane across the pointing.
    alt, az, is_equatorial
        As in :func:`tilted_positions`; the pointing is above the horizon.

    Returns
    -------
    tuple of float64 (n,), m
        Places to the north and to the west.
    """
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    lon = -lon if is_equatorial else lon
    along = lat / np.sin(np.radians(alt))
    sin_az, cos_az = np.sin(np.radians(az)), np.cos(np.radians(az))
    return -sin_az * lon - cos_az * along, -cos_az * lon + sin_az * along


def _unit_vector(lon: ArrayLike, lat: ArrayLike) -> tuple[Float, Float, Float]:
    phi, theta = np.radians(lon), np.radians(lat)
    cos = np.cos(theta)
    return cos * np.cos(phi), cos * np.sin(phi), np.sin(theta) * np.ones_like(phi)
