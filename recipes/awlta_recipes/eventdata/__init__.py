"""Event files (DL1, DL2) in CTAO's data model, as ctapipe writes and reads them."""

from . import times
from .header import Header
from .model import MODEL
from .observation import Frame, Observation
from .reader import EventDataReader
from .renaming import to_data_model
from .subarray import Camera, Optics, Subarray, Telescope
from .writer import EventDataWriter

__all__ = [
    "MODEL",
    "Camera",
    "EventDataReader",
    "EventDataWriter",
    "Frame",
    "Header",
    "Observation",
    "Optics",
    "Subarray",
    "Telescope",
    "times",
    "to_data_model",
]
