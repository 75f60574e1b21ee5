"""Extraction in two passes again in plain NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry import CameraGeometry
from ..waveforms import TwoPass
from .cleaning import brightest_island, islands, tailcuts
from .corrections import interpolate
from .parameters import fit_line, hillas
from .windows import Integers, Traces, Windows, window_sums

Mask = NDArray[np.bool_]


def two_passes(
    traces: Traces,
    unusable: Mask,
    extractor: TwoPass,
    rate: float,
    geometry: CameraGeometry | None,
    correction: Traces | None,
) -> tuple[Windows, bool]:
    """Integrate around each pixel's own pulse, then where the times of the shower expect it.

    J. Holder et al., Astroparticle Physics 25 (2006) 391, as the CTA-MARS pipeline has it.
    `correction` has the factors of the pixels for windows in the middle, at the begin, at the end.
    """
    assert geometry is not None
    factor = np.ones((3, len(traces)), np.float32) if correction is None else correction
    samples = traces.astype(np.float64)
    threes = (samples[:, 1:-1] + (samples[:, :-2] + samples[:, 2:])).astype(np.float32)
    peak = threes[:, 1:-1].argmax(axis=1) + 2
    charge, time = window_sums(traces, peak - 2, peak + 3, peak, rate)
    charge = charge * factor[0]
    if not extractor.second_pass:
        return (charge, time), True
    if extractor.interpolate:
        both = interpolate(charge[None], time[None], unusable[None], geometry.neighbors)
        charge, time = both[0][0], both[1][0]
    island = _island(charge, geometry, extractor.core_threshold)
    predicted = _predicted(charge, time, island, geometry)
    if predicted is None:
        return (charge, time), False
    again, then = _second(traces, np.rint(predicted * rate), rate, factor)
    keep = island & (charge >= np.float32(extractor.core_threshold))
    return (np.where(keep, charge, again), np.where(keep, time, then)), True


def _island(charge: Traces, geometry: CameraGeometry, core: float) -> Mask:
    """Clean, and keep the island with most light."""
    masks = tailcuts(charge[None], geometry.neighbors, core, core / 2, min_picture_neighbors=1)
    labels, _ = islands(masks, geometry.neighbors)
    brightest: Mask = brightest_island(labels, charge[None])[0]
    return brightest


def _predicted(
    charge: Traces, time: Traces, island: Mask, geometry: CameraGeometry
) -> NDArray[np.float64] | None:
    """Fit the times along the axis of the island; return those expected in all pixels."""
    if island.sum() < 3:
        return None
    moments = hillas(charge[None], island[None], geometry)[0]
    along = (geometry.x - moments["x"]) * np.cos(moments["psi"])
    along += (geometry.y - moments["y"]) * np.sin(moments["psi"])
    slope, intercept, _ = fit_line(along[island], time[island].astype(np.float64))
    return None if np.isnan(slope) else slope * along + intercept


def _second(traces: Traces, sample: NDArray[np.float64], rate: float, factor: Traces) -> Windows:
    """Integrate five samples around the expected one, or the first, or the last ones."""
    n_samples = traces.shape[1]
    peak: Integers = np.clip(sample, -1e6, 1e6).astype(np.int64)
    kind = np.where(peak > n_samples - 4, 2, np.where(peak < 2, 1, 0))
    width, shift = np.array([5, 5, 6])[kind], np.array([2, 0, 4])[kind]
    peak[peak < 2] = 0
    peak[peak > n_samples - 3] = n_samples - 1
    charge, time = window_sums(traces, peak - shift, peak - shift + width, peak, rate)
    return charge * factor[kind, np.arange(len(traces))], time
