"""Raw events of any format, behind one face."""

from .eventfile import EventFileWriter, read_truth
from .model import (
    CalibrationState,
    CameraDescription,
    EventBlock,
    EventKind,
    FileCalibration,
    FlaggedEvent,
    Pointing,
    RunHeader,
    TelescopeDescription,
)
from .reader import calibration_of, identify, iterate, read_header

__all__ = [
    "CalibrationState",
    "CameraDescription",
    "EventBlock",
    "EventFileWriter",
    "EventKind",
    "FileCalibration",
    "FlaggedEvent",
    "Pointing",
    "RunHeader",
    "TelescopeDescription",
    "calibration_of",
    "identify",
    "iterate",
    "read_header",
    "read_truth",
]
