"""Parametric air showers: a line of light with a width, seen from the array.

No particle is followed. The longitudinal profile is Greisen's (1956), the atmosphere and
its refraction exponential, the light flat to the Cherenkov angle and falling beyond, its lateral
spread proportional to depth over density (the idea of the "reduced width", Lemoine-Goumard
et al. 2006, section 2). A hadron is a bundle of such showers with transverse momenta, so its
images are wider and irregular. Distances are in metres, along the pointing axis and in the
plane across it (axes ``lon`` and ``lat`` of the camera); angles in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .config import SimulationConfig

Float = NDArray[np.float64]

_C = 0.299792458
_SCALE_HEIGHT = 8400.0
_SITE = 2200.0
_SEA_DEPTH = 1035.0
_RADIATION_LENGTH = 36.7
_CRITICAL = 81e-6
_REFRACTION = 2.9e-4
_YIELD = 2.0 * np.pi / 137.036 * (1 / 300e-9 - 1 / 600e-9)
_AGES = np.linspace(0.25, 1.75, 31)
# Light falls off beyond the Cherenkov angle; both in deg, chosen for the shape of the light pool.
_CHERENKOV, _FALL = 1.1, 0.7
_SOLID_ANGLE = np.radians(1.0) ** 2 * np.pi * (_CHERENKOV**2 + 2.0 * _FALL * (_CHERENKOV + _FALL))
_WANDER = 0.022
_LATERAL = 0.9e-3
_ABOVE_THRESHOLD = 0.35
_JITTER = 0.6


@dataclass(frozen=True)
class Shower:
    """What comes into the atmosphere.

    Attributes
    ----------
    energy : float, TeV
    is_gamma : bool
    lon, lat : float, deg
        Direction it comes from, relative to the pointing.
    core_lon, core_lat : float, m
        Where its axis meets the plane of the array, across the pointing.
    """

    energy: float
    is_gamma: bool
    lon: float
    lat: float
    core_lon: float
    core_lat: float


@dataclass(frozen=True, eq=False)
class _Track:
    """Emission of one electromagnetic cascade, arrays over its steps."""

    distance: Float
    photons: Float
    width: Float
    delay: Float


@dataclass(frozen=True, eq=False)
class Photons:
    """The p.e. of one telescope: direction (deg) and time (ns), float64 (n_pe,)."""

    lon: Float
    lat: Float
    time: Float


def draw_shower(
    config: SimulationConfig,
    rng: np.random.Generator,
    *,
    is_gamma: bool,
    source: tuple[float, float],
) -> Shower:
    """Draw energy, direction and core; a gamma comes from the source, given as offsets in deg."""
    index = config.gamma_index if is_gamma else config.hadron_index
    energy = _power_law(rng.random(), config.energy_min, config.energy_max, index)
    lon, lat = source
    if not is_gamma:
        lon, lat = _in_disc(rng, config.hadron_cone)
    core_lon, core_lat = _in_disc(rng, config.core_radius)
    return Shower(energy, is_gamma, lon, lat, core_lon, core_lat)


def photons_of(
    config: SimulationConfig,
    shower: Shower,
    tel_lon: Float,
    tel_lat: Float,
    rng: np.random.Generator,
) -> list[Photons]:
    """Return the p.e. that a shower gives in each telescope.

    Parameters
    ----------
    config : SimulationConfig
    shower : Shower
    tel_lon, tel_lat : float64 (n_telescopes,), m
        Telescopes in the plane across the pointing.
    rng : numpy.random.Generator
    """
    parts = _cascades(shower, rng)
    tracks = [_track(config, part, width, rng) for part, width in parts]
    images = []
    for x, y in zip(tel_lon, tel_lat, strict=True):
        seen = [
            _seen_from(config, part, track, float(x), float(y), rng)
            for (part, _), track in zip(parts, tracks, strict=True)
        ]
        images.append(
            Photons(
                np.concatenate([p.lon for p in seen]),
                np.concatenate([p.lat for p in seen]),
                np.concatenate([p.time for p in seen]),
            )
        )
    return images


def _cascades(shower: Shower, rng: np.random.Generator) -> list[tuple[Shower, float]]:
    """Return the electromagnetic cascades of a shower and how much wider each is than a gamma's."""
    if shower.is_gamma:
        wander = _WANDER * shower.energy**-0.45 * rng.standard_normal(2)
        moved = replace(shower, lon=shower.lon + wander[0], lat=shower.lat + wander[1])
        return [(moved, 1.0)]
    n_parts = 3 + int(rng.poisson(4.0))
    share = rng.gamma(0.6, size=n_parts)
    energies = 0.6 * shower.energy * share / share.sum()
    height = 15000.0 + 5000.0 * rng.random()
    kick = 0.25 * rng.standard_normal((n_parts, 2)) * np.clip(energies, 0.02, None)[:, None] ** -0.3
    shift = np.radians(kick) * height
    return [
        (
            Shower(
                float(energy),
                False,
                shower.lon + float(dlon),
                shower.lat + float(dlat),
                shower.core_lon - float(dx),
                shower.core_lat - float(dy),
            ),
            2.0,
        )
        for energy, (dlon, dlat), (dx, dy) in zip(energies, kick, shift, strict=True)
        if energy > 0.01
    ]


def _track(
    config: SimulationConfig, part: Shower, width: float, rng: np.random.Generator
) -> _Track:
    cos_zenith = np.sin(np.radians(config.alt))
    b = np.log(part.energy / _CRITICAL)
    stretch = np.exp(0.48 / (b + 2.0) * rng.standard_normal())
    t = 2.0 * b * _AGES / (3.0 - _AGES) * stretch
    start = rng.exponential(9.0 / 7.0 if part.is_gamma else 3.0)
    depth = _RADIATION_LENGTH * (t + start)
    height = -_SCALE_HEIGHT * np.log(depth * cos_zenith / _SEA_DEPTH)
    keep = height > _SITE + 100.0
    t, depth, height, age = t[keep] / stretch, depth[keep], height[keep], _AGES[keep]
    electrons = 0.31 / np.sqrt(b) * np.exp(t * (1.0 - 1.5 * np.log(age)))
    electrons *= np.exp(0.07 * rng.standard_normal())
    air = np.exp(-height / _SCALE_HEIGHT)
    distance = (height - _SITE) / cos_zenith
    density = 1e4 * _SEA_DEPTH / _SCALE_HEIGHT * air
    step = 1e4 * np.gradient(depth) / density if len(depth) > 1 else np.zeros(len(depth))
    haze = np.exp(-0.09 * (1.0 - np.exp(-(height - _SITE) / 1200.0)) / cos_zenith)
    photons = electrons * step * _YIELD * 2.0 * _REFRACTION * air * haze * _ABOVE_THRESHOLD
    spread = _LATERAL * 1e4 * depth / density * np.clip(age, 0.5, 1.6) * width
    site_air = np.exp(-_SITE / _SCALE_HEIGHT)
    delay = _REFRACTION * _SCALE_HEIGHT * (site_air - air) / cos_zenith / _C
    return _Track(distance, photons, spread, delay)


def _seen_from(
    config: SimulationConfig,
    part: Shower,
    track: _Track,
    x: float,
    y: float,
    rng: np.random.Generator,
) -> Photons:
    dlon = np.degrees((part.core_lon - x) / track.distance)
    dlat = np.degrees((part.core_lat - y) / track.distance)
    angle = np.hypot(dlon, dlat)
    per_steradian = np.exp(-np.maximum(angle - _CHERENKOV, 0.0) / _FALL) / _SOLID_ANGLE
    area = config.mirror_area * config.efficiency
    n_pe = rng.poisson(track.photons * per_steradian * area / track.distance**2)
    step = np.repeat(np.arange(len(n_pe)), n_pe)
    blur = np.hypot(np.degrees(track.width / track.distance), config.psf)[step]
    path = (np.sqrt(1.0 + np.radians(angle) ** 2) - 1.0) * track.distance / _C
    time = (path + track.delay)[step] + _JITTER * rng.standard_normal(len(step))
    return Photons(
        lon=(part.lon + dlon)[step] + blur * rng.standard_normal(len(step)),
        lat=(part.lat + dlat)[step] + blur * rng.standard_normal(len(step)),
        time=time,
    )


def _power_law(u: float, low: float, high: float, index: float) -> float:
    """Return the quantile ``u`` of ``E**-index`` between two energies; the index is not 1."""
    k = 1.0 - index
    return float((low**k + u * (high**k - low**k)) ** (1.0 / k))


def _in_disc(rng: np.random.Generator, radius: float) -> tuple[float, float]:
    r = radius * np.sqrt(rng.random())
    phi = 2.0 * np.pi * rng.random()
    return float(r * np.cos(phi)), float(r * np.sin(phi))
