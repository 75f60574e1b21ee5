"""From raw waveforms to image parameters in one pass (R0 to DL1)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from . import _fused, checks
from .geometry import CameraGeometry
from .images.cleaning import thresholds
from .images.parameters import WITHOUT_LIGHT
from .neighbors import MAX_PIXELS
from .waveforms.correction import Correction
from .waveforms.extraction import Pulses, raw_arguments, room
from .waveforms.extractors import Extractor, LocalPeak
from .waveforms.gain import raw

MOST_THREADS = 1024


@dataclass(frozen=True, eq=False)
class Showers:
    """What a batch of raw events shows.

    Attributes
    ----------
    pulses : Pulses or None
        None where the images were not kept.
    masks : bool (n_events, n_pixels)
    parameters : PARAMETERS (n_events)
    """

    pulses: Pulses | None
    masks: NDArray[np.bool_]
    parameters: NDArray[np.void]


def parametrise_raw(
    waveforms: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    geometry: CameraGeometry,
    picture: float | NDArray[np.float32],
    boundary: float | NDArray[np.float32],
    *,
    extractor: Extractor = LocalPeak(),
    selected_gain: NDArray[np.int8] | None = None,
    threshold: float = 4000.0,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
    correction: Correction | None = None,
    keep_isolated: bool = False,
    min_picture_neighbors: int = 0,
    keep_images: bool = True,
    threads: int = 1,
) -> Showers:
    """Do `extract_raw`, `tailcuts` and `describe`, event by event while its image is at hand.

    The numbers are those of the three by themselves, whatever the number of threads.

    Parameters
    ----------
    waveforms : uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
    pedestal, dc_to_pe, extractor, selected_gain, threshold, sampling_rate, unusable, correction
        As in `extract_raw`.
    geometry : CameraGeometry
    picture, boundary, keep_isolated, min_picture_neighbors
        As in `tailcuts`.
    keep_images : bool
        Return gain, charge and time of the pixels too. Without them nothing of the size of an
        image but its mask is written to memory.
    threads : int
        Threads that share the events.

    Raises
    ------
    BadValue
        For arrays of another type or shape, a gain that does not exist, or numbers out of range.
    """
    n_pixels = raw(waveforms).shape[2]
    if n_pixels != geometry.n_pixels:
        raise BadValue(
            f"waveforms of {n_pixels} pixels for a camera of {geometry.n_pixels}",
            expected="as many pixels as the geometry has",
            do="Take the geometry of the telescope that the events are of",
        )
    arguments, gain = raw_arguments(
        waveforms,
        pedestal,
        dc_to_pe,
        extractor,
        selected_gain,
        threshold,
        sampling_rate,
        unusable,
        geometry,
        correction,
    )
    n_events, _, _, n_samples = arguments[0].shape
    neighbors = geometry.neighbors
    cleaning = (
        thresholds("picture", picture, n_pixels),
        thresholds("boundary", boundary, n_pixels),
        bool(keep_isolated),
        checks.whole("min_picture_neighbors", min_picture_neighbors, 0, MAX_PIXELS),
    )
    camera = (geometry.pixels, geometry.border, neighbors.indptr, neighbors.indices)
    # those of the camera are needed anyhow, whatever the extractor looks at
    how, factors = arguments[7:9]
    n_kept, shape = n_events if keep_images else 0, (2, 1, n_pixels)
    is_given = selected_gain is not None
    charge, peak_time = (np.empty((n_kept, n_pixels), np.float32) for _ in range(2))
    masks = np.empty((n_events, n_pixels), np.bool_)
    is_valid = np.ones(n_events, np.bool_)
    rows = np.full(n_events, WITHOUT_LIGHT)

    def work(part: slice) -> None:
        counts, pedestals, to_pe, mask = arguments[:4]
        # one row is used for all events where nobody wants them
        gains = gain[part] if is_given or keep_images else np.zeros((1, n_pixels), np.int8)
        images = (charge[part], peak_time[part]) if keep_images else np.empty(shape, np.float32)
        _fused.parametrise(
            counts[part],
            pedestals,
            to_pe,
            mask[part],
            *arguments[4:7],
            how,
            factors,
            *cleaning,
            *camera,
            room(how, n_pixels, n_samples),
            np.empty((2, n_pixels + 1), np.int32),
            np.empty((3, n_pixels)),
            np.zeros(n_pixels, np.int16),
            gains,
            images[0],
            images[1],
            is_valid[part].view(np.uint8),
            masks[part].view(np.uint8),
            rows[part],
        )

    threads = min(checks.whole("threads", threads, 1, MOST_THREADS), max(1, n_events))
    ends = [n_events * n // threads for n in range(threads + 1)]
    parts = [slice(*pair) for pair in pairwise(ends)]
    if threads == 1:
        work(parts[0])
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, parts))
    pulses = Pulses(charge, peak_time, gain, is_valid) if keep_images else None
    return Showers(pulses, masks, rows)
