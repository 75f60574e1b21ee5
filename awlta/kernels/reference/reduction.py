"""Which pixels are stored, again in plain NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..images.reduction import (
    ReducedWaveforms,
    Reduction,
    Stored,
    TailCutsReduction,
)
from ..neighbors import Neighbors
from .cleaning import clean, dilate


def reduce_volume(
    images: NDArray[np.float32], neighbors: Neighbors, reduction: Reduction
) -> NDArray[np.bool_]:
    """Select by tail cuts and what hangs together with them, or by rings around bright pixels.

    The data volume reduction of the CTAO pipelines, and the pixel selection of LST-1 in
    cta-lstchain.
    """
    if not isinstance(reduction, TailCutsReduction):
        bright = images > np.float32(reduction.threshold)
        masks = dilate(bright, neighbors, n_rings=reduction.n_rings)
        masks[masks.sum(axis=1) > reduction.most_pixels] = True
        return masks
    masks = clean(images, neighbors, reduction.cleaning)
    if reduction.follow_boundary:
        boundary = images >= np.float32(reduction.cleaning.boundary)
        before = np.zeros_like(masks)
        while (before != masks).any():
            before, masks = masks, dilate(masks, neighbors) & boundary
    return dilate(masks, neighbors, n_rings=reduction.end_rings)


def remove_pixels(
    waveforms: NDArray[np.uint16] | NDArray[np.float32],
    masks: NDArray[np.bool_],
    pixel_status: NDArray[np.uint8] | None = None,
    *,
    signal: NDArray[np.bool_] | None = None,
) -> ReducedWaveforms:
    """Set samples to 0 and write 0, 2 or 3 into the lowest two bits of the status."""
    kept = waveforms.copy()
    for event, mask in enumerate(masks):
        kept[event][:, ~mask] = 0
    status = np.zeros(masks.shape, np.uint8) if pixel_status is None else pixel_status.copy()
    status &= np.uint8(0b11111100)
    status[masks] |= np.uint8(Stored.BESIDE_SIGNAL)
    status[masks & (masks if signal is None else signal)] |= np.uint8(Stored.SIGNAL)
    return ReducedWaveforms(kept, status)
