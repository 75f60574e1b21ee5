"""Which pixels of an event are worth storing, and waveforms without the others (R1 to DL0)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from ..neighbors import MAX_PIXELS, Neighbors
from ..waveforms.pixel_status import PixelStatus
from . import _reduction
from .cleaning import AXES, images_of, room_for, rules_of, thresholds
from .cleanings import TailCuts, Threshold, check_fields


class Stored(IntEnum):
    """What became of the waveform of a pixel: the bits `PixelStatus.DVR` of its status in DL0."""

    REMOVED = 0
    UNTOUCHED = 1
    """Stored, and nothing was asked."""
    BESIDE_SIGNAL = 2
    """Stored, but not for a signal of its own."""
    SIGNAL = 3


@dataclass(frozen=True, eq=False)
class TailCutsReduction:
    """What tail cuts keep, then what hangs together with it, then rings around that.

    Attributes
    ----------
    cleaning : TailCuts
    follow_boundary : bool
        Add the neighbours of what is kept that reach the boundary threshold, until there are no
        more; what does not reach it goes.
    end_rings : int
        Rings of neighbours added at the end, however faint.

    Raises
    ------
    BadValue
        For another cleaning, or a negative number of rings.

    References
    ----------
    Data volume reduction of the CTAO pipelines.
    """

    cleaning: TailCuts = field(default_factory=TailCuts)
    follow_boundary: bool = True
    end_rings: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.cleaning, TailCuts):
            raise BadValue(
                f"cleaning is {self.cleaning!r}",
                expected="TailCuts",
                do="Give the thresholds as TailCuts(picture=10, boundary=5)",
            )
        checks.whole("end_rings", self.end_rings, 0, MAX_PIXELS)


@dataclass(frozen=True, eq=False)
class RingsReduction:
    """Bright pixels and rings around them, or the whole camera where these are many.

    Attributes
    ----------
    threshold : float or float32 (n_pixels), p.e.
        Pixels above it are bright; exclusive, compared in float32. Minus infinity for a pixel
        that is always kept.
    n_rings : int
        Rings of neighbours around them.
    most_pixels : int
        With more than these, rings included, the whole camera is kept.

    Raises
    ------
    BadValue
        For a threshold that is NaN, or a negative count.

    References
    ----------
    Pixel selection of LST-1 in cta-lstchain.
    """

    threshold: Threshold = 8.0
    n_rings: int = 1
    most_pixels: int = 500

    def __post_init__(self) -> None:
        check_fields(self, thresholds=("threshold",), counts=("n_rings", "most_pixels"))


Reduction = TailCutsReduction | RingsReduction


def reduce_volume(
    images: NDArray[np.float32], neighbors: Neighbors, reduction: Reduction
) -> NDArray[np.bool_]:
    """Select the pixels whose waveforms are worth storing.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
        Charges as some extraction gives them. A NaN reaches no threshold.
    neighbors : Neighbors
    reduction : TailCutsReduction or RingsReduction
        The method and its numbers; their documentation says what they do.

    Returns
    -------
    bool (n_events, n_pixels)

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, or what is no reduction.
    """
    n_pixels = neighbors.n_pixels
    images = images_of(images, n_pixels)
    masks = np.empty(images.shape, np.bool_)
    if isinstance(reduction, TailCutsReduction):
        picture, boundary, rules = rules_of(reduction.cleaning, n_pixels)
        _reduction.by_tail_cuts(
            images,
            picture,
            boundary,
            rules,
            bool(reduction.follow_boundary),
            reduction.end_rings,
            neighbors.indptr,
            neighbors.indices,
            *room_for(n_pixels),
            masks.view(np.uint8),
        )
    elif isinstance(reduction, RingsReduction):
        _reduction.by_rings(
            images,
            thresholds("threshold", reduction.threshold, n_pixels),
            reduction.n_rings,
            reduction.most_pixels,
            neighbors.indptr,
            neighbors.indices,
            np.empty(n_pixels, np.int32),
            masks.view(np.uint8),
        )
    else:
        raise BadValue(
            f"reduction is {reduction!r}",
            expected="TailCutsReduction or RingsReduction",
            do="Say how to select, for instance RingsReduction(threshold=8, n_rings=1)",
        )
    return masks


@dataclass(frozen=True, eq=False)
class ReducedWaveforms:
    """Waveforms of which only some pixels are left.

    Attributes
    ----------
    waveforms : uint16 or float32 (n_events, n_gains, n_pixels, n_samples)
        0 where a pixel was removed.
    pixel_status : uint8 (n_events, n_pixels)
        The lowest two bits are of `Stored`, the others as they were.
    """

    waveforms: NDArray[np.uint16] | NDArray[np.float32]
    pixel_status: NDArray[np.uint8]


def remove_pixels(
    waveforms: NDArray[np.uint16] | NDArray[np.float32],
    masks: NDArray[np.bool_],
    pixel_status: NDArray[np.uint8] | None = None,
    *,
    signal: NDArray[np.bool_] | None = None,
) -> ReducedWaveforms:
    """Keep the waveforms of the selected pixels, and note in their status what became of each.

    Parameters
    ----------
    waveforms : uint16 or float32 (n_events, n_gains, n_pixels, n_samples)
    masks : bool (n_events, n_pixels)
        Pixels to keep, as `reduce_volume` gives them.
    pixel_status : uint8 (n_events, n_pixels), optional
        As read from the file; 0 by default.
    signal : bool (n_events, n_pixels), optional
        Those of the kept pixels that have a signal, where neighbours are kept as well; by default
        all of them.

    Raises
    ------
    BadValue
        For arrays of another type, or that do not belong together.
    """
    dtype = np.float32 if np.asarray(waveforms).dtype.kind == "f" else np.uint16
    axes = ("n_events", "n_gains", "n_pixels", "n_samples")
    waveforms = checks.array("waveforms", waveforms, dtype, axes)
    n_events, _, n_pixels, _ = waveforms.shape
    lengths = {"n_events": n_events, "n_pixels": n_pixels}
    masks = checks.array("masks", masks, np.bool_, AXES, **lengths)
    if pixel_status is None:
        pixel_status = np.zeros(masks.shape, np.uint8)
    status = checks.array("pixel_status", pixel_status, np.uint8, AXES, **lengths)
    if signal is None:
        signal = masks
    signal = checks.array("signal", signal, np.bool_, AXES, **lengths)
    kept = np.empty_like(waveforms)
    _reduction.remove_pixels(waveforms.view(np.uint8), masks.view(np.uint8), kept.view(np.uint8))
    stored = np.where(signal, Stored.SIGNAL, Stored.BESIDE_SIGNAL) * masks
    return ReducedWaveforms(kept, status & ~np.uint8(PixelStatus.DVR) | stored.astype(np.uint8))
