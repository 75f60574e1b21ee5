"""Each kernel again in plain NumPy, one event after the other, to be read and compared with.

Same arguments and results as the compiled functions, without their checks. Slow by intention.
"""

from .cleaning import islands, largest_island, tailcuts
from .muons import muon_rings
from .parameters import describe, hillas
from .waveforms import extract, extract_raw, select_gain

__all__ = [
    "describe",
    "extract",
    "extract_raw",
    "hillas",
    "islands",
    "largest_island",
    "muon_rings",
    "select_gain",
    "tailcuts",
]
