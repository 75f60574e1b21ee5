"""An extractor and the readout that it works on, in the form that compiled code takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from ..geometry import CameraGeometry
from .correction import Correction, Deconvolution
from .extractors import (
    BaselineSubtractedNeighborPeak,
    Extractor,
    FixedWindow,
    FlashCam,
    FullWaveform,
    GlobalPeak,
    LocalPeak,
    NeighborPeak,
    SlidingWindowMax,
    TwoPass,
    Variance,
    check_kind,
)
from .gain import MAX_SAMPLES

_WHOLE = (
    *("method", "width", "shift", "peak_index", "local_weight", "n_brightest"),
    *("baseline_start", "baseline_end", "upsampling", "leading_edge", "second_pass", "interpolate"),
)
_REAL = (
    *("sampling_rate", "core_threshold", "clipping", "descend_limit"),
    *("pole_zero", "gain_loss", "time_shift", "edge_shift"),
)
_FLAGS = ("leading_edge", "second_pass", "interpolate")
HOW = np.dtype([(name, np.int32) for name in _WHOLE] + [(name, np.float64) for name in _REAL])
"""A row is the `struct how` of `_traces.h`."""

_METHODS = {
    FixedWindow: 0,
    FullWaveform: 0,
    LocalPeak: 1,
    NeighborPeak: 2,
    BaselineSubtractedNeighborPeak: 2,
    GlobalPeak: 3,
    SlidingWindowMax: 4,
    TwoPass: 5,
    FlashCam: 6,
    Variance: 7,
}
"""Number of the method in `_traces.h`."""

_WITH_NEIGHBORS = (NeighborPeak, BaselineSubtractedNeighborPeak, TwoPass, FlashCam)

CameraArguments = tuple[
    NDArray[np.void],
    NDArray[np.float32],
    NDArray[np.int32],
    NDArray[np.int32],
    NDArray[np.float64],
]
"""The row of `HOW`, corrections, and of the neighbours `indptr` and `indices`, and the pixels."""


def arguments(
    extractor: Extractor,
    shape: tuple[int, int, int | None],
    sampling_rate: float,
    geometry: CameraGeometry | None,
    correction: Correction | None,
) -> CameraArguments:
    """Check an extractor against the waveforms; return the compiled code's arguments.

    `shape` is that of the waveforms: pixels, samples, and gains if they are known.

    Raises
    ------
    BadValue
        For a camera or a correction that is missing or does not fit, too few samples or too many.
    """
    n_pixels, n_samples, n_gains = shape
    check_kind(extractor)
    _check_samples(extractor, n_samples)
    how = _how(extractor, n_pixels, n_samples)
    how["sampling_rate"] = checks.finite("sampling_rate", sampling_rate, above=0.0)
    if isinstance(extractor, FlashCam):
        factors = _deconvolve(how, correction, n_samples)
    else:
        factors = _factors(extractor, correction, n_gains)
    none = np.zeros(0, np.int32)
    if not isinstance(extractor, _WITH_NEIGHBORS):
        return how, factors, none, none, np.zeros((0, 1))
    if geometry is None or geometry.n_pixels != n_pixels:
        found = "no geometry" if geometry is None else f"a geometry of {geometry.n_pixels} pixels"
        raise BadValue(
            f"{found} for {type(extractor).__name__} on waveforms of {n_pixels} pixels",
            expected="the geometry of the camera: the method looks at neighbours",
            do="Take the geometry of the telescope that the events are of",
            name="geometry",
        )
    neighbors = geometry.neighbors
    return how, factors, neighbors.indptr, neighbors.indices, geometry.pixels


def _how(extractor: Extractor, n_pixels: int, n_samples: int) -> NDArray[np.void]:
    how = np.zeros(1, HOW)
    how["method"] = _METHODS[type(extractor)]
    how["n_brightest"] = n_pixels
    given: dict[str, Any] = {
        name: getattr(extractor, name) for name in HOW.names or () if hasattr(extractor, name)
    }
    if isinstance(extractor, FullWaveform):
        given["width"] = n_samples
    elif isinstance(extractor, GlobalPeak) and extractor.pixel_fraction < 1.0:
        given["n_brightest"] = int(extractor.pixel_fraction * n_pixels)
    elif isinstance(extractor, TwoPass):
        given |= {"width": 5, "shift": 2}
    for name, value in given.items():
        how[name] = bool(value) if name in _FLAGS else value
    return how


def _check_samples(extractor: Extractor, n_samples: int) -> None:
    checks.whole("n_samples of waveforms", n_samples, 1, MAX_SAMPLES)
    needed = 1
    if isinstance(extractor, TwoPass) and n_samples > 1:
        needed = 5
    elif isinstance(extractor, BaselineSubtractedNeighborPeak):
        needed = extractor.baseline_start + 1
    if n_samples < needed:
        raise BadValue(
            f"waveforms of {n_samples} samples for {extractor!r}",
            expected=f"at least {needed} samples",
            do="Choose an extractor for short waveforms, such as FullWaveform()",
            name="n_samples",
        )


def _factors(
    extractor: Extractor, correction: Correction | None, n_gains: int | None
) -> NDArray[np.float32]:
    """Return a row of factors for each kind of window, or none."""
    if correction is None:
        return np.zeros((0, 1 if n_gains is None else n_gains), np.float32)
    axes = ("n_windows", "n_gains") if isinstance(extractor, TwoPass) else ("n_gains",)
    lengths = {} if n_gains is None else {"n_gains": n_gains}
    if isinstance(extractor, TwoPass):
        lengths["n_windows"] = 3
    factors = checks.array("correction", correction, np.float32, axes, **lengths)
    return factors.reshape(-1, factors.shape[-1])


def _deconvolve(
    how: NDArray[np.void], correction: Correction | None, n_samples: int
) -> NDArray[np.float32]:
    if not isinstance(correction, Deconvolution):
        raise BadValue(
            f"correction is {correction!r} for FlashCam",
            expected="the Deconvolution of the camera's pulse",
            do="Give correction=pulse_correction(pulse, pulse_step, sampling_rate, extractor)",
            name="correction",
        )
    for name in ("pole_zero", "gain_loss", "time_shift", "edge_shift"):
        how[name] = getattr(correction, name)
    return np.zeros((0, 1), np.float32)
