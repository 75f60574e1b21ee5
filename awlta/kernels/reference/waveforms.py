"""Gain, charge and time again in plain NumPy, one event after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..waveforms import Pulses


def select_gain(waveforms: NDArray[np.uint16], threshold: float = 4000.0) -> NDArray[np.int8]:
    """Take the low gain where a raw high-gain sample is above the threshold.

    As R1 calibration of the CTAO cameras does it; one channel leaves no choice.
    """
    if waveforms.shape[1] == 1:
        return np.zeros((len(waveforms), waveforms.shape[2]), np.int8)
    highest: NDArray[np.uint16] = waveforms[:, 0].max(axis=-1)
    return (highest > threshold).astype(np.int8)


def extract_raw(
    waveforms: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    *,
    selected_gain: NDArray[np.int8] | None = None,
    threshold: float = 4000.0,
    width: int = 7,
    shift: int = 3,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
) -> Pulses:
    """Choose the gain, calibrate in float32, then `extract`."""
    gain = select_gain(waveforms, threshold) if selected_gain is None else selected_gain
    pixels = np.arange(waveforms.shape[2])
    calibrated = np.empty(gain.shape + waveforms.shape[3:], np.float32)
    for event, chosen in enumerate(gain):
        counts = waveforms[event, chosen, pixels].astype(np.float32)
        calibrated[event] = counts - pedestal[chosen, pixels, None]
        calibrated[event] *= dc_to_pe[chosen, pixels, None]
    pulses = extract(
        calibrated, width=width, shift=shift, sampling_rate=sampling_rate, unusable=unusable
    )
    return Pulses(pulses.charge, pulses.peak_time, gain.copy())


def extract(
    waveforms: NDArray[np.float32],
    *,
    width: int = 7,
    shift: int = 3,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
) -> Pulses:
    """Sum a window around each pixel's own first maximum; mean time over its positive samples.

    The local-peak window sum of the imaging Cherenkov telescopes.
    """
    n_samples = waveforms.shape[-1]
    sample = np.arange(n_samples)
    peak = waveforms.argmax(axis=-1)
    start = (peak - shift)[..., None]
    window = np.where((sample >= start) & (sample < start + width), waveforms, np.float32(0))
    light = np.where(window > 0, window, np.float32(0))
    total, weight = np.zeros(peak.shape), np.zeros(peak.shape, np.float32)
    moment, rate = np.zeros(peak.shape, np.float32), np.float32(sampling_rate)
    with np.errstate(invalid="ignore", over="ignore"):
        for n in range(n_samples):  # one after the other: a sum depends on its order
            total += window[..., n]
            weight += light[..., n]
            moment += light[..., n] * np.float32(n)
        charge = total.astype(np.float32)
    has_light = (weight > 0) & np.isfinite(weight) & np.isfinite(charge)
    mean_sample = moment / np.where(has_light, weight, np.float32(1))
    peak_time = np.where(has_light, mean_sample, peak.astype(np.float32)) / rate
    if n_samples == 1:
        charge, peak_time = waveforms[..., 0], np.zeros(waveforms.shape[:-1], np.float32)
    used = ~(np.zeros(charge.shape, np.bool_) if unusable is None else unusable)
    return Pulses(
        np.where(used, charge, np.float32(0)),
        np.where(used, peak_time, np.float32(0)),
        np.zeros(charge.shape, np.int8),
    )
