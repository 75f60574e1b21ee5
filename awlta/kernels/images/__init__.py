"""From images to masks, islands and the numbers that describe what is left."""

from .cleaning import clean, dilate, tailcuts, time_delta
from .cleanings import Cleaning, Fact, Mars, NightSky, TailCuts, TimeConstrained
from .interpolation import interpolate
from .islands import brightest_island, islands, largest_island
from .parameters import (
    HILLAS,
    PARAMETERS,
    CleanedImages,
    describe,
    hillas,
    image_parameters,
)
from .reduction import (
    ReducedWaveforms,
    Reduction,
    RingsReduction,
    Stored,
    TailCutsReduction,
    reduce_volume,
    remove_pixels,
)

__all__ = [
    "HILLAS",
    "PARAMETERS",
    "CleanedImages",
    "Cleaning",
    "Fact",
    "Mars",
    "NightSky",
    "ReducedWaveforms",
    "Reduction",
    "RingsReduction",
    "Stored",
    "TailCuts",
    "TailCutsReduction",
    "TimeConstrained",
    "brightest_island",
    "clean",
    "describe",
    "dilate",
    "hillas",
    "image_parameters",
    "interpolate",
    "islands",
    "largest_island",
    "reduce_volume",
    "remove_pixels",
    "tailcuts",
    "time_delta",
]
