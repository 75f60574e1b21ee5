"""Times of the pixels made equal: waveforms moved by whole samples, the rest left for the times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from . import _shift
from .gain import RAW_AXES, raw

FARTHEST = 32767
"""Samples; shifts are kept in int16."""


def integer_shift(
    time_shift: NDArray[np.float32], sampling_rate: float
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Divide the time shifts of pixels into whole samples and what is left.

    Whole samples are ``rint(shift - mean(shift))``, half a sample going to the even number, with
    the mean over the pixels of each gain or event: pixels are made equal among themselves with
    the smallest moves.

    Parameters
    ----------
    time_shift : float32 (..., n_pixels), ns
        How much later a pixel shows the same light. Before the pixels there may be gains, events
        or both: ``time_shift[selected_gain, pixels]`` has those of the gain of each pixel and
        event.
    sampling_rate : float, GHz

    Returns
    -------
    samples : int16, shape of `time_shift`
        By which `shift_waveforms` moves waveforms to the left.
    residual : float32, shape of `time_shift`, ns
        To be subtracted from the peak times of waveforms so moved.

    Raises
    ------
    BadValue
        For another type or shape, or a shift that is not finite or of more than 32767 samples.

    Notes
    -----
    The division that the calibration of the CTAO pipelines makes from DL0 to DL1.
    """
    rate = checks.finite("sampling_rate", sampling_rate, above=0.0)
    before = ("n_events", "n_gains")[: max(0, np.ndim(time_shift) - 1)]
    axes = (*before, "n_pixels")
    shift = checks.array("time_shift", time_shift, np.float32, axes)
    with np.errstate(invalid="ignore", over="ignore"):
        shift_samples = shift.astype(np.float64) * rate
        moves = np.rint(shift_samples - shift_samples.mean(axis=-1, keepdims=True))
    if not (np.abs(moves) <= FARTHEST).all():  # NaN neither
        raise BadValue(
            f"time_shift runs from {shift.min()} to {shift.max()} ns, at {rate} GHz",
            expected=f"finite times, at most {FARTHEST} samples from their mean",
            do="Give 0 for a pixel whose time is not known, and call it unusable",
            name="time_shift",
        )
    return moves.astype(np.int16), ((shift_samples - moves) / rate).astype(np.float32)


def shift_waveforms(
    waveforms: NDArray[Any], time_shift: NDArray[np.float32], sampling_rate: float
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Move waveforms to the left by the whole samples of their time shifts.

    Beyond its ends a waveform goes on with its first or last sample. What looks at several pixels
    at once, or at one place in all waveforms, wants this first. Without it the whole shift is to
    be subtracted from the peak times.

    Parameters
    ----------
    waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts, \
or float32 (n_events, n_pixels, n_samples), p.e. per sample
    time_shift : float32, ns
        As in `integer_shift`. Its axes are those of the waveforms but the samples, with or without
        the events.
    sampling_rate : float, GHz

    Returns
    -------
    shifted : as `waveforms`
        A copy.
    residual : float32, shape of `time_shift`, ns
        To be subtracted from peak times.

    Raises
    ------
    BadValue
        For arrays of another type or shape, or as `integer_shift` does.
    """
    is_raw = np.ndim(waveforms) == len(RAW_AXES)
    axes = ("n_events", "n_pixels", "n_samples")
    given: NDArray[Any] = (
        raw(waveforms) if is_raw else checks.array("waveforms", waveforms, np.float32, axes)
    )
    of_events = given.shape[:-1]
    if np.shape(time_shift) not in (of_events, of_events[1:]):
        raise BadValue(
            f"time_shift has shape {np.shape(time_shift)}",
            expected=f"{of_events[1:]} or {of_events}, for waveforms of shape {given.shape}",
            do="Take the shifts of the gain that the waveforms have: time_shift[gain, pixels]",
            name="time_shift",
        )
    samples, residual = integer_shift(time_shift, sampling_rate)
    shifted = np.empty_like(given)
    rows = (len(given), -1 if len(given) else of_events[-1], given.shape[-1])
    shift = _shift.shift_raw if is_raw else _shift.shift_calibrated
    shift(
        given.reshape(rows),
        np.broadcast_to(samples, of_events).reshape(rows[:2]),
        shifted.reshape(rows),
    )
    return shifted, residual
