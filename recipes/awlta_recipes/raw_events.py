"""Raw events (DL0) of one telescope and run: which of them can be used, and why not the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput
from awlta.lineage import DataProduct, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent

from . import events
from .events import CalibrationState, EventKind
from .instrument import Telescope
from .raw_file import RawFile

_log = logging.getLogger(__name__)

BLOCK = 64
"""Events that are measured together: the mean of medians depends on it, so it must not follow the
size of an event."""

CALIBRATION_RUNS = (EventKind.PEDESTAL, EventKind.FLATFIELD)
UNTOLD = (EventKind.CALIBRATION, EventKind.UNKNOWN)
"""What a file says that does not tell pedestals and flashes apart."""

MAX_FLAGGED = 0.01
"""Fraction; readout loses fewer. What is lost more often is seldom lost by chance."""


class RawEvents(DataProduct):
    """Events of one telescope in one raw file, counted and checked (DL0)."""

    source: Link[RawFile] = link("file that holds the events", locates=True)
    telescope: Link[Telescope] = link("telescope that recorded them")
    run: Attribute[int] = persistent("run number", init=False, index=True)
    kind: Attribute[EventKind] = persistent("what the run was taken for", init=False)
    state: Attribute[CalibrationState] = persistent("what the samples are", init=False)
    start: Attribute[datetime | None] = persistent(
        "start of the run", init=False, index=True, night="telescope.site.time_zone"
    )
    stop: Attribute[datetime | None] = persistent("end of the run", init=False)
    calibration_time: Attribute[datetime | None] = persistent(
        "time that a calibration must cover, None for events in p.e.", init=False
    )
    n_events: Attribute[int] = persistent("events that can be used", init=False)
    n_flagged: Attribute[int] = persistent("events left out, each with a reason", init=False)

    MANY_FLAGGED = QCFlag(0, "fraction of events left out above limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Read every event once; what cannot be used is listed with its reason."""
        path = self.source.retrieve()
        self.n_events = 0
        flagged: list[dict[str, Any]] = []
        for block in events.iterate(path, self.telescope.tel_id):
            self.n_events += len(block)
            flagged += [{"event_id": f.event_id, "reason": f.reason} for f in block.flagged]
        self.n_flagged = len(flagged)
        if flagged:
            self.create(".json", role="flagged").write_text(json.dumps(flagged, indent=1))
            _log.warning("%d events cannot be used, first: %s", len(flagged), flagged[0]["reason"])
        self.run, self.kind = self.source.run, self.source.kind
        self.state = self.source.state
        self.start, self.stop = self.source.start, self.source.stop
        self.calibration_time = None if self.state is CalibrationState.PE else self.start

    def verify(self) -> None:
        """Compare the number of events left out with its limit."""
        n_events = self.n_events + self.n_flagged
        self.MANY_FLAGGED.above(self.n_flagged / max(1, n_events), MAX_FLAGGED)

    def counts(
        self, kind: EventKind | None = None, most: int | None = None
    ) -> Iterator[NDArray[np.uint16]]:
        """Yield raw waveforms: uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts.

        Parameters
        ----------
        kind : EventKind, optional
            What the run must have been taken for, so far as it tells.
        most : int, optional
            Events that are read at most, the first of the run.

        Raises
        ------
        BadInput
            The events are in p.e., or the run was taken for something else.
        """
        if self.state is CalibrationState.PE:
            raise BadInput(
                f"The events of run {self.run} are in p.e.",
                expected="raw counts: calibrating twice is refused",
                do="Take a run of raw counts",
            )
        if kind is not None and self.kind not in (kind, *UNTOLD):
            raise BadInput(
                f"Run {self.run} was taken as {self.kind.value}",
                expected=f"a run taken as {kind.value}",
                do="Take another run; if this is one, its file is to be delivered as such",
            )
        path, tel_id = self.source.retrieve(), self.telescope.tel_id
        blocks = events.iterate(path, tel_id, BLOCK)
        counts = (block.waveforms.astype(np.uint16, copy=False) for block in blocks)
        yield from counts if most is None else _first(counts, most)

    def begin(self) -> datetime:
        """Return the start of the run; raise BadInput where the file does not tell it."""
        if self.start is None:
            raise BadInput(
                f"Run {self.run} does not tell when it was taken",
                expected="a start time, since a calibration is valid from a time on",
                do="Deliver the run with its time",
            )
        return self.start

    @classmethod
    def targets(cls, wanted: Selection) -> list[RawEvents]:
        """Return the raw events of a run, and of all calibration runs, telescope by telescope."""
        run = wanted.get("run")
        files = RawFile.select_all().order_by("run")
        if run is not None:
            files = files.where(RawFile.kind.in_(CALIBRATION_RUNS) | (RawFile.run == run))
        return cls.get_targets({"source": f, "telescope": t} for f in files for t in f.telescopes)


def raws_for_images(wanted: Selection) -> list[RawEvents]:
    """Return the events that images are wanted of: one run, or all but calibration runs."""
    run = wanted.get("run")
    raws = [raw for raw in wanted.of(RawEvents) if raw.n_events > 0]
    if run is not None:
        return [raw for raw in raws if raw.run == run]
    return [raw for raw in raws if raw.kind not in CALIBRATION_RUNS]


def _first(blocks: Iterator[NDArray[np.uint16]], n_events: int) -> Iterator[NDArray[np.uint16]]:
    """Yield the first events of blocks; no more blocks are read than those need."""
    for block in blocks:
        yield block[:n_events]
        n_events -= len(block)
        if n_events <= 0:
            return
