"""Masks and islands again in plain NumPy, one event after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..neighbors import Neighbors


def tailcuts(
    images: NDArray[np.float32],
    neighbors: Neighbors,
    picture: float | NDArray[np.float32],
    boundary: float | NDArray[np.float32],
    *,
    keep_isolated: bool = False,
    min_picture_neighbors: int = 0,
) -> NDArray[np.bool_]:
    """Keep picture pixels with a boundary neighbour and boundary pixels with a picture neighbour.

    Picture and boundary of the Whipple Observatory: M. Punch et al., Proc. 22nd ICRC 1 (1991) 464;
    the options are those of the CTAO pipelines.
    """
    above_picture = images >= np.float32(picture)
    above_boundary = images >= np.float32(boundary)
    masks = np.empty(images.shape, np.bool_)
    for event in range(len(images)):
        core = above_picture[event].copy()
        if not keep_isolated:
            core &= neighbors.count(above_picture[event]) >= min_picture_neighbors
        halo = above_boundary[event] & (neighbors.count(core) > 0)
        if not keep_isolated:
            core &= neighbors.count(above_boundary[event]) > 0
        masks[event] = core | halo
    return masks


def islands(
    masks: NDArray[np.bool_], neighbors: Neighbors
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Let the lowest pixel number spread through each island, then count the numbers left."""
    owner = np.repeat(np.arange(neighbors.n_pixels), np.diff(neighbors.indptr))
    labels = np.zeros(masks.shape, np.int16)
    for mask, row in zip(masks, labels, strict=True):
        touching = mask[owner] & mask[neighbors.indices]
        lowest = np.arange(neighbors.n_pixels)
        before = np.full_like(lowest, -1)
        while (before != lowest).any():
            before = lowest.copy()
            np.minimum.at(lowest, owner[touching], before[neighbors.indices[touching]])
        row[mask] = np.unique(lowest[mask], return_inverse=True)[1] + 1
    return labels, labels.max(axis=1, initial=0)


def largest_island(labels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Find the label that occurs most; the lowest of several."""
    masks = np.zeros(labels.shape, np.bool_)
    for row, mask in zip(labels, masks, strict=True):
        if row.any():
            mask[:] = row == np.bincount(row[row > 0]).argmax()
    return masks
