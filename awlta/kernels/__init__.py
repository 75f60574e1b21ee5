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
    interpolate,
    islands,
    largest_island,
    tailcuts,
)
from .instructions import instruction_set, instruction_sets, use_instruction_set
from .neighbors import Neighbors, PixelShape
from .waveforms import (
    FoldedCalibration,
    PixelStatus,
    Pulses,
    extract,
    extract_raw,
    fixed_gain,
    fold_calibration,
    integer_shift,
    is_usable,
    n_gains_stored,
    select_gain,
    shift_waveforms,
)

__all__ = [
    "HILLAS",
    "PARAMETERS",
    "CameraGeometry",
    "CleanedImages",
    "FoldedCalibration",
    "Neighbors",
    "PixelShape",
    "PixelStatus",
    "Pulses",
    "Showers",
    "describe",
    "extract",
    "extract_raw",
    "fixed_gain",
    "fold_calibration",
    "hillas",
    "image_parameters",
    "instruction_set",
    "instruction_sets",
    "integer_shift",
    "interpolate",
    "is_usable",
    "islands",
    "largest_island",
    "n_gains_stored",
    "parametrise_raw",
    "select_gain",
    "shift_waveforms",
    "source_digest",
    "tailcuts",
    "use_instruction_set",
]
