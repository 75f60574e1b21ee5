"""Floor 0: arrays in, arrays out.

Every function checks what it is given, then runs compiled code over the whole batch without the
interpreter's lock. An event's numbers do not depend on the batch it came in. `reference` has each
function again in plain NumPy.
"""

from .fused import Showers, parametrise_raw
from .geometry import CameraGeometry
from .identity import source_digest
from .images import (
    HILLAS,
    PARAMETERS,
    CleanedImages,
    Cleaning,
    Fact,
    Mars,
    NightSky,
    ReducedWaveforms,
    Reduction,
    RingsReduction,
    Stored,
    TailCuts,
    TailCutsReduction,
    TimeConstrained,
    brightest_island,
    clean,
    describe,
    dilate,
    hillas,
    image_parameters,
    islands,
    largest_island,
    reduce_volume,
    remove_pixels,
    tailcuts,
    time_delta,
)
from .instructions import instruction_set, instruction_sets, use_instruction_set
from .neighbors import Neighbors, PixelShape
from .waveforms import Pulses, extract, extract_raw, fixed_gain, select_gain

__all__ = [
    "HILLAS",
    "PARAMETERS",
    "CameraGeometry",
    "CleanedImages",
    "Cleaning",
    "Fact",
    "Mars",
    "Neighbors",
    "NightSky",
    "PixelShape",
    "Pulses",
    "ReducedWaveforms",
    "Reduction",
    "RingsReduction",
    "Showers",
    "Stored",
    "TailCuts",
    "TailCutsReduction",
    "TimeConstrained",
    "brightest_island",
    "clean",
    "describe",
    "dilate",
    "extract",
    "extract_raw",
    "fixed_gain",
    "hillas",
    "image_parameters",
    "instruction_set",
    "instruction_sets",
    "islands",
    "largest_island",
    "parametrise_raw",
    "reduce_volume",
    "remove_pixels",
    "select_gain",
    "source_digest",
    "tailcuts",
    "time_delta",
    "use_instruction_set",
]
