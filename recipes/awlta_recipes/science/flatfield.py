"""Flat field: conversion from ADC counts to p.e., and relative times of the pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput

from .pedestal import Pedestal

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FlatField:
    """Conversion factors and times of one camera.

    Attributes
    ----------
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
        0 for bad pixels.
    time_offset : float32 (n_pixels,), ns
        Of a pixel's pulses after those of the camera's median pixel; 0 for bad pixels.
    n_pe : float32 (n_pixels,), p.e.
        Light of a flash in the pixel by its own F-factor, NaN for bad pixels.
    mean_charge : float32 (n_gains, n_pixels), ADC counts
    is_bad : bool (n_pixels,)
        Those of the pedestal, and pixels whose charge is far from the camera's median.
    n_events : int
    """

    dc_to_pe: Float32
    time_offset: Float32
    n_pe: Float32
    mean_charge: Float32
    is_bad: NDArray[np.bool_]
    n_events: int


def measure(
    blocks: Iterable[NDArray[np.uint16]],
    pedestal: Pedestal,
    *,
    excess_noise: float = 1.2,
    sampling_rate: float = 1.0,
    shift: int = 3,
    least_charge: float = 0.5,
    most_charge: float = 2.0,
) -> FlatField:
    """Measure conversion factors from flashes of equal light in all pixels.

    The number of p.e. of a pixel follows from mean and variance of its charge Q (F-factor
    method, Mirzoyan and Lorenz 1997): n = F2 mean(Q)^2 / (var(Q) - var(pedestal)). The flash is
    the same for all pixels, so the camera's median of n, which is far more precise than that
    of one pixel, is set equal to each mean charge.

    Parameters
    ----------
    blocks : iterable of uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
    pedestal : Pedestal
        Of the same camera; its window is that of the charges here.
    excess_noise : float
        F2 = 1 + (relative width of a single p.e.)^2.
    sampling_rate : float, GHz
    shift : int, samples
        From the begin of the window to the largest sample.
    least_charge, most_charge : float
        Bounds of a good pixel's mean charge, as a fraction of the median of its gain.

    Raises
    ------
    BadInput
        There are fewer than two events, or the flashes give no light above the noise.
    """
    per_event = [_charges(b, pedestal, shift) for b in blocks if len(b)]
    if sum(len(c[0]) for c in per_event) < 2:
        raise BadInput(
            "fewer than 2 flat-field events",
            expected="a flat-field run, of 100 events and more to be useful",
            do="Choose another run",
        )
    charge, time = (np.concatenate(c) for c in zip(*per_event, strict=True))
    mean = charge.mean(axis=0, dtype=np.float64)
    is_bad = pedestal.is_bad | _is_odd(mean, ~pedestal.is_bad, least_charge, most_charge)
    n_pe = _count_pe(charge[:, 0], mean[0], pedestal.charge_std[0], excess_noise)
    n_pe[is_bad] = np.nan
    if not np.isfinite(n_pe).any():
        raise BadInput(
            "no pixel whose charges vary more than its pedestal",
            expected="flashes of some tens of p.e. in every pixel",
            do="Check that this is a flat-field run and the pedestal is of the same camera",
        )
    dc_to_pe = np.zeros_like(mean)
    np.divide(np.nanmedian(n_pe), mean, out=dc_to_pe, where=~is_bad & (mean > 0))
    return FlatField(
        dc_to_pe=dc_to_pe.astype(np.float32),
        time_offset=_offsets(time, is_bad, sampling_rate),
        n_pe=n_pe.astype(np.float32),
        mean_charge=mean.astype(np.float32),
        is_bad=is_bad,
        n_events=len(charge),
    )


def _charges(block: NDArray[np.uint16], pedestal: Pedestal, shift: int) -> tuple[Float32, Float32]:
    """Return charges in a window around each peak, and the times of the first gain in samples."""
    samples = block.astype(np.float32) - pedestal.mean[..., np.newaxis]
    n_samples = samples.shape[-1]
    peak = samples.argmax(axis=-1)
    start = np.clip(peak - shift, 0, n_samples - pedestal.window)
    index = start[..., np.newaxis] + np.arange(pedestal.window)
    window = np.take_along_axis(samples, index, axis=-1)
    weight = np.maximum(window[:, 0], 0)
    total = weight.sum(axis=-1)
    time = np.where(total > 0, (weight * index[:, 0]).sum(axis=-1) / np.maximum(total, 1e-6), 0)
    return window.sum(axis=-1), time.astype(np.float32)


def _is_odd(
    mean: NDArray[np.float64], usable: NDArray[np.bool_], least: float, most: float
) -> NDArray[np.bool_]:
    if not usable.any():
        return ~usable
    typical = np.median(mean[:, usable], axis=1, keepdims=True)
    return np.asarray(np.any((mean < least * typical) | (mean > most * typical), axis=0))


def _count_pe(
    charge: Float32, mean: NDArray[np.float64], noise: Float32, excess_noise: float
) -> NDArray[np.float64]:
    variance = charge.var(axis=0, ddof=1, dtype=np.float64) - noise.astype(np.float64) ** 2
    n_pe = np.full(len(mean), np.nan)
    np.divide(excess_noise * mean**2, variance, out=n_pe, where=variance > 0)
    return n_pe


def _offsets(time: Float32, is_bad: NDArray[np.bool_], sampling_rate: float) -> Float32:
    """Return mean times after the median pixel of each event, since the flash itself jitters."""
    relative = time - np.median(time[:, ~is_bad], axis=1, keepdims=True)
    offset = relative.mean(axis=0) / np.float32(sampling_rate)
    offset[is_bad] = 0
    return np.asarray(offset, np.float32)
