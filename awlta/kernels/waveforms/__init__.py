"""From waveforms to the charge and the time of the pulse in each pixel."""

from .extraction import Pulses, extract, extract_raw
from .gain import fixed_gain, select_gain

__all__ = ["Pulses", "extract", "extract_raw", "fixed_gain", "select_gain"]
