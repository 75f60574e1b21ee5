"""From waveforms to the charge and the time of the pulse in each pixel."""

from .calibration import FoldedCalibration, fold_calibration
from .extraction import Pulses, extract, extract_raw
from .gain import fixed_gain, select_gain
from .pixel_status import PixelStatus, is_usable, n_gains_stored
from .time_shift import integer_shift, shift_waveforms

__all__ = [
    "FoldedCalibration",
    "PixelStatus",
    "Pulses",
    "extract",
    "extract_raw",
    "fixed_gain",
    "fold_calibration",
    "integer_shift",
    "is_usable",
    "n_gains_stored",
    "select_gain",
    "shift_waveforms",
]
