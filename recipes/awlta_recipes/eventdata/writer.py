"""Write an event file: images, parameters and reconstructed showers in CTAO's data model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from awlta.errors import BadValue
from awlta.lineage import new_hdf5

from . import model
from .blosc import check_level
from .columns import Columns
from .header import Header
from .instrument_tables import tables_of
from .observation import (
    OBSERVATION_COLUMNS,
    POINTING_COLUMNS,
    SCHEDULING_COLUMNS,
    Observation,
)
from .subarray import Subarray
from .table_writer import DEFAULT_LEVEL, TableWriter, mark_group, write_attributes, write_table


class EventDataWriter:
    """Write a new event file, block by block; a context manager.

    Rows are structured arrays, or mappings of names of columns to arrays. ``obs_id`` may be
    left out if the file has one observation; what else is left out is NaN, -1 or false.
    The rows of a telescope stand in the order of the triggers.

    Parameters
    ----------
    path : Path
    subarray : Subarray
        All telescopes of the file.
    observations : Observation or sequence of Observation
        All runs of the file.
    header : Header, optional
    level : int, optional
        Of zstd.
    shuffle : bool, optional
        Whether bytes are sorted by rank before they are compressed.

    Notes
    -----
    Only a file that was closed without an error tells its data model; readers refuse others.
    """

    def __init__(
        self,
        path: Path,
        subarray: Subarray,
        observations: Observation | Sequence[Observation],
        *,
        header: Header | None = None,
        level: int = DEFAULT_LEVEL,
        shuffle: bool = True,
    ) -> None:
        check_level(level)
        if isinstance(observations, Observation):
            observations = (observations,)
        self._observations = tuple(observations)
        self._subarray = subarray
        self._header = header or Header()
        self._level, self._shuffle = level, shuffle
        self._tables: dict[str, TableWriter] = {}
        self._orders: dict[str, _Order] = {}
        self._file = new_hdf5(path)
        try:
            mark_group(self._file)
            write_attributes(self._file, {"PYTABLES_FORMAT_VERSION": "2.1"})
            for table in tables_of(subarray):
                write_table(self._file, table.place, table.columns, table.values, table.attributes)
            self._write_observations()
        except BaseException:
            self._file.close()
            raise

    def append_triggers(self, rows: Any, tel_rows: Any = None) -> None:
        """Add triggers of the array, and of each telescope that took part.

        Parameters
        ----------
        rows : columns of ``dl1/event/subarray/trigger``
        tel_rows : columns of ``dl1/event/telescope/trigger``, optional
            One row for each telescope of each event, in the order of events, then of
            telescopes; by default as the array triggered.
        """
        n_telescopes = len(self._subarray.tel_ids)
        self._append(model.TRIGGER, model.trigger(n_telescopes), rows)
        mask = np.asarray(rows["tels_with_trigger"], bool)
        events, telescopes = np.nonzero(mask)
        tel_id = np.asarray(self._subarray.tel_ids, np.int16)[telescopes]
        if tel_rows is None:
            names = rows.dtype.names if isinstance(rows, np.ndarray) else tuple(rows)
            tel_rows = {n: np.asarray(rows[n])[events] for n in names if n != "tels_with_trigger"}
            tel_rows["tel_id"] = tel_id
        elif not np.array_equal(tel_rows["tel_id"], tel_id):
            raise BadValue(
                f"triggers of {len(tel_rows['tel_id'])} telescopes in another order",
                expected=f"the {len(tel_id)} that tels_with_trigger tells, event by event",
                do="Leave tel_rows out, or sort them by event and telescope",
            )
        self._append(model.TEL_TRIGGER, model.TEL_TRIGGER_COLUMNS, tel_rows)
        event_id = np.asarray(rows["event_id"], np.int64)
        for number, one in enumerate(self._subarray.tel_ids):
            self._order(f"{model.TRIGGER} {one}").add(event_id[mask[:, number]])

    def append_images(self, tel_id: int, rows: Any) -> None:
        """Add images of a telescope: ``image`` (p.e.), ``peak_time`` (ns), ``image_mask``."""
        n_pixels = self._subarray.telescope(tel_id).camera.n_pixels
        self._append_telescope(model.IMAGES, tel_id, model.images(n_pixels), rows)

    def append_parameters(self, tel_id: int, rows: Any) -> None:
        """Add image parameters of a telescope, in the names and units of the data model."""
        self._append_telescope(model.PARAMETERS, tel_id, model.PARAMETER_COLUMNS, rows)

    def append_muons(self, tel_id: int, rows: Any) -> None:
        """Add muon rings of a telescope."""
        self._append_telescope(model.MUONS, tel_id, model.MUON_COLUMNS, rows)

    def append_dl2(self, kind: str, name: str, rows: Any) -> None:
        """Add what a method reconstructed of each triggered event.

        Parameters
        ----------
        kind : str
            ``geometry``, ``energy`` or ``classification``.
        name : str
            Of the method.
        rows : columns of the kind, with or without the name before them
        """
        columns = _DL2.get(kind)
        if columns is None:
            raise BadValue(
                f"reconstruction of {kind!r}", expected=", ".join(_DL2), do="Choose a kind"
            )
        table = columns(_method(name), len(self._subarray.tel_ids))
        self._append(f"{model.DL2_SUBARRAY}/{kind}/{name}", table, _named(table, rows))

    def append_impacts(self, name: str, tel_id: int, rows: Any) -> None:
        """Add distances (m) of a telescope from the axes that a method found."""
        place = f"{model.DL2_TELESCOPE}/impact/{name}"
        table = model.impact(_method(name))
        self._append_telescope(place, tel_id, table, _named(table, rows))

    def append_showers(self, rows: Any) -> None:
        """Add what is true of each simulated event: energy (TeV), direction (deg), core (m)."""
        self._append(model.SHOWERS, model.SHOWER_COLUMNS, rows)

    def append_truth(
        self, tel_id: int, *, images: Any = None, parameters: Any = None, impacts: Any = None
    ) -> None:
        """Add simulated images of a telescope, their parameters, and its distance from the axis."""
        n_pixels = self._subarray.telescope(tel_id).camera.n_pixels
        for place, columns, rows in (
            (model.TRUE_IMAGES, model.true_images(n_pixels), images),
            (model.TRUE_PARAMETERS, model.TRUE_PARAMETER_COLUMNS, parameters),
            (model.TRUE_IMPACTS, model.TRUE_IMPACT_COLUMNS, impacts),
        ):
            if rows is not None:
                self._append_telescope(place, tel_id, columns, rows)

    def close(self) -> None:
        """Write what is left, and check that all tables of a telescope have the same events.

        Raises
        ------
        BadValue
            They have not; readers that go through tables side by side would mix up events.
        """
        try:
            self._check_orders()
            for table in self._tables.values():
                table.finish()
            obs_ids = [o.obs_id for o in self._observations]
            told = self._header.keywords(self._subarray.name, obs_ids, self._tables)
            write_attributes(self._file, told)
        finally:
            self._file.close()

    def __enter__(self) -> EventDataWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def _append(self, place: str, columns: Columns, rows: Any, **constant: Any) -> None:
        table = self._tables.get(place)
        if table is None:
            table = TableWriter(
                self._file, place, columns, level=self._level, shuffle=self._shuffle
            )
            self._tables[place] = table
        if len(self._observations) == 1:
            constant["obs_id"] = self._observations[0].obs_id
        table.append(rows, **constant)

    def _append_telescope(self, group: str, tel_id: int, columns: Columns, rows: Any) -> None:
        self._subarray.telescope(tel_id)
        place = f"{group}/tel_{tel_id:03d}"
        self._append(place, columns, rows, tel_id=tel_id)
        self._order(f"{group} {tel_id}").add(np.asarray(rows["event_id"], np.int64))

    def _write_observations(self) -> None:
        rows = [o.row() for o in self._observations]
        together = {name: [row[name] for row in rows] for name in rows[0]}
        write_table(self._file, model.OBSERVATION_BLOCKS, OBSERVATION_COLUMNS, together)
        blocks = {name: together[name] for name in ("sb_id", "producer_id")}
        write_table(self._file, model.SCHEDULING_BLOCKS, SCHEDULING_COLUMNS, blocks)
        # where one telescope has a pointing ctapipe looks for those of all
        if any(o.telescope_pointing for o in self._observations):
            for tel_id in self._subarray.tel_ids:
                self._write_pointing(tel_id)

    def _write_pointing(self, tel_id: int) -> None:
        unknown = (np.nan, np.nan)
        at = [o.telescope_pointing.get(tel_id, unknown) for o in self._observations]
        altitude, azimuth = np.radians(at).T
        rows = {
            "obs_id": [o.obs_id for o in self._observations],
            "tel_id": [tel_id] * len(at),
            "telescope_pointing_altitude": altitude,
            "telescope_pointing_azimuth": azimuth,
        }
        write_table(self._file, f"{model.POINTING}/tel_{tel_id:03d}", POINTING_COLUMNS, rows)

    def _order(self, key: str) -> _Order:
        return self._orders.setdefault(key, _Order())

    def _check_orders(self) -> None:
        for key, order in self._orders.items():
            group, _, tel_id = key.rpartition(" ")
            expected = self._orders.get(f"{model.TRIGGER} {tel_id}")
            if expected is not None and order != expected:
                raise BadValue(
                    f"{order.n_events} rows of telescope {tel_id} in {group}, "
                    f"{expected.n_events} triggers of it",
                    expected="one row for each trigger of the telescope, in the same order",
                    do="Append the same events, in the same order, to each table",
                )


class _Order:
    """How many events there were, and a digest of their numbers in order."""

    def __init__(self) -> None:
        self.n_events = 0
        self._digest = hashlib.blake2b()

    def add(self, event_id: np.ndarray[Any, Any]) -> None:
        self.n_events += len(event_id)
        self._digest.update(np.ascontiguousarray(event_id).tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Order) and self._digest.digest() == other._digest.digest()

    __hash__ = None  # type: ignore[assignment]


_DL2 = {
    "geometry": model.geometry,
    "energy": model.energy,
    "classification": model.classification,
}


def _method(name: str) -> str:
    if not name.isidentifier():
        raise BadValue(
            f"a method named {name!r}",
            expected="letters, digits and underscores, since it becomes the name of a table",
            do="Rename it, such as HillasReconstructor",
        )
    return name


def _named(columns: Columns, rows: Any) -> dict[str, Any]:
    """Return rows by the full names of their columns."""
    names = rows.dtype.names if isinstance(rows, np.ndarray) else tuple(rows)
    full = {c.name: c.full_name for c in columns}
    return {full.get(name, name): rows[name] for name in names}
