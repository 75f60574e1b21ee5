"""Telescopes and cameras, as the files of a run describe them."""

from __future__ import annotations

from typing import Any

import numpy as np

from awlta import kernels
from awlta.errors import BadInput
from awlta.persistent import Attribute, Link, OptionalLink, Persistent, link, persistent
from awlta.persistent.attributes.codecs import TimeZone

from .events import CameraDescription, TelescopeDescription


class Camera(Persistent, shared=True):
    """A camera: pixels and readout."""

    name: Attribute[str] = persistent("name of the type of camera")
    n_pixels: Attribute[int] = persistent("number of pixels", low=1)
    n_gains: Attribute[int] = persistent("gains that are read out", low=1, high=2)
    n_samples: Attribute[int] = persistent("samples of a waveform", low=1)
    sampling_rate: Attribute[float] = persistent("samples a nanosecond", unit="GHz")
    pixel_shape: Attribute[str] = persistent("hexagonal, square or unknown")
    pixel_x: Attribute[np.ndarray | None] = persistent("pixel centres along lon", unit="m")
    pixel_y: Attribute[np.ndarray | None] = persistent("pixel centres along lat", unit="m")
    pixel_area: Attribute[np.ndarray | None] = persistent("areas of the pixels", unit="m2")
    pulse: Attribute[np.ndarray | None] = persistent(
        "pulse of a photo-electron, for each gain, any unit", default=None
    )
    pulse_step: Attribute[float | None] = persistent(
        "time between two values of it", unit="ns", default=None
    )

    @classmethod
    def of(cls, camera: CameraDescription) -> Camera:
        """Return the camera that a file describes."""
        return cls(
            name=camera.name,
            n_pixels=camera.n_pixels,
            n_gains=camera.n_gains,
            n_samples=camera.n_samples,
            sampling_rate=camera.sampling_rate,
            pixel_shape=camera.pixel_shape,
            pixel_x=camera.pixel_x,
            pixel_y=camera.pixel_y,
            pixel_area=camera.pixel_area,
            pulse=None if camera.pulse_shape is None else _for_each_gain(camera),
            pulse_step=None if camera.pulse_shape is None else camera.pulse_step,
        )


class Site(Persistent, shared=True):
    """Where an array stands."""

    name: Attribute[str] = persistent("name of the site")
    time_zone: Attribute[TimeZone] = persistent("by which nights go from noon to noon")
    longitude: Attribute[float] = persistent("to the east", unit="deg", low=-180, high=180)
    latitude: Attribute[float] = persistent("to the north", unit="deg", low=-90, high=90)
    height: Attribute[float] = persistent("above the sea", unit="m")

    @classmethod
    def named(cls, name: str | int | float | None) -> Site | None:
        """Return a site of CTAO by its name, None for any other."""
        return next((cls(**values) for values in _SITES if values["name"] == name), None)


_SITES: tuple[dict[str, Any], ...] = (
    {
        "name": "CTAO-North",
        "time_zone": "Atlantic/Canary",
        "longitude": -17.8920,
        "latitude": 28.7622,
        "height": 2147.0,
    },
    {
        "name": "CTAO-South",
        "time_zone": "America/Santiago",
        "longitude": -70.3163,
        "latitude": -24.6835,
        "height": 2150.0,
    },
)


class Telescope(Persistent, shared=True):
    """A telescope of an array, with its camera."""

    tel_id: Attribute[int] = persistent("number within the array", low=0)
    name: Attribute[str] = persistent("name")
    x: Attribute[float] = persistent("position to the north", unit="m")
    y: Attribute[float] = persistent("position to the west", unit="m")
    z: Attribute[float] = persistent("position up", unit="m")
    focal_length: Attribute[float] = persistent("effective focal length", unit="m")
    mirror_area: Attribute[float] = persistent("area of the mirror", unit="m2")
    camera: Link[Camera] = link("camera that it carries")
    site: OptionalLink[Site] = link("where it stands, if the file tells", default=None)

    @classmethod
    def of(
        cls, telescope: TelescopeDescription, camera: Camera, site: Site | None = None
    ) -> Telescope:
        """Return the telescope that a file describes."""
        return cls(
            tel_id=telescope.tel_id,
            name=telescope.name,
            x=telescope.x,
            y=telescope.y,
            z=telescope.z,
            focal_length=telescope.focal_length,
            mirror_area=telescope.mirror_area,
            camera=camera,
            site=site,
        )


def _for_each_gain(camera: CameraDescription) -> np.ndarray:
    assert camera.pulse_shape is not None
    shape = (camera.n_gains, camera.pulse_shape.shape[1])
    return np.broadcast_to(camera.pulse_shape, shape).astype(np.float64)


def has_geometry(camera: Camera) -> bool:
    """Tell whether it is known where the pixels of a camera are."""
    return camera.pixel_x is not None and camera.pixel_shape in ("hexagonal", "square")


def loose_pixels(n_pixels: int) -> kernels.CameraGeometry:
    """Return pixels of which nothing is known but their number: none has a neighbour."""
    row, ones = np.arange(float(n_pixels)), np.ones(n_pixels)
    apart = kernels.Neighbors(np.zeros(n_pixels + 1, np.int32), np.zeros(0, np.int32))
    return kernels.CameraGeometry(row, np.zeros(n_pixels), ones, ones, apart)


def field_of_view(telescope: Telescope) -> kernels.CameraGeometry:
    """Return the pixels of a telescope in degrees on the sky.

    Raises
    ------
    BadInput
        The camera has no geometry.
    """
    camera = telescope.camera
    shape = camera.pixel_shape
    if camera.pixel_x is None or camera.pixel_y is None or shape not in ("hexagonal", "square"):
        raise BadInput(
            f"Camera {camera.name} of {telescope.name} has no pixel positions",
            expected="a file that carries its camera geometry",
            do="Charges can be had without (CameraImages); image parameters cannot",
        )
    return kernels.CameraGeometry.from_positions(
        np.degrees(camera.pixel_x / telescope.focal_length),
        np.degrees(camera.pixel_y / telescope.focal_length),
        "square" if shape == "square" else "hexagonal",
    )
