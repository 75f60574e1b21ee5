"""Gather single events into blocks of one telescope, leaving out those of the wrong shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import CameraDescription, EventBlock, FlaggedEvent

BLOCK_BYTES = 16 << 20
"""Bytes of waveforms that are gathered at a time, over all telescopes that are read."""

_MOST_FLAGGED = 4096  # events without a good one between them, told of in one block
NAN = float("nan")
_NO_IMAGE = -1


@dataclass(frozen=True, eq=False, slots=True)
class SingleEvent:
    """One event as a reader meets it; ``waveform`` is checked later, here it may be anything."""

    event_id: int
    waveform: NDArray[np.generic]
    time: float = NAN
    alt: float = NAN
    az: float = NAN
    tel_id: int = 0
    true_image: NDArray[np.int32] | None = None


def fault_of(waveform: NDArray[np.generic], camera: CameraDescription) -> str:
    """Return why a raw waveform cannot be used, or an empty string."""
    if waveform.shape != camera.event_shape:
        return (
            f"waveform has shape {waveform.shape}, expected {camera.event_shape} "
            "(gains, pixels, samples)"
        )
    if waveform.dtype.kind not in "iu":
        return f"samples are {waveform.dtype}, expected whole counts"
    if not _fits(waveform):
        low, high = int(waveform.min()), int(waveform.max())
        return f"samples range from {low} to {high} and do not fit 16 bits"
    return ""


def _fits(waveform: NDArray[np.generic]) -> bool:
    """Tell whether all samples fit 16 bits; only what the type leaves open is looked at."""
    if not waveform.size:
        return True
    can, may = np.iinfo(str(waveform.dtype)), np.iinfo(np.uint16)
    is_low = can.min < may.min and int(waveform.min()) < may.min
    return not is_low and (can.max <= may.max or int(waveform.max()) <= may.max)


def gather(
    events: Iterable[SingleEvent],
    cameras: Mapping[int, CameraDescription],
    block: int | None,
    pixel_ok: Callable[[int], NDArray[np.bool_]],
    *,
    true_images: bool = False,
) -> Iterator[EventBlock]:
    """Yield blocks of at most ``block`` events, those of each telescope in the order of events.

    Parameters
    ----------
    events : iterable of SingleEvent
        Of the telescopes below, in any order.
    cameras : mapping of int to CameraDescription
        By telescope; gives the shape that every event must have.
    block : int or None
        Events to a block; None for as many as :data:`BLOCK_BYTES` hold, shared by the
        telescopes, and one at least. Many flagged events end a block before it is full.
    pixel_ok : callable
        Asked with the telescope, once a block, since a file may tell it only with its events.
    true_images : bool
        Whether blocks carry the true images of their events.
    """
    fillings = {
        tel_id: _Filling(camera, events_in_block(camera, block, len(cameras)), true_images)
        for tel_id, camera in cameras.items()
    }
    for event in events:
        filling = fillings[event.tel_id]
        filling.add(event)
        if filling.is_full:
            yield filling.take(event.tel_id, pixel_ok(event.tel_id))
    for tel_id, filling in fillings.items():
        if filling.events or filling.flagged:
            yield filling.take(tel_id, pixel_ok(tel_id))


def events_in_block(camera: CameraDescription, block: int | None, n_telescopes: int = 1) -> int:
    """Return how many events of a camera make a block; see :func:`gather`."""
    if block is not None:
        return block
    return max(1, BLOCK_BYTES // n_telescopes // max(1, camera.event_size))


class _Filling:
    """The block of a telescope that is being filled: samples go to their place at once."""

    def __init__(self, camera: CameraDescription, size: int, true_images: bool) -> None:
        self._camera, self._size, self._true_images = camera, size, true_images
        self._begin()

    def _begin(self) -> None:
        # What somebody asks for may be far more than there is: room grows with the events.
        n_rows = min(self._size, events_in_block(self._camera, None))
        self._waveforms = np.empty((n_rows, *self._camera.event_shape), np.uint16)
        self.events: list[tuple[int, float, float, float]] = []
        self._images: list[NDArray[np.int32] | None] = []
        self.flagged: list[FlaggedEvent] = []

    @property
    def is_full(self) -> bool:
        return len(self.events) == self._size or len(self.flagged) == _MOST_FLAGGED

    def add(self, event: SingleEvent) -> None:
        fault = fault_of(event.waveform, self._camera)
        if fault:
            self.flagged.append(FlaggedEvent(event.event_id, fault))
            return
        if len(self.events) == len(self._waveforms):
            n_rows = min(self._size, 2 * len(self._waveforms))
            larger = np.empty((n_rows, *self._camera.event_shape), np.uint16)
            larger[: len(self._waveforms)] = self._waveforms
            self._waveforms = larger
        self._waveforms[len(self.events)] = event.waveform
        self.events.append((event.event_id, event.time, event.alt, event.az))
        if self._true_images:
            self._images.append(event.true_image)

    def take(self, tel_id: int, pixel_ok: NDArray[np.bool_]) -> EventBlock:
        """Return what was gathered and begin anew."""
        numbers = np.array([e[1:] for e in self.events], np.float64).reshape(-1, 3)
        block = EventBlock(
            event_id=np.array([e[0] for e in self.events], np.int64),
            time=numbers[:, 0].copy(),
            waveforms=self._waveforms[: len(self.events)],
            pixel_ok=pixel_ok,
            pointing=numbers[:, 1:].copy(),
            flagged=tuple(self.flagged),
            tel_id=tel_id,
            true_image=self._true_image() if self._true_images else None,
        )
        self._begin()
        return block

    def _true_image(self) -> NDArray[np.int32]:
        images = np.full((len(self.events), self._camera.n_pixels), _NO_IMAGE, np.int32)
        for row, image in zip(images, self._images, strict=True):
            if image is not None and image.shape == row.shape:
                row[:] = image
        return images
