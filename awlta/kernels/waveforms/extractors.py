"""How charge and time of a pulse are found: one value a method.

The methods and their usual numbers are those of the CTAO pipelines. A window of `width` samples
begins `shift` samples before a peak, and is cut at both ends of the waveform. Its sum is the
charge; the time is the mean of its positive samples, weighted by them, or the peak's if there are
none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from awlta.errors import BadValue

from .. import checks

FAR = 1_000_000
"""Beyond any waveform; bounds widths and shifts so that index arithmetic cannot overflow."""


def _check_window(extractor: Any) -> None:
    checks.whole("width", extractor.width, 1, FAR)
    if hasattr(extractor, "shift"):
        checks.whole("shift", extractor.shift, -FAR, FAR)


@dataclass(frozen=True)
class FixedWindow:
    """Sum a window around one sample, the same for all pixels.

    Attributes
    ----------
    width, shift, peak_index : int, samples
    """

    width: int = 7
    shift: int = 0
    peak_index: int = 0

    def __post_init__(self) -> None:
        _check_window(self)
        checks.whole("peak_index", self.peak_index, -FAR, FAR)


@dataclass(frozen=True)
class FullWaveform:
    """Sum the whole waveform."""


@dataclass(frozen=True)
class GlobalPeak:
    """Sum a window around the peak of the camera's mean waveform.

    Attributes
    ----------
    width, shift : int, samples
    pixel_fraction : float
        The mean is that of so many of the pixels, those with the largest samples; 1 means all.
    """

    width: int = 7
    shift: int = 3
    pixel_fraction: float = 1.0

    def __post_init__(self) -> None:
        _check_window(self)
        if checks.real("pixel_fraction", self.pixel_fraction, above=0.0) > 1.0:
            raise BadValue(
                f"pixel_fraction is {self.pixel_fraction!r}",
                expected="a number above 0, up to 1",
                do="Give 1 for all pixels",
                name="pixel_fraction",
            )


@dataclass(frozen=True)
class LocalPeak:
    """Sum a window around the pixel's own peak.

    Attributes
    ----------
    width, shift : int, samples
    """

    width: int = 7
    shift: int = 3

    def __post_init__(self) -> None:
        _check_window(self)


@dataclass(frozen=True)
class NeighborPeak:
    """Sum a window around the peak of the summed waveforms of the pixel's usable neighbours.

    Attributes
    ----------
    width, shift : int, samples
    local_weight : int
        How often the pixel itself counts in the sum beside each neighbour.
    """

    width: int = 7
    shift: int = 3
    local_weight: int = 0

    def __post_init__(self) -> None:
        _check_window(self)
        checks.whole("local_weight", self.local_weight, 0, FAR)


@dataclass(frozen=True)
class BaselineSubtractedNeighborPeak:
    """Subtract the mean of some samples of each waveform, then do as `NeighborPeak`.

    Attributes
    ----------
    width, shift, local_weight : int
        As in `NeighborPeak`.
    baseline_start, baseline_end : int, samples
        The mean is that of samples [start, end).
    """

    width: int = 7
    shift: int = 3
    local_weight: int = 0
    baseline_start: int = 0
    baseline_end: int = 10

    def __post_init__(self) -> None:
        _check_window(self)
        checks.whole("local_weight", self.local_weight, 0, FAR)
        start = checks.whole("baseline_start", self.baseline_start, 0, FAR)
        checks.whole("baseline_end", self.baseline_end, start + 1, FAR + 1)


@dataclass(frozen=True)
class SlidingWindowMax:
    """Take the window with the largest sum, the first of several.

    Without light the time is the middle of the window. A window longer than the waveform is the
    waveform.

    Attributes
    ----------
    width : int, samples
    """

    width: int = 7

    def __post_init__(self) -> None:
        _check_window(self)


@dataclass(frozen=True)
class TwoPass:
    """Find the shower with windows of each pixel's own, then guide the others by its times.

    First five samples around the largest sum of three. The image is cleaned by tail cuts, the
    times of the brightest island are fitted along its axis, and all pixels but the bright ones of
    the island are integrated again, five samples where the line expects the pulse. If there is no
    island of three pixels, or no line through its times, the first pass stands, and the event is
    not valid. J. Holder et al., Astroparticle Physics 25 (2006) 391.

    Attributes
    ----------
    core_threshold : float, p.e.
        Picture threshold, twice the boundary threshold. 6 is usual for LSTs, 8 for MSTs, 4 for
        SSTs.
    second_pass : bool
        False leaves the first pass as it is, and valid.
    interpolate : bool
        Let unusable pixels have the mean of their neighbours while the shower is looked for.
    """

    core_threshold: float = 6.0
    second_pass: bool = True
    interpolate: bool = True

    def __post_init__(self) -> None:
        checks.real("core_threshold", self.core_threshold, above=0.0)


@dataclass(frozen=True)
class FlashCam:
    """Shorten long pulses by pole-zero deconvolution, then do as `NeighborPeak` on finer samples.

    What neighbours contribute to the peak is clipped softly, and the time is that of the leading
    edge. Gain loss and shifts that this causes come from the camera's pulse: see
    `pulse_correction`. A. Gadola et al., JINST 10 (2015) C01014.

    Attributes
    ----------
    upsampling : int
        Samples that each one is divided into.
    width, shift : int, divided samples
    local_weight : int
        As in `NeighborPeak`.
    time_profile_std : float, ns
        Spread of the Cherenkov light in time that the gain loss is reckoned for.
    clipping : float, p.e. per sample
        A neighbour's sample x counts as x / (clipping + x) of it; 0 or infinity: not clipped.
    leading_edge : bool
        False gives the time of the window, as the other extractors.
    descend_limit : float
        The edge's time is the mean of the samples around the peak down to this fraction of it.
    """

    upsampling: int = 4
    width: int = 7
    shift: int = 3
    local_weight: int = 0
    time_profile_std: float = 2.0
    clipping: float = 5.0
    leading_edge: bool = True
    descend_limit: float = 0.05

    def __post_init__(self) -> None:
        _check_window(self)
        checks.whole("upsampling", self.upsampling, 1, 64)
        checks.whole("local_weight", self.local_weight, 0, FAR)
        for name in ("time_profile_std", "clipping", "descend_limit"):
            if checks.real(name, getattr(self, name)) < 0.0:
                raise BadValue(
                    f"{name} is {getattr(self, name)!r}",
                    expected="a number from 0 on",
                    do=f"Choose another {name}",
                    name=name,
                )


@dataclass(frozen=True)
class Variance:
    """Take the variance of the samples instead of a charge, at time 0; NaN samples do not count."""


Extractor = (
    FixedWindow
    | FullWaveform
    | GlobalPeak
    | LocalPeak
    | NeighborPeak
    | BaselineSubtractedNeighborPeak
    | SlidingWindowMax
    | TwoPass
    | FlashCam
    | Variance
)


def check_kind(extractor: object) -> None:
    """Raise BadValue for what is no extractor, such as its name or its class."""
    kinds = get_args(Extractor)
    if type(extractor) not in kinds:
        raise BadValue(
            f"extractor is {extractor!r}",
            expected="one of " + ", ".join(kind.__name__ for kind in kinds),
            do="Make one, for instance LocalPeak(width=7, shift=3)",
            name="extractor",
        )
