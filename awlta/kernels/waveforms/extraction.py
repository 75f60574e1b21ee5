"""From waveforms to charge and time of the pulse in each pixel (R0 or R1 to DL1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from ..instructions import number_in_use
from . import _extract
from .gain import gains, raw, threshold_counts

FAR = 1_000_000
"""Beyond any waveform; bounds widths and shifts so that index arithmetic cannot overflow."""


RawArguments = tuple[
    NDArray[np.uint16],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.uint8],
    bool,
    int,
    int,
    int,
    float,
    int,
]
"""Waveforms, pedestal, dc_to_pe, unusable, whether to choose the gain, threshold, width, shift,
sampling_rate, and the number of the instruction set: as compiled code takes them."""


@dataclass(frozen=True, eq=False)
class Pulses:
    """The pulses of a batch of events.

    Attributes
    ----------
    charge : float32 (n_events, n_pixels), p.e.
    peak_time : float32 (n_events, n_pixels), ns since the first sample
    selected_gain : int8 (n_events, n_pixels)
        0 high or only gain, 1 low gain. All 0 where waveforms came calibrated.
    """

    charge: NDArray[np.float32]
    peak_time: NDArray[np.float32]
    selected_gain: NDArray[np.int8]


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
    """Choose the gain, calibrate and integrate around the peak, in one pass over raw waveforms.

    A sample in p.e. is ``(count - pedestal) * dc_to_pe``. The window begins `shift` samples before
    the first maximum of the pixel's waveform, is `width` long and is cut at both ends. Charge is
    its sum; time the mean of its positive samples, weighted by them, or the maximum's if there are
    none. A waveform of one sample is its own charge, at time 0. A NaN sample counts as the
    maximum; with a sample that is not finite in the window, neither is the charge, and the time is
    the maximum's.

    Parameters
    ----------
    waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
    pedestal : float32 (n_gains, n_pixels), ADC counts
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
    selected_gain : int8 (n_events, n_pixels), optional
        The choice already made; otherwise as `select_gain`.
    threshold : float, ADC counts
        As in `select_gain`; of no effect where `selected_gain` is given.
    width, shift : int, samples
    sampling_rate : float, GHz
    unusable : bool (n_pixels) or (n_events, n_pixels), optional
        Pixels to leave at charge 0 and time 0.

    Raises
    ------
    BadValue
        For arrays of another type or shape, a gain that does not exist, or numbers out of range.
    """
    arguments, gain = raw_arguments(
        waveforms,
        pedestal,
        dc_to_pe,
        selected_gain,
        threshold,
        (width, shift, sampling_rate),
        unusable,
    )
    n_events, _, n_pixels, n_samples = arguments[0].shape
    pulses = _blank(n_events, n_pixels, gain)
    _extract.extract_raw(
        *arguments, np.empty(n_samples, np.float32), gain, pulses.charge, pulses.peak_time
    )
    return pulses


def raw_arguments(
    waveforms: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    selected_gain: NDArray[np.int8] | None,
    threshold: float,
    window: tuple[int, int, float],
    unusable: NDArray[np.bool_] | None,
) -> tuple[RawArguments, NDArray[np.int8]]:
    """Check what `extract_raw` is given; return the compiled code's arguments, and the gains.

    The gains are a copy of those given, or room for those to be chosen.
    """
    waveforms = raw(waveforms)
    n_events, n_gains, n_pixels, _ = waveforms.shape
    lengths = {"n_gains": n_gains, "n_pixels": n_pixels}
    pedestal = checks.array("pedestal", pedestal, np.float32, ("n_gains", "n_pixels"), **lengths)
    dc_to_pe = checks.array("dc_to_pe", dc_to_pe, np.float32, ("n_gains", "n_pixels"), **lengths)
    if selected_gain is None:
        gain = np.zeros((n_events, n_pixels), np.int8)
    else:
        gain = gains(selected_gain, n_events, n_gains, n_pixels)
    mask = _unusable(unusable, n_events, n_pixels)
    choose = selected_gain is None and n_gains == 2
    chosen = (choose, threshold_counts(threshold), *_window(*window), number_in_use())
    return (waveforms, pedestal, dc_to_pe, mask, *chosen), gain


def extract(
    waveforms: NDArray[np.float32],
    *,
    width: int = 7,
    shift: int = 3,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
) -> Pulses:
    """Integrate waveforms that are calibrated already, around the peak, as `extract_raw`.

    Parameters
    ----------
    waveforms : float32 (n_events, n_pixels, n_samples), p.e. per sample
    width, shift : int, samples
    sampling_rate : float, GHz
    unusable : bool (n_pixels) or (n_events, n_pixels), optional
        Pixels to leave at charge 0 and time 0.

    Raises
    ------
    BadValue
        For arrays of another type or shape, or numbers out of range.
    """
    axes = ("n_events", "n_pixels", "n_samples")
    waveforms = checks.array("waveforms", waveforms, np.float32, axes)
    n_events, n_pixels, _ = waveforms.shape
    window = _window(width, shift, sampling_rate)
    pulses = _blank(n_events, n_pixels, np.zeros((n_events, n_pixels), np.int8))
    unusable_bytes = _unusable(unusable, n_events, n_pixels)
    _extract.extract(waveforms, unusable_bytes, *window, pulses.charge, pulses.peak_time)
    return pulses


def _window(width: int, shift: int, sampling_rate: float) -> tuple[int, int, float]:
    rate = checks.real("sampling_rate", sampling_rate, above=0.0)
    if not math.isfinite(rate):
        raise BadValue("sampling_rate is infinite", expected="GHz", do="Look it up in the readout")
    return checks.whole("width", width, 1, FAR), checks.whole("shift", shift, -FAR, FAR), rate


def _unusable(
    unusable: NDArray[np.bool_] | None, n_events: int, n_pixels: int
) -> NDArray[np.uint8]:
    if unusable is None:
        mask = np.zeros(n_pixels, np.bool_)
    elif np.ndim(unusable) == 1:
        mask = checks.array("unusable", unusable, np.bool_, ("n_pixels",), n_pixels=n_pixels)
    else:
        axes = ("n_events", "n_pixels")
        mask = checks.array(
            "unusable", unusable, np.bool_, axes, n_events=n_events, n_pixels=n_pixels
        )
    return np.broadcast_to(mask.view(np.uint8), (n_events, n_pixels))


def _blank(n_events: int, n_pixels: int, gain: NDArray[np.int8]) -> Pulses:
    shape = (n_events, n_pixels)
    return Pulses(np.empty(shape, np.float32), np.empty(shape, np.float32), gain)
