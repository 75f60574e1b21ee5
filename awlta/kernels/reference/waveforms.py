"""Gain, charge and time again in plain NumPy, one event after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import CameraGeometry
from ..waveforms import (
    BaselineSubtractedNeighborPeak,
    Deconvolution,
    Extractor,
    FixedWindow,
    FlashCam,
    GlobalPeak,
    LocalPeak,
    NeighborPeak,
    Pulses,
    SlidingWindowMax,
    TwoPass,
    Variance,
)
from .flashcam import long_pulses
from .two_pass import two_passes
from .windows import Traces, Windows, neighbor_sums, window_sums


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
    pedestal: Traces,
    dc_to_pe: Traces,
    extractor: Extractor = LocalPeak(),
    *,
    selected_gain: NDArray[np.int8] | None = None,
    threshold: float = 4000.0,
    **options: Any,
) -> Pulses:
    """Choose the gain, calibrate in float32, then `extract`."""
    gain = select_gain(waveforms, threshold) if selected_gain is None else selected_gain
    pixels = np.arange(waveforms.shape[2])
    calibrated = np.empty(gain.shape + waveforms.shape[3:], np.float32)
    for event, chosen in enumerate(gain):
        counts = waveforms[event, chosen, pixels].astype(np.float32)
        calibrated[event] = counts - pedestal[chosen, pixels, None]
        calibrated[event] *= dc_to_pe[chosen, pixels, None]
    return extract(calibrated, extractor, selected_gain=gain, **options)


def extract(
    waveforms: Traces,
    extractor: Extractor = LocalPeak(),
    *,
    selected_gain: NDArray[np.int8] | None = None,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
    geometry: CameraGeometry | None = None,
    correction: Traces | Deconvolution | None = None,
) -> Pulses:
    """Find the windows by the method of the extractor, then sum them: see `window_sums`."""
    shape = waveforms.shape[:2]
    gain = np.zeros(shape, np.int8) if selected_gain is None else selected_gain.copy()
    off = np.broadcast_to(np.zeros(shape[1], np.bool_) if unusable is None else unusable, shape)
    blank = np.zeros(shape, np.float32)
    pulses = Pulses(blank, blank.copy(), gain, np.ones(len(waveforms), np.bool_))
    for event, (given, unused) in enumerate(zip(waveforms, off, strict=True)):
        traces = np.where(unused[:, None], np.float32(0), given)
        factor = None if correction is None else _of_gain(correction, gain[event])
        how = (float(sampling_rate), geometry, factor)
        found: Windows
        with np.errstate(all="ignore"):
            if traces.shape[1] == 1:
                found = traces[:, 0], np.zeros(shape[1], np.float32)
            elif isinstance(extractor, TwoPass):
                found, pulses.is_valid[event] = two_passes(traces, unused, extractor, *how)
            else:
                found = _pulses(traces, unused, extractor, *how)
        pulses.charge[event] = np.where(unused, np.float32(0), found[0])
        pulses.peak_time[event] = np.where(unused, np.float32(0), found[1])
    return pulses


def _of_gain(correction: Traces | Deconvolution, gain: NDArray[np.int8]) -> Any:
    return correction if isinstance(correction, Deconvolution) else correction[..., gain]


def _pulses(
    traces: Traces,
    unusable: NDArray[np.bool_],
    extractor: Extractor,
    rate: float,
    geometry: CameraGeometry | None,
    correction: Any,
) -> Windows:
    n_pixels, n_samples = traces.shape
    peak = np.zeros(n_pixels, np.int64)
    numbers: dict[str, Any] = {"width": n_samples, "shift": 0, **vars(extractor)}
    width, shift = numbers["width"], numbers["shift"]
    factor = np.float32(1) if correction is None else correction
    match extractor:
        case Variance():
            return _variance(traces) * factor, np.zeros(n_pixels, np.float32)
        case FlashCam():
            return long_pulses(traces, extractor, rate, geometry, correction)
        case SlidingWindowMax():
            charge, time = _sliding(traces, width, rate)
            return charge * factor, time
        case FixedWindow():
            peak += extractor.peak_index
        case GlobalPeak():
            peak += _global_peak(traces, unusable, extractor.pixel_fraction)
        case LocalPeak():
            peak = traces.argmax(axis=1)
        case BaselineSubtractedNeighborPeak(baseline_start=start, baseline_end=end):
            traces = traces - traces[:, start:end].mean(axis=1)[:, None]
            traces[unusable] = 0
            peak = neighbor_sums(traces, geometry, extractor.local_weight).argmax(axis=1)
        case NeighborPeak():
            peak = neighbor_sums(traces, geometry, extractor.local_weight).argmax(axis=1)
    charge, time = window_sums(traces, peak - shift, peak - shift + width, peak, rate)
    return charge * factor, time


def _global_peak(traces: Traces, unusable: NDArray[np.bool_], fraction: float) -> int:
    used = np.flatnonzero(~unusable)
    if fraction < 1:
        top = traces[used].max(axis=1)
        used = used[np.lexsort((used, top))[::-1][: int(fraction * len(traces))]]
    mean = np.zeros(traces.shape[1], np.float32)
    for pixel in used:
        mean += traces[pixel]
    return int((mean.astype(np.float64) / len(used)).astype(np.float32).argmax())


def _variance(traces: Traces) -> Traces:
    is_number = ~np.isnan(traces)
    count = is_number.sum(axis=1).astype(np.float64)
    samples = np.where(is_number, traces, 0).astype(np.float64)
    mean = np.cumsum(samples, axis=1)[:, -1] / count  # one after the other
    squares = np.where(is_number, (samples - mean[:, None]) ** 2, 0)
    variance: Traces = (np.cumsum(squares, axis=1)[:, -1] / count).astype(np.float32)
    return variance


def _sliding(traces: Traces, width: int, rate: float) -> Windows:
    width = min(width, traces.shape[1])
    running = np.cumsum(np.pad(traces, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    sums = running[:, width:] - running[:, :-width]
    start = sums.argmax(axis=1)
    middle = start.astype(np.float32) + np.float32(0.5) * np.float32(width)
    charge = np.take_along_axis(sums, start[:, None], axis=1)[:, 0].astype(np.float32)
    return charge, window_sums(traces, start, start + width, middle, rate)[1]
