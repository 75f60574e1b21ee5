"""Windows and neighbours of the extractors again in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import CameraGeometry

Traces = NDArray[np.float32]
Integers = NDArray[np.int64]
Windows = tuple[Traces, Traces]
"""Charge and time of each pixel."""


def window_sums(
    traces: Traces, start: Integers, end: Integers, otherwise: NDArray[Any], rate: float
) -> Windows:
    """Sum the samples [start, end) of each pixel, in float64, sample after sample.

    Time is the mean of the positive samples, weighted by them, in float32; without any, or with a
    sample that is not finite, another sample's.
    """
    sample = np.arange(traces.shape[1])
    inside = (sample >= start[:, None]) & (sample < end[:, None])
    window = np.where(inside, traces, np.float32(0))
    light = np.where(window > 0, window, np.float32(0))
    total = np.zeros(len(traces))
    weight, moment = np.zeros((2, len(traces)), np.float32)
    for n in sample:  # one after the other: a sum depends on its order
        total += window[:, n]
        weight += light[:, n]
        moment += light[:, n] * np.float32(n)
    charge: Traces = total.astype(np.float32)
    has_light = (weight > 0) & np.isfinite(weight) & np.isfinite(charge)
    mean = moment / np.where(has_light, weight, np.float32(1))
    place: Traces = np.where(has_light, mean, otherwise.astype(np.float32))
    return charge, place / np.float32(rate)


def neighbor_sums(
    traces: NDArray[Any], geometry: CameraGeometry | None, local_weight: int
) -> NDArray[Any]:
    """Add up the traces of each pixel's neighbours, in the order of their list."""
    assert geometry is not None
    sums = np.zeros_like(traces)
    if local_weight:
        sums += traces * traces.dtype.type(local_weight)
    indptr, indices = geometry.neighbors.indptr, geometry.neighbors.indices
    for pixel in range(len(traces)):
        for neighbor in indices[indptr[pixel] : indptr[pixel + 1]]:
            sums[pixel] += traces[neighbor]
    return sums
