"""Telescopes, mirrors and cameras, as event files describe them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput, BadValue, NotFound

from . import columns as model
from .columns import Column, Columns

Float = NDArray[np.float64]

_SHAPES = {"hexagonal": "hexagon", "square": "square"}


class CameraLike(Protocol):
    """What a camera of a raw file or of the database tells."""

    @property
    def name(self) -> str: ...
    @property
    def n_pixels(self) -> int: ...
    @property
    def n_gains(self) -> int: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def sampling_rate(self) -> float: ...
    @property
    def pixel_shape(self) -> str: ...
    @property
    def pixel_x(self) -> Any: ...
    @property
    def pixel_y(self) -> Any: ...
    @property
    def pixel_area(self) -> Any: ...


class TelescopeLike(Protocol):
    """What a telescope of a raw file or of the database tells."""

    @property
    def tel_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def x(self) -> float: ...
    @property
    def y(self) -> float: ...
    @property
    def z(self) -> float: ...
    @property
    def focal_length(self) -> float: ...
    @property
    def mirror_area(self) -> float: ...
    @property
    def camera(self) -> Any: ...


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
    def of(cls, camera: CameraLike) -> Camera:
        """Return a camera of a raw file or of the database.

        Raises
        ------
        BadInput
            It has no pixel positions.
        """
        shape = _SHAPES.get(camera.pixel_shape)
        if camera.pixel_x is None or camera.pixel_y is None or shape is None:
            raise BadInput(
                f"Camera {camera.name} has no pixel positions",
                expected="a camera with geometry, since an event file describes its cameras",
                do="Take the geometry from another file of the same camera",
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
    def of(cls, telescope: TelescopeLike) -> Telescope:
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
    def of(cls, name: str, telescopes: Iterable[TelescopeLike]) -> Subarray:
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


@dataclass(frozen=True, eq=False)
class Table:
    """A small table: its place, its columns, their values, and what is said of it as a whole."""

    place: str
    columns: Columns
    values: Mapping[str, Any]
    attributes: Mapping[str, Any]


def tables_of(subarray: Subarray) -> list[Table]:
    """Return the tables that describe a subarray."""
    telescopes = subarray.telescopes
    optics = sorted({t.optics for t in telescopes}, key=lambda o: (o.name, str(o)))
    cameras = _unique_cameras(telescopes)
    tables = [
        _layout(subarray, [cameras.index(_same(cameras, t.camera)) for t in telescopes], optics),
        _optics(subarray.name, optics),
    ]
    for number, camera in enumerate(cameras):
        tables += [_pixels(number, camera), _readout(number, camera)]
    return tables


def subarray_of(read: Any) -> Subarray:
    """Return the subarray that tables describe.

    Parameters
    ----------
    read : callable
        Given a place, returns rows and attributes of the table there.

    Raises
    ------
    BadInput
        A table or column is missing or cannot be understood.
    """
    try:
        layout, about = read(model.LAYOUT)
        optics = [_optics_of(row) for row in read(model.OPTICS)[0]]
        numbers = sorted({int(n) for n in layout["camera_index"]})
        cameras = {n: _camera_of(read, n) for n in numbers}
        telescopes = tuple(
            Telescope(
                int(row["tel_id"]),
                _text(row["name"]),
                *(float(row[f"pos_{axis}"]) for axis in "xyz"),
                optics=optics[int(row["optics_index"])],
                camera=cameras[int(row["camera_index"])],
            )
            for row in layout
        )
        at = [about.get(f"reference_itrs_{axis}") for axis in "xyz"]
        location = None if None in at else (float(at[0]), float(at[1]), float(at[2]))
        return Subarray(str(about.get("SUBARRAY", "unknown")), telescopes, location)
    except (KeyError, IndexError, ValueError, TypeError, BadValue) as error:
        raise BadInput(
            f"the description of the subarray cannot be understood: {error}",
            expected="layout, optics, geometry and readout as in CTAO's data model 7",
            do="Write the file anew",
        ) from error


def _unique_cameras(telescopes: Iterable[Telescope]) -> list[Camera]:
    found: list[Camera] = []
    for camera in sorted((t.camera for t in telescopes), key=lambda c: c.name):
        if not any(_are_equal(camera, other) for other in found):
            found.append(camera)
    return found


def _same(cameras: list[Camera], camera: Camera) -> Camera:
    return next(c for c in cameras if c is camera or _are_equal(c, camera))


def _are_equal(one: Camera, other: Camera) -> bool:
    return all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


def _plain(name: str, dtype: str, unit: str = "") -> Column:
    return Column(name, dtype, "", unit)


def _texts(name: str, values: Iterable[str]) -> tuple[Column, list[bytes]]:
    raw = [v.encode() for v in values]
    return Column(name, f"S{max(1, *map(len, raw), 1)}", "", means="string"), raw


def _layout(subarray: Subarray, camera_index: list[int], optics: list[Optics]) -> Table:
    telescopes = subarray.telescopes
    texts = {
        "name": [t.name for t in telescopes],
        "type": [t.optics.size_type for t in telescopes],
        "camera_name": [t.camera.name for t in telescopes],
        "optics_name": [t.optics.name for t in telescopes],
        "tel_description": [f"{t.optics.size_type}_{t.name}_{t.camera.name}" for t in telescopes],
    }
    values: dict[str, Any] = {
        "tel_id": subarray.tel_ids,
        "camera_index": camera_index,
        "optics_index": [optics.index(t.optics) for t in telescopes],
        **{f"pos_{axis}": [getattr(t, axis) for t in telescopes] for axis in "xyz"},
    }
    kinds = {"tel_id": _plain("tel_id", "u2")}
    kinds |= {f"pos_{axis}": _plain(f"pos_{axis}", "f8", "m") for axis in "xyz"}
    kinds |= {name: _plain(name, "i8") for name in ("camera_index", "optics_index")}
    for name, strings in texts.items():
        kinds[name], values[name] = _texts(name, strings)
    order = ("tel_id", "name", "type", "pos_x", "pos_y", "pos_z", "camera_name", "optics_name")
    order += ("camera_index", "optics_index", "tel_description")
    about: dict[str, Any] = {"TAB_TYPE": "subarray", "TAB_VER": "2.0"}
    about |= {"SUBARRAY": subarray.name, "name": subarray.name}
    if subarray.location is not None:
        about |= {f"reference_itrs_{a}": v for a, v in zip("xyz", subarray.location, strict=True)}
    return Table(model.LAYOUT, tuple(kinds[name] for name in order), values, about)


def _optics(name: str, optics: list[Optics]) -> Table:
    kinds: list[Column] = []
    values: dict[str, Any] = {}
    for column, attribute in (
        ("optics_name", "name"),
        ("size_type", "size_type"),
        ("reflector_shape", "reflector_shape"),
    ):
        kind, values[column] = _texts(column, [getattr(o, attribute) for o in optics])
        kinds.append(kind)
    for column, dtype, unit in (
        ("mirror_area", "f8", "m**2"),
        ("n_mirrors", "i8", ""),
        ("n_mirror_tiles", "i8", ""),
        ("equivalent_focal_length", "f8", "m"),
        ("effective_focal_length", "f8", "m"),
    ):
        kinds.append(_plain(column, dtype, unit))
        values[column] = [getattr(o, column) for o in optics]
    about = {"TAB_TYPE": "optics", "TAB_VER": "4.0", "SUBARRAY": name}
    return Table(model.OPTICS, tuple(kinds), values, about)


def _pixels(number: int, camera: Camera) -> Table:
    kinds = (
        _plain("pix_id", "i8"),
        _plain("pix_x", "f8", "m"),
        _plain("pix_y", "f8", "m"),
        _plain("pix_area", "f8", "m**2"),
    )
    values = {
        "pix_id": np.arange(camera.n_pixels),
        "pix_x": camera.pixel_x,
        "pix_y": camera.pixel_y,
        "pix_area": camera.pixel_area,
    }
    about = {
        "TAB_TYPE": "ctapipe.instrument.CameraGeometry",
        "TAB_VER": "2.0",
        "CAM_ID": camera.name,
        "PIX_TYPE": camera.pixel_shape,
        "PIX_ROT": float(camera.pixel_rotation),
        "CAM_ROT": float(camera.rotation),
    }
    return Table(f"{model.CAMERA}/geometry_{number}", kinds, values, about)


def _readout(number: int, camera: Camera) -> Table:
    # one value of 1 stands for a pulse of which nothing is known
    pulse = np.ones((camera.n_channels, 1)) if camera.pulse is None else camera.pulse
    names = [f"reference_pulse_shape_channel{i}" for i in range(camera.n_channels)]
    kinds = (*(_plain(n, "f8") for n in names), _plain("reference_pulse_sample_time", "f8", "ns"))
    values = dict(zip(names, pulse, strict=True))
    values["reference_pulse_sample_time"] = np.arange(pulse.shape[1]) * camera.pulse_step
    about = {
        "TAB_TYPE": "ctapipe.instrument.CameraReadout",
        "TAB_VER": "3.0",
        "CAM_ID": camera.name,
        "NCHAN": int(camera.n_channels),
        "NPIXELS": camera.n_pixels,
        "NSAMPLES": int(camera.n_samples),
        "SAMPFREQ": float(camera.sampling_rate),
        "REFWIDTH": float(camera.pulse_step),
    }
    return Table(f"{model.CAMERA}/readout_{number}", kinds, values, about)


def _text(raw: Any) -> str:
    return bytes(raw).decode()


def _optics_of(row: Any) -> Optics:
    return Optics(
        _text(row["optics_name"]),
        _text(row["size_type"]),
        _text(row["reflector_shape"]),
        float(row["mirror_area"]),
        int(row["n_mirrors"]),
        int(row["n_mirror_tiles"]),
        float(row["equivalent_focal_length"]),
        float(row["effective_focal_length"]),
    )


def _camera_of(read: Any, number: int) -> Camera:
    pixels, about = read(f"{model.CAMERA}/geometry_{number}")
    readout, told = read(f"{model.CAMERA}/readout_{number}")
    n_channels = int(told["NCHAN"])
    names = [f"reference_pulse_shape_channel{i}" for i in range(n_channels)]
    pulse = np.array([readout[name] for name in names], float)
    return Camera(
        name=str(about["CAM_ID"]),
        pixel_x=np.array(pixels["pix_x"], float),
        pixel_y=np.array(pixels["pix_y"], float),
        pixel_area=np.array(pixels["pix_area"], float),
        pixel_shape=str(about["PIX_TYPE"]),
        n_channels=n_channels,
        n_samples=int(told["NSAMPLES"]),
        sampling_rate=float(told["SAMPFREQ"]),
        pulse=pulse if pulse.shape[1] > 1 else None,
        pulse_step=float(told["REFWIDTH"]),
        pixel_rotation=float(about["PIX_ROT"]),
        rotation=float(about["CAM_ROT"]),
    )


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
