"""Event files of products: a run and its telescopes, in CTAO's data model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .eventdata import (
    EventDataReader,
    EventDataWriter,
    Header,
    Observation,
    Subarray,
    times,
)
from .events import EventKind, Pointing
from .instrument import Telescope
from .raw_file import RawFile

_SITES = {"CTAO-North", "CTAO-South"}


def new_event_file(path: Path, source: RawFile, telescopes: Sequence[Telescope]) -> EventDataWriter:
    """Open a new event file of some telescopes of a run, described as its raw file does."""
    stands = telescopes[0].site
    site = "unknown" if stands is None else stands.name
    is_simulated = source.kind is EventKind.SIMULATION
    header = Header(
        category="Sim" if is_simulated else "Other",
        process="Simulation" if is_simulated else "Observation",
        site=site if site in _SITES else "Other",
    )
    observation = Observation.of(
        source.run,
        Pointing(source.alt, source.az, source.ra, source.dec),
        producer="simulation" if is_simulated else site,
        start=source.start,
        stop=source.stop,
        fixed=[t.tel_id for t in telescopes] if is_simulated else (),
    )
    return EventDataWriter(path, Subarray.of(site, telescopes), observation, header=header)


def triggers(
    source: RawFile, event_id: np.ndarray, time: np.ndarray, taking_part: np.ndarray
) -> dict[str, Any]:
    """Return the columns of array triggers.

    Parameters
    ----------
    source : RawFile
    event_id : int64 (n_events,)
    time : float64 (n_events,), s
        Since the start of the run.
    taking_part : bool (n_events, n_telescopes)
    """
    return {
        "event_id": event_id,
        "time": times.since(source.start, time),
        "tels_with_trigger": taking_part,
        "event_type": np.full(len(event_id), int(source.kind.event_type)),
    }


def seconds_of(source: RawFile, rows: np.ndarray) -> np.ndarray:
    """Return the times of triggers in s since the start of their run, NaN where unknown."""
    unix = times.to_unix(rows["time"])
    if source.start is None:
        return np.full(len(unix), np.nan)
    return np.where(unix == 0, np.nan, (unix - round(source.start.timestamp() * 1e6) * 1000) * 1e-9)


def trigger_blocks(path: Path) -> Iterator[np.ndarray]:
    """Yield the array triggers of an event file in blocks of rows."""
    with EventDataReader(path) as file:
        yield from file.triggers()


def joined_triggers(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return array triggers from event files of one telescope each, in the order of event_id."""
    tables = [np.concatenate(list(trigger_blocks(path))) for path in paths]
    event_id, first = np.unique(np.concatenate([t["event_id"] for t in tables]), return_index=True)
    joined = {n: np.concatenate([t[n] for t in tables])[first] for n in ("time", "event_type")}
    taking_part = [np.isin(event_id, table["event_id"]) for table in tables]
    return {"event_id": event_id, **joined, "tels_with_trigger": np.stack(taking_part, axis=1)}


def parameter_blocks(path: Path, tel_id: int) -> Iterator[np.ndarray]:
    """Yield the image parameters of a telescope in blocks of rows."""
    with EventDataReader(path) as file:
        yield from file.parameters(tel_id)


def images(path: Path, tel_id: int) -> Iterator[np.ndarray]:
    """Yield the images of a telescope in blocks of rows."""
    with EventDataReader(path) as file:
        yield from file.images(tel_id)


def parameters(path: Path, tel_id: int) -> np.ndarray:
    """Return all image parameters of a telescope, in the names and units of the data model."""
    return np.concatenate(list(parameter_blocks(path, tel_id)))
