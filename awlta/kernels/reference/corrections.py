"""Time shifts and bad pixels again in plain NumPy, one event after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..neighbors import Neighbors


def shift_waveforms(
    waveforms: NDArray[Any], time_shift: NDArray[np.float32], sampling_rate: float
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Read each sample so many samples later, no further than the ends of the waveform.

    The calibration of the CTAO pipelines, from DL0 to DL1.
    """
    shift = time_shift.astype(np.float64) * sampling_rate
    moves = np.rint(shift - shift.mean(axis=-1, keepdims=True)).astype(np.int64)
    residual = ((shift - moves) / sampling_rate).astype(np.float32)
    last = waveforms.shape[-1] - 1
    shifted = np.empty_like(waveforms)
    for event, samples in enumerate(np.broadcast_to(moves, waveforms.shape[:-1])):
        place = np.clip(np.arange(last + 1) + samples[..., None], 0, last)
        shifted[event] = np.take_along_axis(waveforms[event], place, axis=-1)
    return shifted, residual


def interpolate(
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
    is_bad: NDArray[np.bool_],
    neighbors: Neighbors,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Take the mean of the good neighbours of each bad pixel, or 0.

    The default of the CTAO pipelines for invalid pixels.
    """
    charge, peak_time = charge.copy(), peak_time.copy()
    for event, bad in enumerate(np.broadcast_to(is_bad, charge.shape)):
        for pixel in np.flatnonzero(bad):
            around = neighbors.indices[neighbors.indptr[pixel] : neighbors.indptr[pixel + 1]]
            good = around[~bad[around]]
            for image in (charge[event], peak_time[event]):
                # accumulated one after the other: a sum depends on its order
                total = np.add.accumulate(image[good])[-1] if len(good) else np.float32(0)
                image[pixel] = total / np.float32(max(1, len(good)))
    return charge, peak_time
