"""From images to masks, islands and the numbers that describe what is left."""

from .cleaning import islands, largest_island, tailcuts
from .interpolation import interpolate
from .parameters import (
    HILLAS,
    PARAMETERS,
    CleanedImages,
    describe,
    hillas,
    image_parameters,
)

__all__ = [
    "HILLAS",
    "PARAMETERS",
    "CleanedImages",
    "describe",
    "hillas",
    "image_parameters",
    "interpolate",
    "islands",
    "largest_island",
    "tailcuts",
]
