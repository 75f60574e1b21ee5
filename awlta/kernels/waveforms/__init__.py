"""From waveforms to the charge and the time of the pulse in each pixel."""

from .correction import Deconvolution, pulse_correction
from .extraction import Pulses, extract, extract_raw
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
)
from .gain import fixed_gain, select_gain

__all__ = [
    "BaselineSubtractedNeighborPeak",
    "Deconvolution",
    "Extractor",
    "FixedWindow",
    "FlashCam",
    "FullWaveform",
    "GlobalPeak",
    "LocalPeak",
    "NeighborPeak",
    "Pulses",
    "SlidingWindowMax",
    "TwoPass",
    "Variance",
    "extract",
    "extract_raw",
    "fixed_gain",
    "pulse_correction",
    "select_gain",
]
