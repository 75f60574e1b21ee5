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
from .muons import MUON, MuonOptions, muon_rings
from .neighbors import Neighbors, PixelShape
from .waveforms import Pulses, extract, extract_raw, fixed_gain, select_gain

__all__ = [
    "HILLAS",
    "MUON",
    "PARAMETERS",
    "CameraGeometry",
    "CleanedImages",
    "MuonOptions",
    "Neighbors",
    "PixelShape",
    "Pulses",
    "Showers",
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
    "muon_rings",
    "parametrise_raw",
    "select_gain",
    "source_digest",
    "tailcuts",
    "use_instruction_set",
]
