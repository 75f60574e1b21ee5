"""Gather single events into blocks, leaving out those of the wrong shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import CameraDescription, EventBlock, FlaggedEvent

NAN = float("nan")


@dataclass(frozen=True, eq=False)
class SingleEvent:
    """One event as a reader meets it; ``waveform`` is checked later, here it may be anything."""

    event_id: int
    waveform: NDArray[np.generic]
    time: float = NAN
    alt: float = NAN
    az: float = NAN


def fault_of(waveform: NDArray[np.generic], camera: CameraDescription) -> str:
    """Return why a raw waveform cannot be used, or an empty string."""
    if waveform.shape != camera.event_shape:
        return (
            f"waveform has shape {waveform.shape}, expected {camera.event_shape} "
            "(gains, pixels, samples)"
        )
    if waveform.dtype != np.uint16 and waveform.size:
        low, high = int(waveform.min()), int(waveform.max())
        if low < 0 or high > np.iinfo(np.uint16).max:
            return f"samples range from {low} to {high} and do not fit 16 bits"
    return ""


def gather(
    events: Iterable[SingleEvent],
    camera: CameraDescription,
    size: int,
    pixel_ok: Callable[[], NDArray[np.bool_]],
) -> Iterator[EventBlock]:
    """Yield blocks of at most ``size`` events, one block buffer in memory at a time.

    Parameters
    ----------
    events : iterable of SingleEvent
    camera : CameraDescription
        Gives the shape that every event must have.
    size : int
        Events to a block.
    pixel_ok : callable
        Asked once a block, since a file may tell it only with its first event.
    """
    good: list[SingleEvent] = []
    flagged: list[FlaggedEvent] = []

    def block() -> EventBlock:
        waveforms = np.empty((len(good), *camera.event_shape), np.uint16)
        for row, event in zip(waveforms, good, strict=True):
            row[:] = event.waveform
        return EventBlock(
            event_id=np.array([e.event_id for e in good], np.int64),
            time=np.array([e.time for e in good], np.float64),
            waveforms=waveforms,
            pixel_ok=pixel_ok(),
            pointing=np.array([(e.alt, e.az) for e in good], np.float64).reshape(-1, 2),
            flagged=tuple(flagged),
        )

    for event in events:
        fault = fault_of(event.waveform, camera)
        if fault:
            flagged.append(FlaggedEvent(event.event_id, fault))
        else:
            good.append(event)
        if len(good) == size:
            yield block()
            good, flagged = [], []
    if good or flagged:
        yield block()
