"""What an extractor's window leaves out of a pulse, from the camera's reference pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from .extractors import (
    Extractor,
    FlashCam,
    FullWaveform,
    SlidingWindowMax,
    TwoPass,
    Variance,
    check_kind,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Deconvolution:
    """What pole-zero deconvolution does to the pulse of a camera.

    Attributes
    ----------
    pole_zero : float
        Fraction of a sample that the next one still has.
    gain_loss : float
        Fraction of the pulse that the window holds; charges are divided by it, unless it is 0.
    time_shift : float, ns
        By how much times come out late.
    edge_shift : float, divided samples
        How far the peak of the deconvolved pulse stands behind that of the leading edge.
    """

    pole_zero: float
    gain_loss: float
    time_shift: float
    edge_shift: float

    def __post_init__(self) -> None:
        for name in ("pole_zero", "gain_loss", "time_shift", "edge_shift"):
            checks.finite(name, getattr(self, name))


Correction = NDArray[np.float32] | Deconvolution
"""What `pulse_correction` gives, and `extract` takes."""


def pulse_correction(
    pulse: NDArray[np.float64], pulse_step: float, sampling_rate: float, extractor: Extractor
) -> Correction:
    """Return the factors that make the charge of a lone noiseless pulse its whole charge.

    The pulse is binned into samples of the camera, and the window is put around its peak as the
    extractor would. For `SlidingWindowMax` the window slides over the pulse itself.

    Parameters
    ----------
    pulse : float64 (n_gains, n_steps), any unit
        Reference pulse of each gain.
    pulse_step : float, ns
    sampling_rate : float, GHz
    extractor : Extractor

    Returns
    -------
    float32 (n_gains), for `TwoPass` float32 (3, n_gains), for `FlashCam` a `Deconvolution`
        The three are those of windows in the middle, at the begin and at the end. The
        deconvolution is that of the first gain. 1 for `FullWaveform` and `Variance`, and for a
        window without light.

    Raises
    ------
    BadValue
        For a pulse of another type or shape, one without light, too coarse or not contained, or
        what is no extractor.
    """
    pulse = checks.array("pulse", pulse, np.float64, ("n_gains", "n_steps"))
    if not (np.isfinite(pulse).all() and (pulse.sum(axis=1) > 0).all()):
        raise BadValue(
            f"pulse runs from {pulse.min()} to {pulse.max()}, its sums are {pulse.sum(axis=1)}",
            expected="finite numbers whose sum is positive, for each gain",
            do="Look whether the reference pulse was read, and which sign it has",
            name="pulse",
        )
    step = checks.finite("pulse_step", pulse_step, above=0.0)
    sample = 1.0 / checks.finite("sampling_rate", sampling_rate, above=0.0)
    check_kind(extractor)
    if isinstance(extractor, FlashCam):
        return _deconvolution(pulse[0], step, sample, extractor)
    if isinstance(extractor, FullWaveform | Variance):
        return np.ones(len(pulse), np.float32)
    if isinstance(extractor, SlidingWindowMax):
        width = round(extractor.width * sample / step)
        return np.array([_sliding(row, width) for row in pulse], np.float32)
    if isinstance(extractor, TwoPass):
        windows = ((5, 2), (5, 0), (6, 4))
        return np.array(
            [[_window(row, step, sample, *window) for row in pulse] for window in windows],
            np.float32,
        )
    window = (extractor.width, extractor.shift)
    return np.array([_window(row, step, sample, *window) for row in pulse], np.float32)


def _window(pulse: Floats, step: float, sample: float, width: int, shift: int) -> float:
    """Take the inverse of the part of the binned pulse that is in the window."""
    length = len(pulse) * step
    # the end of the last bin is that of the last whole sample
    edges = np.arange(0.0, length, sample)
    if len(edges) < 2:
        return 1.0
    times = np.arange(0.0, length, step)[: len(pulse)]
    binned, _ = np.histogram(times, edges, weights=pulse, density=True)
    start = max(0, int(binned.argmax()) - shift)
    inside = (binned[start : start + width] * sample).sum()
    return float(1.0 / inside) if inside else 1.0


def _sliding(pulse: Floats, width: int) -> float:
    """Take the inverse of the largest part of the pulse that a window of `width` steps holds."""
    width = min(max(width, 1), len(pulse))
    running = np.append(0.0, np.cumsum(pulse))
    return float(pulse.sum() / (running[width:] - running[:-width]).max())


def _deconvolution(pulse: Floats, step: float, sample: float, extractor: FlashCam) -> Deconvolution:
    """Average over the phases at which the camera may sample the pulse."""
    n_phases = round(sample / step)
    if n_phases < 1 or sample < step:
        raise BadValue(
            f"a pulse in steps of {step} ns for samples of {sample} ns",
            expected="steps no longer than a sample",
            do="Take a finer reference pulse",
            name="pulse_step",
        )
    phases = [pulse[phase::n_phases] for phase in range(n_phases)]
    pole_zero = float(np.mean([_tail(row) for row in phases]))
    spread = _spread(pulse, step, extractor.time_profile_std)
    whole = spread.sum() * step / sample
    found = []
    for row in (spread[phase::n_phases] for phase in range(n_phases)):
        fine = refined(row, extractor.upsampling, pole_zero)
        peak = int(fine.argmax())
        start = peak - extractor.shift
        if start < 0 or start + extractor.width > len(fine):
            continue
        at, ahead = float(peak), np.nan
        if extractor.leading_edge:
            edge = refined(row, extractor.upsampling, 1.0)
            ahead = peak - int(edge.argmax())
            at = centroid(edge, int(edge.argmax()), extractor.descend_limit)
        late = (at / extractor.upsampling * n_phases - spread.argmax()) * step
        found.append((fine[start : start + extractor.width].sum() / whole, late, ahead))
    if not found:
        raise BadValue(
            "no window of the deconvolved pulse is within it",
            expected="a pulse with its peak well inside",
            do="Take a longer reference pulse, or a shorter window",
            name="pulse",
        )
    gain_loss, time_shift, edge_shift = np.mean(found, axis=0)
    if not extractor.leading_edge:
        edge_shift = 0.0
    return Deconvolution(pole_zero, float(gain_loss), float(time_shift), float(edge_shift))


def _tail(row: Floats) -> float:
    """Return the ratio of two samples where the pulse falls most steeply."""
    steepest = int(np.diff(row).argmin()) + 1 if len(row) > 1 else 0
    if steepest + 1 >= len(row) or row[steepest] == 0:
        raise BadValue(
            f"a pulse of {len(row)} samples that falls most steeply at {steepest}",
            expected="a pulse that goes on falling where it has fallen most steeply",
            do="Take a longer reference pulse, or another extractor",
            name="pulse",
        )
    return float(row[steepest + 1] / row[steepest])


def _spread(pulse: Floats, step: float, std: float) -> Floats:
    """Smear a pulse as light does that arrives with a normal distribution in time."""
    if std == 0.0:
        return pulse
    times = (np.arange(len(pulse)) - len(pulse) / 2) * step
    density = np.exp(-0.5 * (times / std) ** 2) / (std * np.sqrt(2 * np.pi))
    return np.convolve(pulse, density, "same")


def refined(row: Floats, n_fine: int, pole_zero: float) -> Floats:
    """Deconvolve a waveform and divide its samples: box filters forth and back over finer ones.

    Parameters
    ----------
    row : float64 (..., n_samples)
    n_fine : int
        Fine samples in one.
    pole_zero : float

    Returns
    -------
    float64 (..., n_samples * n_fine)
    """
    deconvolved = np.zeros_like(row)
    deconvolved[..., 1:] = row[..., 1:] - pole_zero * row[..., :-1]
    edges = [(0, 0)] * (row.ndim - 1) + [(1, 1)]
    padded = np.pad(deconvolved, edges, mode="edge")[..., None]
    phase = np.arange(n_fine, dtype=np.float64)
    before = (n_fine - 1 - phase) * (n_fine - phase) / 2
    after = phase * (phase + 1) / 2
    here = n_fine**2 - before - after
    parts = zip((before, here, after), range(3), strict=True)
    a, b, c = (w / n_fine**2 * padded[..., k : k + row.shape[-1], :] for w, k in parts)
    fine: Floats = (a + b + c).reshape(*row.shape[:-1], -1)
    return fine


def centroid(fine: Floats, peak: int, descend_limit: float) -> float:
    """Average the places around a peak whose samples are above a fraction of it, weighted by them.

    Parameters
    ----------
    fine : float64 (n_fine_samples)
    peak : int
    descend_limit : float

    Returns
    -------
    float, fine samples
        The peak itself if it is negative, or nothing is above.
    """
    if fine[peak] < 0:
        return float(peak)
    below = ~(fine > descend_limit * fine[peak])
    left = peak - int(np.append(below[peak::-1], True).argmax())
    right = peak + 1 + int(np.append(below[peak + 1 :], True).argmax())
    places = np.append(np.arange(peak, left, -1), np.arange(peak + 1, right))
    if not len(places):
        return float(peak)
    total = np.cumsum(fine[places])[-1]  # one after the other, as the compiled code
    moment = np.cumsum(places * fine[places])[-1]
    return float(moment / total) if total != 0 else float(peak)
