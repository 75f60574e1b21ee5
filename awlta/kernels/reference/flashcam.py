"""Extraction of long pulses again in plain NumPy."""

from __future__ import annotations

import numpy as np

from ..geometry import CameraGeometry
from ..waveforms import Deconvolution, FlashCam
from ..waveforms.correction import centroid, refined
from .windows import Traces, Windows, neighbor_sums


def long_pulses(
    traces: Traces,
    extractor: FlashCam,
    rate: float,
    geometry: CameraGeometry | None,
    pulse: Deconvolution,
) -> Windows:
    """Deconvolve and divide the samples, find the peak of the clipped neighbours, integrate.

    A. Gadola et al., JINST 10 (2015) C01014; all in float64.
    """
    samples = traces.astype(np.float64)
    fine = refined(samples, extractor.upsampling, pulse.pole_zero)
    edges = refined(samples, extractor.upsampling, 1.0)
    parts = fine
    if 0 < extractor.clipping < np.inf:
        parts = fine / extractor.clipping
        parts = np.clip(parts / (1.0 + np.abs(parts)), 0.0, np.inf)
    peaks = neighbor_sums(parts, geometry, extractor.local_weight).argmax(axis=1)
    charge, time = np.zeros((2, len(traces)), np.float32)
    for pixel, peak in enumerate(peaks):
        places = np.arange(max(0, peak - extractor.shift), peak - extractor.shift + extractor.width)
        places = places[places < fine.shape[1]]
        window = fine[pixel, places]
        light = np.where(window > 0, window, 0.0)
        at = _last(light * places) / _last(light) if _last(light) > 0 else float(peak)
        if extractor.leading_edge:
            ahead = int(np.clip(np.rint(peak - pulse.edge_shift), 0, fine.shape[1] - 1))
            at = centroid(edges[pixel], ahead, extractor.descend_limit)
        charge[pixel] = _last(window) / (pulse.gain_loss or 1.0)
        time[pixel] = at / (rate * extractor.upsampling) - pulse.time_shift
    return charge, time


def _last(values: np.ndarray) -> float:
    """Add one after the other: a sum depends on its order."""
    return float(np.cumsum(values)[-1]) if len(values) else 0.0
