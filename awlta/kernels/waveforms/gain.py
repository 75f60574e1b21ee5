"""Choice of the gain channel of each pixel, from raw waveforms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from . import _gain

RAW_AXES = ("n_events", "n_gains", "n_pixels", "n_samples")
MAX_SAMPLES = 32767
"""Longest waveform: its samples are counted in int16, eight at a time."""


def select_gain(waveforms: NDArray[np.uint16], threshold: float = 4000.0) -> NDArray[np.int8]:
    """Choose the gain channel of each pixel: low where a raw high-gain sample is above.

    Parameters
    ----------
    waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
        With one or two gains, the high gain first. With one gain there is no choice.
    threshold : float, ADC counts
        The low gain is taken strictly above it.

    Returns
    -------
    int8 (n_events, n_pixels)
        0 high or only gain, 1 low gain.

    Raises
    ------
    BadValue
        For waveforms of another type or shape, or a threshold that is NaN.
    """
    waveforms = raw(waveforms)
    n_events, n_gains, n_pixels, _ = waveforms.shape
    counts = threshold_counts(threshold)
    selected_gain = np.zeros((n_events, n_pixels), np.int8)
    if n_gains == 2:
        _gain.select(waveforms, counts, selected_gain)
    return selected_gain


def fixed_gain(waveforms: NDArray[np.uint16], gain: int) -> NDArray[np.int8]:
    """Choose one gain channel for all pixels, by hand.

    Parameters
    ----------
    waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
    gain : int
        0 high, 1 low.

    Returns
    -------
    int8 (n_events, n_pixels)

    Raises
    ------
    BadValue
        For waveforms of another type or shape, or a gain that they do not have.
    """
    waveforms = raw(waveforms)
    n_events, n_gains, n_pixels, _ = waveforms.shape
    return np.full((n_events, n_pixels), checks.whole("gain", gain, 0, n_gains - 1), np.int8)


def raw(waveforms: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return raw waveforms with their four axes, checked."""
    waveforms = checks.array("waveforms", waveforms, np.uint16, RAW_AXES)
    if waveforms.shape[1] > 2:
        raise BadValue(
            f"waveforms of {waveforms.shape[1]} gains",
            expected="one gain, or two with the high gain first",
            do="Look at the order of the axes: " + ", ".join(RAW_AXES),
        )
    checks.whole("n_samples of waveforms", waveforms.shape[3], 1, MAX_SAMPLES)
    return waveforms


def threshold_counts(threshold: float, name: str = "threshold") -> int:
    """Counts are whole: more than 4000.7 is more than 4000."""
    return math.floor(min(max(checks.real(name, threshold), -1.0), 65535.0))


def gains(
    selected_gain: NDArray[np.int8], n_events: int, n_gains: int, n_pixels: int
) -> NDArray[np.int8]:
    """Return a copy, so that the answer is the caller's and the check cannot be overtaken."""
    axes = ("n_events", "n_pixels")
    gain = checks.array(
        "selected_gain", selected_gain, np.int8, axes, n_events=n_events, n_pixels=n_pixels
    ).copy()
    checks.values_within("selected_gain", gain, 0, n_gains - 1)
    return gain
