"""Raw events of any format, behind one face."""

from .ahead import ahead
from .blocks import BLOCK_BYTES
from .eventfile import EventFileWriter
from .model import (
    CalibrationState,
    CameraDescription,
    EventBlock,
    EventKind,
    EventType,
    FileCalibration,
    FlaggedEvent,
    Pointing,
    RunHeader,
    TelescopeDescription,
)
from .reader import (
    calibration_of,
    identify,
    iterate,
    iterate_all,
    read_header,
    read_truth,
)

__all__ = [
    "BLOCK_BYTES",
    "CalibrationState",
    "CameraDescription",
    "EventBlock",
    "EventFileWriter",
    "EventKind",
    "EventType",
    "FileCalibration",
    "FlaggedEvent",
    "Pointing",
    "RunHeader",
    "TelescopeDescription",
    "ahead",
    "calibration_of",
    "identify",
    "iterate",
    "iterate_all",
    "read_header",
    "read_truth",
]
