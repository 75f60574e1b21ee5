"""Shower geometry (DL2): direction and core of each shower, from two telescopes and more.

The table has the columns of `science.stereo.SHOWER` by axes crossed on a flat sky, the direction in
ra and dec, and those of `science.planes.geometry_type` by planes crossed on the ground: alt, az,
core_x, core_y, h_max and so on, as the HillasReconstructor of the CTAO pipelines defines them.
is_valid tells of the former; the latter are NaN where the planes give nothing. telescopes, the
images that were used, are in the order of tel_id.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib import recfunctions

from awlta.errors import BadInput
from awlta.lineage import DataProduct, Parameters, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, Links, link, persistent

from . import event_files
from .image_parameters import ImageParameters
from .instrument import field_of_view
from .raw_file import RawFile
from .science import pictures, planes, stereo
from .science.coordinates import from_offsets, tilted_positions
from .tables import TableWriter, read_table

TABLE = "dl2/event/subarray/geometry/HillasReconstructor"

MIN_RECONSTRUCTED = 0.1
"""Fraction; below it, telescopes do not see the same showers: pointings or clocks differ."""


_COLUMNS = {
    "event_id": "event_id",
    **{
        name: f"hillas_{name}"
        for name in ("intensity", "fov_lon", "fov_lat", "psi", "length", "width")
    },
    "n_pixels": "morphology_n_pixels",
    "leakage": "leakage_intensity_width_1",
}
"""What the reconstruction asks for, and the columns of image parameters that it is in."""


class StereoParameters(Parameters):
    """Which images are used."""

    min_intensity: Attribute[float] = persistent("least light", unit="p.e.", default=50.0, low=0)
    min_pixels: Attribute[int] = persistent("least number of pixels", default=4, low=1)
    max_leakage: Attribute[float] = persistent(
        "light in the outermost pixels, as a fraction", default=0.2, low=0, high=1
    )


class ShowerGeometry(DataProduct):
    """Directions and cores of the showers of one run (DL2)."""

    images: Links[ImageParameters] = link(
        "image parameters of all telescopes of the run", locates=True
    )
    parameters: Link[StereoParameters] = link("cuts on images")
    run: Attribute[int] = persistent("run number", init=False, index=True)
    n_events: Attribute[int] = persistent("array events", init=False)
    n_reconstructed: Attribute[int] = persistent("showers with a direction", init=False)

    FEW_RECONSTRUCTED = QCFlag(
        0, "fraction of showers with a direction below limit", blocking=False
    )

    @recipe
    def make(self) -> None:
        """Cross the axes of the images of each shower."""
        self._refuse_mixed()
        source: RawFile = self.images[0].images.raw.source
        tables = {}
        for part in self.images:
            tel_id = part.images.raw.telescope.tel_id
            tables[tel_id] = _named_for_stereo(event_files.parameters(part.retrieve(), tel_id))
        found = stereo.reconstruct(tables, self._positions(source), self._cuts())
        ra, dec = _sky(found, source)
        crossed = self._planes(tables, source)
        found = recfunctions.append_fields(found, ("ra", "dec"), (ra, dec), usemask=False)
        rows = _beside(found, crossed[[*planes.NAMES, "telescopes"]])
        with TableWriter(self.create(".h5"), TABLE, rows.dtype) as table:
            table.append(rows)
        self._write_events(crossed)
        self.run = source.run
        self.n_events, self.n_reconstructed = len(rows), int(rows["is_valid"].sum())

    def _refuse_mixed(self) -> None:
        """Raise BadInput for images of no run, of several, or twice of one telescope."""
        raws = [part.images.raw for part in self.images]
        runs = sorted({raw.run for raw in raws})
        if len(runs) != 1:
            raise BadInput(
                f"Images of the runs {runs}" if runs else "No images",
                expected="those of one run, whose events have ids of their own",
                do="Make one ShowerGeometry for each run",
            )
        tel_ids = sorted(raw.telescope.tel_id for raw in raws)
        if len(set(tel_ids)) < len(tel_ids):
            raise BadInput(
                f"Images of the telescopes {tel_ids} in run {runs[0]}",
                expected="image parameters of each telescope once",
                do="Choose one of those that were cleaned in different ways",
            )

    def _write_events(self, crossed: np.ndarray) -> None:
        """Write a file in CTAO's data model: triggers, image parameters, directions and cores."""
        source: RawFile = self.images[0].images.raw.source
        telescopes = [part.images.raw.telescope for part in self.images]
        parts = {t.tel_id: part.retrieve() for t, part in zip(telescopes, self.images, strict=True)}
        array = event_files.joined_triggers(list(parts.values()))
        with event_files.new_event_file(self.create(".h5", role="events"), source, telescopes) as f:
            f.append_triggers(array)
            for tel_id, path in parts.items():
                rows = event_files.parameters(path, tel_id)
                f.append_parameters(tel_id, rows[np.argsort(rows["event_id"], kind="stable")])
            f.append_dl2("geometry", "HillasReconstructor", _for_each(array["event_id"], crossed))

    def verify(self) -> None:
        """Compare the number of showers with a direction with its limit."""
        fraction = self.n_reconstructed / max(1, self.n_events)
        self.FEW_RECONSTRUCTED.below(fraction, MIN_RECONSTRUCTED)

    def draw(self, figure: Any) -> None:
        """Draw directions and cores, and how well the axes of the images meet."""
        rows = read_table(self.retrieve(), TABLE)
        rows = rows[rows["is_valid"]]
        figure.suptitle(f"Showers of run {self.run}: {self.n_reconstructed} of {self.n_events}")
        axes = figure.subplots(2, 2)
        pictures.directions(axes[0, 0], rows["fov_lon"], rows["fov_lat"])
        places = self._positions(self.images[0].images.raw.source)
        named = {f"telescope {number}": place for number, place in places.items()}
        pictures.cores(axes[0, 1], rows["core_lon"], rows["core_lat"], named)
        spread = "scatter of the crossings (deg)"
        pictures.distribution(axes[1, 0], rows["direction_spread"], spread)
        pictures.distribution(axes[1, 1], rows["intensity"], "light (p.e.)", logarithmic=True)

    def _planes(self, tables: dict[int, np.ndarray], source: RawFile) -> np.ndarray:
        alt, az = _pointing(source)
        telescopes = [part.images.raw.telescope for part in self.images]
        site = telescopes[0].site
        stations = {
            t.tel_id: planes.Station(t.x, t.y, t.z, field_of_view(t).radius) for t in telescopes
        }
        return planes.cross_planes(
            {t: _in_azimuth(rows, source) for t, rows in tables.items()},
            stations,
            (alt, az),
            height=np.nan if site is None else site.height,
            cuts=self._cuts(),
        )

    def _cuts(self) -> stereo.ImageCuts:
        return stereo.ImageCuts(**self.parameters.values())

    def _positions(self, source: RawFile) -> dict[int, tuple[float, float]]:
        alt, az = _pointing(source)
        telescopes = [part.images.raw.telescope for part in self.images]
        lon, lat = tilted_positions(
            [t.x for t in telescopes],
            [t.y for t in telescopes],
            [t.z for t in telescopes],
            alt,
            az,
            is_equatorial=source.ra is not None,
        )
        ids = [t.tel_id for t in telescopes]
        return {t: (float(x), float(y)) for t, x, y in zip(ids, lon, lat, strict=True)}

    @classmethod
    def targets(cls, wanted: Selection) -> list[ShowerGeometry]:
        """Return one for each run that two telescopes and more have image parameters of."""
        by_file: dict[str, list[ImageParameters]] = {}
        for part in wanted.of(ImageParameters):
            source = part.images.raw.source
            if source.alt is not None:
                by_file.setdefault(source.object_id, []).append(part)
        return cls.get_targets(
            {"images": _ordered(parts), "parameters": wanted.parameters(cls)}
            for parts in by_file.values()
            if len(parts) > 1
        )


def _ordered(parts: list[ImageParameters]) -> list[ImageParameters]:
    return sorted(parts, key=lambda p: p.images.raw.telescope.tel_id)


def _named_for_stereo(rows: np.ndarray) -> np.ndarray:
    """Keep what the reconstruction asks for, by its names; images without light are left out."""
    kept = rows[np.isfinite(rows["hillas_intensity"]) & (rows["hillas_intensity"] > 0)]
    table = np.empty(len(kept), [(name, kept.dtype[column]) for name, column in _COLUMNS.items()])
    for name, column in _COLUMNS.items():
        table[name] = kept[column]
    return table


def _pointing(source: RawFile) -> tuple[float, float]:
    if source.alt is None or source.az is None:
        raise BadInput(
            f"Run {source.run} does not tell where the telescopes pointed",
            expected="altitude and azimuth in the raw file",
            do="Image parameters can be had without; directions cannot",
        )
    return source.alt, source.az


def _in_azimuth(rows: np.ndarray, source: RawFile) -> np.ndarray:
    """Turn offsets along ra into offsets along azimuth, as `tilted_positions` understands them."""
    if source.ra is None:
        return rows
    rows = rows.copy()
    rows["fov_lon"] *= -1
    rows["psi"] *= -1
    return rows


def _for_each(event_id: np.ndarray, crossed: np.ndarray) -> np.ndarray:
    """Return a row for each event, without numbers where too few images were left to cross."""
    rows = np.zeros(len(event_id), crossed.dtype)
    for name in planes.NAMES:
        rows[name] = np.nan
    rows["event_id"] = event_id
    rows[np.searchsorted(event_id, crossed["event_id"])] = crossed
    return rows


def _beside(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    fields = [(n, t.dtype[n]) for t in (left, right) for n in t.dtype.names or ()]
    rows = np.empty(len(left), fields)
    for table in (left, right):
        for name in table.dtype.names or ():
            rows[name] = table[name]
    return rows


def _sky(found: np.ndarray, source: RawFile) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination in deg, NaN where the pointing has none."""
    if source.ra is None or source.dec is None:
        nothing = np.full(len(found), np.nan)
        return nothing, nothing
    return from_offsets(found["fov_lon"], found["fov_lat"], source.ra, source.dec)
