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
    describe,
    hillas,
    image_parameters,
    islands,
    largest_island,
    tailcuts,
)
from .instructions import instruction_set, instruction_sets, use_instruction_set
from .neighbors import Neighbors, PixelShape
from .waveforms import (
    BaselineSubtractedNeighborPeak,
    Deconvolution,
    Extractor,
    FixedWindow,
    FlashCam,
    FullWaveform,
    GlobalPeak,
    LocalPeak,
    NeighborPeak,
    Pulses,
    SlidingWindowMax,
    TwoPass,
    Variance,
    extract,
    extract_raw,
    fixed_gain,
    pulse_correction,
    select_gain,
)

__all__ = [
    "HILLAS",
    "PARAMETERS",
    "BaselineSubtractedNeighborPeak",
    "CameraGeometry",
    "CleanedImages",
    "Deconvolution",
    "Extractor",
    "FixedWindow",
    "FlashCam",
    "FullWaveform",
    "GlobalPeak",
    "LocalPeak",
    "NeighborPeak",
    "Neighbors",
    "PixelShape",
    "Pulses",
    "Showers",
    "SlidingWindowMax",
    "TwoPass",
    "Variance",
    "describe",
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
    "pulse_correction",
    "select_gain",
    "source_digest",
    "tailcuts",
    "use_instruction_set",
]
