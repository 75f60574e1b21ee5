"""From waveforms to the charge and the time of the pulse in each pixel."""

from .calibration import FoldedCalibration, fold_calibration
from .correction import Correction, Deconvolution, pulse_correction
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
from .pixel_status import PixelStatus, is_usable, n_gains_stored
from .time_shift import integer_shift, shift_waveforms

__all__ = [
    "BaselineSubtractedNeighborPeak",
    "Correction",
    "Deconvolution",
    "Extractor",
    "FixedWindow",
    "FlashCam",
    "FoldedCalibration",
    "FullWaveform",
    "GlobalPeak",
    "LocalPeak",
    "NeighborPeak",
    "PixelStatus",
    "Pulses",
    "SlidingWindowMax",
    "TwoPass",
    "Variance",
    "extract",
    "extract_raw",
    "fixed_gain",
    "fold_calibration",
    "integer_shift",
    "is_usable",
    "n_gains_stored",
    "pulse_correction",
    "select_gain",
    "shift_waveforms",
]
