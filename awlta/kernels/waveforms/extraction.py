"""From waveforms to charge and time of the pulse in each pixel (R0 or R1 to DL1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..geometry import CameraGeometry
from ..instructions import number_in_use
from . import _extract, compiled
from .correction import Correction
from .extractors import Extractor, LocalPeak
from .gain import gains, raw, threshold_counts


@dataclass(frozen=True, eq=False)
class Pulses:
    """The pulses of a batch of events.

    Attributes
    ----------
    charge : float32 (n_events, n_pixels), p.e.
    peak_time : float32 (n_events, n_pixels), ns since the first sample
    selected_gain : int8 (n_events, n_pixels)
        0 high or only gain, 1 low gain. As given, or all 0, where waveforms came calibrated.
    is_valid : bool (n_events)
        False where `TwoPass` had to leave it at its first pass.
    """

    charge: NDArray[np.float32]
    peak_time: NDArray[np.float32]
    selected_gain: NDArray[np.int8]
    is_valid: NDArray[np.bool_]


def extract_raw(
    waveforms: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    extractor: Extractor = LocalPeak(),
    *,
    selected_gain: NDArray[np.int8] | None = None,
    threshold: float = 4000.0,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
    geometry: CameraGeometry | None = None,
    correction: Correction | None = None,
) -> Pulses:
    """Choose the gain, calibrate, and find charge and time, while an event is at hand.

    A sample in p.e. is ``(count - pedestal) * dc_to_pe``. A waveform of one sample is its own
    charge, at time 0. A NaN sample counts as the maximum; with a sample that is not finite in the
    window, neither is the charge, and the time is the maximum's.

    Parameters
    ----------
    waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
    pedestal : float32 (n_gains, n_pixels), ADC counts
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
    extractor : Extractor
        The method and its numbers.
    selected_gain : int8 (n_events, n_pixels), optional
        The choice already made; otherwise as `select_gain`.
    threshold : float, ADC counts
        As in `select_gain`; of no effect where `selected_gain` is given.
    sampling_rate : float, GHz
    unusable : bool (n_pixels) or (n_events, n_pixels), optional
        Pixels to leave at charge 0 and time 0, and out of the sums of their neighbours.
    geometry : CameraGeometry, optional
        For the extractors that look at neighbours.
    correction : as `pulse_correction` gives it for the extractor, optional
        Without it charges are the sums themselves. `FlashCam` needs it.

    Raises
    ------
    BadValue
        For arrays of another type or shape, a gain that does not exist, or numbers out of range.
    """
    waveforms = raw(waveforms)
    n_events, n_gains, n_pixels, n_samples = waveforms.shape
    axes, lengths = ("n_gains", "n_pixels"), {"n_gains": n_gains, "n_pixels": n_pixels}
    pedestal = checks.array("pedestal", pedestal, np.float32, axes, **lengths)
    dc_to_pe = checks.array("dc_to_pe", dc_to_pe, np.float32, axes, **lengths)
    gain = _gain(selected_gain, n_events, n_gains, n_pixels)
    pulses = _blank(gain)
    shape = (n_pixels, n_samples, n_gains)
    camera = compiled.arguments(extractor, shape, sampling_rate, geometry, correction)
    _extract.extract_raw(
        waveforms,
        pedestal,
        dc_to_pe,
        _unusable(unusable, n_events, n_pixels),
        selected_gain is None and n_gains == 2,
        threshold_counts(threshold),
        number_in_use(),
        *camera,
        _room(camera[0], n_pixels, n_samples),
        gain,
        pulses.charge,
        pulses.peak_time,
        pulses.is_valid.view(np.uint8),
    )
    return pulses


def extract(
    waveforms: NDArray[np.float32],
    extractor: Extractor = LocalPeak(),
    *,
    selected_gain: NDArray[np.int8] | None = None,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
    geometry: CameraGeometry | None = None,
    correction: Correction | None = None,
) -> Pulses:
    """Find charge and time in waveforms that are calibrated already, as `extract_raw`.

    Parameters
    ----------
    waveforms : float32 (n_events, n_pixels, n_samples), p.e. per sample
    extractor : Extractor
        The method and its numbers.
    selected_gain : int8 (n_events, n_pixels), optional
        The gains that the waveforms are of, for their correction.
    sampling_rate : float, GHz
    unusable : bool (n_pixels) or (n_events, n_pixels), optional
        Pixels to leave at charge 0 and time 0, and out of the sums of their neighbours.
    geometry, correction : optional
        As in `extract_raw`.

    Raises
    ------
    BadValue
        For arrays of another type or shape, or numbers out of range.
    """
    axes = ("n_events", "n_pixels", "n_samples")
    waveforms = checks.array("waveforms", waveforms, np.float32, axes)
    n_events, n_pixels, n_samples = waveforms.shape
    shape = (n_pixels, n_samples, None)
    camera = compiled.arguments(extractor, shape, sampling_rate, geometry, correction)
    n_gains = camera[1].shape[1] if len(camera[1]) else 2
    gain = _gain(selected_gain, n_events, n_gains, n_pixels)
    pulses = _blank(gain)
    _extract.extract(
        waveforms,
        _unusable(unusable, n_events, n_pixels),
        number_in_use(),
        *camera,
        _room(camera[0], n_pixels, n_samples),
        gain,
        pulses.charge,
        pulses.peak_time,
        pulses.is_valid.view(np.uint8),
    )
    return pulses


def _gain(
    selected_gain: NDArray[np.int8] | None, n_events: int, n_gains: int, n_pixels: int
) -> NDArray[np.int8]:
    """Return a copy of the gains that are given, or room for those to be chosen."""
    if selected_gain is None:
        return np.zeros((n_events, n_pixels), np.int8)
    return gains(selected_gain, n_events, n_gains, n_pixels)


def _blank(gain: NDArray[np.int8]) -> Pulses:
    """Make room for the pulses of a batch."""
    charge, peak_time = np.empty(gain.shape, np.float32), np.empty(gain.shape, np.float32)
    return Pulses(charge, peak_time, gain, np.ones(len(gain), np.bool_))


def _room(how: NDArray[np.void], n_pixels: int, n_samples: int) -> NDArray[np.uint8]:
    """Make room for an extractor to work in."""
    return np.zeros(_extract.room(how, n_pixels, n_samples), np.uint8)


def _unusable(
    unusable: NDArray[np.bool_] | None, n_events: int, n_pixels: int
) -> NDArray[np.uint8]:
    if unusable is None:
        unusable = np.zeros(n_pixels, np.bool_)
    mask = checks.pixels("unusable", unusable, n_events, n_pixels)
    return np.broadcast_to(mask.view(np.uint8), (n_events, n_pixels))
