"""A subarray as the tables under ``configuration/instrument``, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from awlta.errors import BadInput, BadValue

from . import model
from .columns import Column, Columns
from .subarray import Camera, Optics, Subarray, Telescope


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
                float(row["pos_x"]),
                float(row["pos_y"]),
                float(row["pos_z"]),
                optics[int(row["optics_index"])],
                cameras[int(row["camera_index"])],
            )
            for row in layout
        )
        at = [about.get(f"reference_itrs_{axis}") for axis in "xyz"]
        location = None if None in at else (float(at[0]), float(at[1]), float(at[2]))
        return Subarray(str(about.get("SUBARRAY", "unknown")), telescopes, location)
    except (KeyError, IndexError, ValueError, TypeError, ArithmeticError, BadValue) as error:
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
    order = [
        *("tel_id", "name", "type", "pos_x", "pos_y", "pos_z", "camera_name", "optics_name"),
        *("camera_index", "optics_index", "tel_description"),
    ]
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
    if n_channels >= len(readout.dtype.names):
        raise ValueError(f"{n_channels} channels, pulses of {len(readout.dtype.names) - 1}")
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
