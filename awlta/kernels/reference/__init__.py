"""Each kernel again in plain NumPy, one event after the other, to be read and compared with.

Same arguments and results as the compiled functions, without their checks. Slow by intention.
"""

from .cleaning import brightest_island, clean, dilate, islands, largest_island, tailcuts, time_delta
from .corrections import interpolate, shift_waveforms
from .muons import muon_light, muon_rings
from .parameters import describe, hillas
from .reduction import reduce_volume, remove_pixels
from .waveforms import extract, extract_raw, select_gain

__all__ = [
    "brightest_island",
    "clean",
    "describe",
    "dilate",
    "extract",
    "extract_raw",
    "hillas",
    "interpolate",
    "islands",
    "largest_island",
    "muon_light",
    "muon_rings",
    "reduce_volume",
    "remove_pixels",
    "select_gain",
    "shift_waveforms",
    "tailcuts",
    "time_delta",
]
