"""Flat field: conversion from ADC counts to p.e., times of the pixels, and which are bad."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput

from .pedestal import Pedestal
from .pixel_flags import PixelFlag, Status, is_bad, marked

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

_NO_LIGHT = 0.1
"""Of the typical charge: a pixel below it sees crosstalk at most."""

_MOST_CLIPPED = 0.01
"""Fraction of flashes at the end of the digitiser; more of them move a mean charge by permilles."""


@dataclass(frozen=True, eq=False)
class FlatField:
    """Conversion factors and times of one camera.

    Attributes
    ----------
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
        0 for bad pixels. Of a saturated gain it is that of the other, by `gain_ratio`.
    gain_ratio : float32 (n_pixels,)
        High to low gain, 1 where there is one gain; the camera's median, or else the nominal one,
        where a gain is saturated or the pixel is bad.
    time_shift : float32 (n_gains, n_pixels), ns
        Of a pixel's pulses after those of the camera's median pixel in the gain of `n_pe`'s
        median, so that gains can be compared; 0 for bad pixels.
    time_spread : float32 (n_gains, n_pixels), ns
        Standard deviation of those times from flash to flash.
    n_pe : float32 (n_gains, n_pixels), p.e.
        Light of a flash in the pixel by its own F-factor, NaN for a gain with a status.
    light : float, p.e.
        Light of a flash in every pixel: the median of `n_pe`, in the first gain that is not
        saturated.
    mean_charge : float32 (n_gains, n_pixels), ADC counts
    status : uint8 (n_gains, n_pixels), bits of PixelFlag
        That of the pedestal, with DEAD, GAIN, TIME and SATURATED.
    n_events : int
    """

    dc_to_pe: Float32
    gain_ratio: Float32
    time_shift: Float32
    time_spread: Float32
    n_pe: Float32
    light: float
    mean_charge: Float32
    status: Status
    n_events: int

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """The pixels that cannot be used, bool (n_pixels,)."""
        return is_bad(self.status)


def measure(
    blocks: Iterable[NDArray[np.uint16]],
    pedestal: Pedestal,
    *,
    excess_noise: float = 1.2,
    sampling_rate: float = 1.0,
    shift: int = 3,
    least_charge: float = 0.5,
    most_charge: float = 2.0,
    most_spread: float = 2.0,
    saturation: int = 4095,
    gain_ratio: float = 17.0,
) -> FlatField:
    """Measure conversion factors and times from flashes of equal light in all pixels.

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
    most_spread : float, ns
        Of the times of a good pixel from flash to flash.
    saturation : int, ADC counts
        A sample that reaches it is cut off.
    gain_ratio : float
        High to low gain, taken for pixels saturated in one gain if it cannot be measured in others.

    Raises
    ------
    BadInput
        There are fewer than two events, or the flashes give no light above the noise.
    """
    per_event = [_charges(b, pedestal, shift, saturation) for b in blocks if len(b)]
    if sum(len(c[0]) for c in per_event) < 2:
        raise BadInput(
            "fewer than 2 flat-field events",
            expected="a flat-field run, of 100 events and more to be useful",
            do="Choose another run",
        )
    charge, time, clipped = (np.concatenate(c) for c in zip(*per_event, strict=True))
    mean = charge.mean(axis=0, dtype=np.float64)
    status = pedestal.status | _light_status(
        mean, clipped.mean(axis=0) > _MOST_CLIPPED, pedestal.status == 0, least_charge, most_charge
    )
    n_pe = _count_pe(charge, mean, pedestal.charge_std, excess_noise)
    n_pe[status != 0] = np.nan
    if not np.isfinite(n_pe).any():
        raise BadInput(
            "no pixel whose charges vary more than its pedestal",
            expected="flashes of some tens of p.e. in every pixel, below the end of the digitiser",
            do="Check that this is a flat-field run and the pedestal is of the same camera",
        )
    gain = _gain_of_reference(n_pe)
    time_shift, spread = _times(time, np.isfinite(n_pe[gain]), gain, sampling_rate)
    is_lit = (status & ~np.uint8(PixelFlag.SATURATED)) == 0
    status |= marked(PixelFlag.TIME, is_lit & (spread > most_spread))
    light = float(np.nanmedian(n_pe[gain]))
    dc_to_pe = np.zeros_like(mean)
    np.divide(light, mean, out=dc_to_pe, where=(status == 0) & (mean > 0))
    ratio = _gain_ratio(dc_to_pe, gain_ratio)
    _fill_saturated(dc_to_pe, status, ratio)
    bad = is_bad(status)
    return FlatField(
        dc_to_pe=np.where(bad, 0, dc_to_pe).astype(np.float32),
        gain_ratio=ratio.astype(np.float32),
        time_shift=np.where(bad, 0, time_shift).astype(np.float32),
        time_spread=spread.astype(np.float32),
        n_pe=n_pe.astype(np.float32),
        light=light,
        mean_charge=mean.astype(np.float32),
        status=status,
        n_events=len(charge),
    )


def _charges(
    block: NDArray[np.uint16], pedestal: Pedestal, shift: int, saturation: int
) -> tuple[Float32, Float32, NDArray[np.bool_]]:
    """Return charges in a window around each peak, times in samples, and which are cut off."""
    samples = block.astype(np.float32) - pedestal.mean[..., np.newaxis]
    n_samples = samples.shape[-1]
    peak = samples.argmax(axis=-1)
    start = np.clip(peak - shift, 0, n_samples - pedestal.window)
    index = start[..., np.newaxis] + np.arange(pedestal.window)
    window = np.take_along_axis(samples, index, axis=-1)
    weight = np.maximum(window, 0)
    total = weight.sum(axis=-1)
    time = np.where(total > 0, (weight * index).sum(axis=-1) / np.maximum(total, 1e-6), 0)
    clipped: NDArray[np.bool_] = block.max(axis=-1) >= saturation
    return window.sum(axis=-1), time.astype(np.float32), clipped


def _light_status(
    mean: Float,
    is_saturated: NDArray[np.bool_],
    is_quiet: NDArray[np.bool_],
    least: float,
    most: float,
) -> Status:
    """Say which mean charges are none, far from the median of their gain, or cut off."""
    typical = _median_of(mean, is_quiet & ~is_saturated)
    is_dead = ~is_saturated & (mean < _NO_LIGHT * typical)
    is_odd = ~is_saturated & ~is_dead & ((mean < least * typical) | (mean > most * typical))
    return (
        marked(PixelFlag.DEAD, is_dead)
        | marked(PixelFlag.GAIN, is_odd)
        | marked(PixelFlag.SATURATED, is_saturated)
    )


def _median_of(values: Float, usable: NDArray[np.bool_]) -> Float:
    """Return the median of each gain over some of its pixels, NaN without any; (n_gains, 1)."""
    medians = [
        np.median(row[chosen]) if chosen.any() else np.nan
        for row, chosen in zip(values, usable, strict=True)
    ]
    return np.array(medians)[:, np.newaxis]


def _count_pe(charge: Float32, mean: Float, noise: Float32, excess_noise: float) -> Float:
    variance = charge.var(axis=0, ddof=1, dtype=np.float64) - noise.astype(np.float64) ** 2
    n_pe = np.full(mean.shape, np.nan)
    np.divide(excess_noise * mean**2, variance, out=n_pe, where=variance > 0)
    return n_pe


def _gain_of_reference(n_pe: Float) -> int:
    """Return the first gain that tells the light of at least half of the pixels that any does.

    The low gain is worse: its pulses are small beside the steps of the digitiser.
    """
    told = np.isfinite(n_pe)
    enough = 2 * told.sum(axis=1) >= told.any(axis=0).sum()
    return int(enough.argmax()) if enough.any() else int(told.sum(axis=1).argmax())


def _times(
    time: Float32, usable: NDArray[np.bool_], gain: int, sampling_rate: float
) -> tuple[Float, Float]:
    """Return mean and spread of times after the median pixel of each event, in ns.

    The flash itself jitters, so each event has a median of its own.
    """
    middle = np.median(time[:, gain, usable], axis=1)
    relative = (time - middle[:, np.newaxis, np.newaxis]).astype(np.float64) / sampling_rate
    return relative.mean(axis=0), relative.std(axis=0, ddof=1)


def _gain_ratio(dc_to_pe: Float, nominal: float) -> Float:
    """Return the ratio of high to low gain of each pixel, from the conversion of both."""
    high, low = dc_to_pe[0], dc_to_pe[-1]
    known = (high > 0) & (low > 0)
    ratio = np.divide(low, high, out=np.zeros_like(high), where=known)
    ratio[~known] = np.median(ratio[known]) if known.any() else nominal
    return ratio if len(dc_to_pe) > 1 else np.ones_like(ratio)


def _fill_saturated(dc_to_pe: Float, status: Status, ratio: Float) -> None:
    """Give a gain that is saturated the conversion of the other, by their ratio."""
    if len(dc_to_pe) < 2:
        return
    from_low = (status[0] == PixelFlag.SATURATED) & (dc_to_pe[1] > 0)
    from_high = (status[1] == PixelFlag.SATURATED) & (dc_to_pe[0] > 0)
    dc_to_pe[0, from_low] = dc_to_pe[1, from_low] / ratio[from_low]
    dc_to_pe[1, from_high] = dc_to_pe[0, from_high] * ratio[from_high]
