"""Calibration, reconstruction and maps: arrays in, arrays out."""

from . import flatfield, pedestal, pixel_flags
from .coordinates import (
    from_offsets,
    ground_positions,
    separation,
    tilted_positions,
    to_offsets,
)
from .drawing import draw
from .flatfield import FlatField
from .pedestal import Pedestal
from .pixel_flags import PixelFlag
from .planes import Station, cross_planes
from .significance import excess, li_ma
from .skymap import Events, MapGeometry, OnOff, Region, SkyMap, peak_position, reflected, ring_map
from .stereo import SHOWER, ImageCuts, reconstruct

__all__ = [
    "SHOWER",
    "Events",
    "FlatField",
    "ImageCuts",
    "MapGeometry",
    "OnOff",
    "Pedestal",
    "PixelFlag",
    "Region",
    "SkyMap",
    "Station",
    "cross_planes",
    "draw",
    "excess",
    "flatfield",
    "from_offsets",
    "ground_positions",
    "li_ma",
    "peak_position",
    "pedestal",
    "pixel_flags",
    "reconstruct",
    "reflected",
    "ring_map",
    "separation",
    "tilted_positions",
    "to_offsets",
]
