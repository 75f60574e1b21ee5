"""Telescopes, mirrors and cameras, as event files describe them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue, NotFound

from .. import events, instrument

Float = NDArray[np.float64]

_SHAPES = {"hexagonal": "hexagon", "square": "square"}


@dataclass(frozen=True)
class Optics:
    """Mirror of a telescope.

    Attributes
    ----------
    name : str
    size_type : str
        ``LST``, ``MST``, ``SST`` or ``UNKNOWN``.
    reflector_shape : str
        ``PARABOLIC``, ``DAVIES_COTTON``, ``HYBRID``, ``SCHWARZSCHILD_COUDER`` or ``UNKNOWN``.
    mirror_area : float, m2
    n_mirrors, n_mirror_tiles : int
    equivalent_focal_length : float, m
        The nominal one.
    effective_focal_length : float, m
        By which positions in the camera become angles; NaN where unknown.
    """

    name: str
    size_type: str
    reflector_shape: str
    mirror_area: float
    n_mirrors: int
    n_mirror_tiles: int
    equivalent_focal_length: float
    effective_focal_length: float


@dataclass(frozen=True, eq=False)
class Camera:
    """Pixels and readout of a camera, in the frame of CTAO: x up, y along azimuth.

    Attributes
    ----------
    name : str
    pixel_x, pixel_y : float64 (n_pixels,), m
    pixel_area : float64 (n_pixels,), m2
    pixel_shape : str
        ``hexagon``, ``square`` or ``circle``.
    n_channels, n_samples : int
    sampling_rate : float, GHz
    pulse : float64 (n_channels, n_times), or None
        Shape of a pulse of one p.e., by which window sums are corrected.
    pulse_step : float, ns
        Between two values of ``pulse``.
    pixel_rotation, rotation : float, deg
        Of the pixels and of the camera.
    """

    name: str
    pixel_x: Float
    pixel_y: Float
    pixel_area: Float
    pixel_shape: str
    n_channels: int
    n_samples: int
    sampling_rate: float
    pulse: Float | None = None
    pulse_step: float = 1.0
    pixel_rotation: float = 0.0
    rotation: float = 0.0

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return len(self.pixel_x)

    @classmethod
    def of(cls, camera: events.CameraDescription | instrument.Camera) -> Camera:
        """Return a camera of a raw file or of the database.

        One without geometry has pixels whose places are NaN.
        """
        shape = _SHAPES.get(camera.pixel_shape)
        if camera.pixel_x is None or camera.pixel_y is None or shape is None:
            nowhere = np.full(camera.n_pixels, np.nan)
            return cls(
                name=camera.name,
                pixel_x=nowhere,
                pixel_y=nowhere,
                pixel_area=nowhere,
                pixel_shape="circle",
                n_channels=camera.n_gains,
                n_samples=camera.n_samples,
                sampling_rate=camera.sampling_rate,
            )
        # here x is along the longitude of the field of view, in the files x is up
        x, y = np.asarray(camera.pixel_y, float), np.asarray(camera.pixel_x, float)
        turn, fill = (60.0, math.sqrt(3) / 2) if shape == "hexagon" else (90.0, 1.0)
        step, angle = _lattice(x, y)
        area = camera.pixel_area
        return cls(
            name=camera.name,
            pixel_x=x,
            pixel_y=y,
            pixel_area=np.full(len(x), fill * step**2) if area is None else np.asarray(area, float),
            pixel_shape=shape,
            n_channels=camera.n_gains,
            n_samples=camera.n_samples,
            sampling_rate=camera.sampling_rate,
            pixel_rotation=angle % turn,
            **_pulse(camera),
        )


@dataclass(frozen=True, eq=False)
class Telescope:
    """A telescope of the array.

    Attributes
    ----------
    tel_id : int
    name : str
    x, y, z : float, m
        Position to the north, to the west and up.
    optics : Optics
    camera : Camera
    """

    tel_id: int
    name: str
    x: float
    y: float
    z: float
    optics: Optics
    camera: Camera

    @classmethod
    def of(cls, telescope: events.TelescopeDescription | instrument.Telescope) -> Telescope:
        """Return a telescope of a raw file or of the database; what is not known is UNKNOWN."""
        area, focal_length = telescope.mirror_area, telescope.focal_length
        size = "UNKNOWN" if not area > 0 else "LST" if area > 200 else "MST" if area > 40 else "SST"
        # raw files tell the effective focal length where they have it, and the nominal one else
        optics = Optics(size, size, "UNKNOWN", area, 1, 1, focal_length, focal_length)
        camera = Camera.of(telescope.camera)
        x, y, z = telescope.x, telescope.y, telescope.z
        return cls(telescope.tel_id, telescope.name, x, y, z, optics, camera)


@dataclass(frozen=True, eq=False)
class Subarray:
    """The telescopes that a file has events of.

    Attributes
    ----------
    name : str
    telescopes : tuple of Telescope
        In order of ``tel_id``, which is that of the masks of telescopes.
    location : tuple of float, m, or None
        Origin of the positions, geocentric (ITRS).
    """

    name: str
    telescopes: tuple[Telescope, ...]
    location: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.telescopes, key=lambda t: t.tel_id))
        object.__setattr__(self, "telescopes", ordered)
        ids = self.tel_ids
        if not ids or len(set(ids)) < len(ids) or not 0 <= ids[0] <= ids[-1] < 2**15:
            raise BadValue(
                f"a subarray of the telescopes {list(ids)}",
                expected="one or more, each with a number of its own from 0 to 32767",
                do="Describe each telescope once",
            )

    @classmethod
    def of(
        cls, name: str, telescopes: Iterable[events.TelescopeDescription | instrument.Telescope]
    ) -> Subarray:
        """Return the subarray of telescopes of a raw file or of the database."""
        return cls(name, tuple(Telescope.of(t) for t in telescopes))

    @property
    def tel_ids(self) -> tuple[int, ...]:
        """Numbers of the telescopes."""
        return tuple(t.tel_id for t in self.telescopes)

    def telescope(self, tel_id: int) -> Telescope:
        """Return a telescope; raise NotFound."""
        for telescope in self.telescopes:
            if telescope.tel_id == tel_id:
                return telescope
        raise NotFound(
            f"subarray {self.name} has no telescope {tel_id}",
            expected=f"one of {list(self.tel_ids)}",
            do="Describe the telescope in the subarray, or choose another one",
        )


def _pulse(camera: events.CameraDescription | instrument.Camera) -> dict[str, Any]:
    """Return pulse and step as a camera has them, for each gain; nothing where it has none."""
    is_raw = isinstance(camera, events.CameraDescription)
    pulse: Any = getattr(camera, "pulse_shape" if is_raw else "pulse")
    if pulse is None or camera.pulse_step is None:
        return {}
    pulse = np.asarray(pulse, float)
    both = np.broadcast_to(pulse, (camera.n_gains, pulse.shape[-1]))
    return {"pulse": both, "pulse_step": float(camera.pulse_step)}


def _lattice(x: Float, y: Float) -> tuple[float, float]:
    """Return distance (m) and direction (deg) of the pixel next to the one in the middle."""
    if len(x) < 2:
        return 0.0, 0.0
    middle = np.argmin(np.hypot(x - x.mean(), y - y.mean()))
    dx, dy = np.delete(x - x[middle], middle), np.delete(y - y[middle], middle)
    nearest = np.argmin(np.hypot(dx, dy))
    return float(np.hypot(dx[nearest], dy[nearest])), float(
        np.degrees(np.arctan2(dy[nearest], dx[nearest]))
    )
