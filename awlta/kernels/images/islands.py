"""How the pixels of a mask hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..neighbors import Neighbors
from . import _clean
from .cleaning import AXES, masks_of


def islands(
    masks: NDArray[np.bool_], neighbors: Neighbors
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Label the islands of touching pixels in each mask.

    Parameters
    ----------
    masks : bool (n_events, n_pixels)
    neighbors : Neighbors

    Returns
    -------
    labels : int16 (n_events, n_pixels)
        0 off, islands from 1 in the order of their lowest pixel.
    n_islands : int16 (n_events)

    Raises
    ------
    BadValue
        For masks that do not belong to this camera.
    """
    n_pixels = neighbors.n_pixels
    masks = masks_of(masks, n_pixels)
    labels = np.empty(masks.shape, np.int16)
    n_islands = np.empty(len(masks), np.int16)
    room = np.empty((2, n_pixels), np.int32)
    _clean.islands(
        masks.view(np.uint8), neighbors.indptr, neighbors.indices, room, labels, n_islands
    )
    return labels, n_islands


def largest_island(labels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Select the island of most pixels, on equal sizes the one of the lowest label.

    Parameters
    ----------
    labels : int16 (n_events, n_pixels)
        As `islands` gives them.

    Returns
    -------
    bool (n_events, n_pixels)
        All False where there is no island.

    Raises
    ------
    BadValue
        For another type or shape, or a label that is no island's.
    """
    labels = _labels_of(labels)
    masks = np.empty(labels.shape, np.bool_)
    _clean.largest_island(labels, np.empty(labels.shape[1] + 1, np.int32), masks.view(np.uint8))
    return masks


def brightest_island(labels: NDArray[np.int16], images: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Select the island of most charge, of several the one of the lowest label.

    Charges are summed in float64 in the order of the pixels. An island with a NaN charge counts
    as the brightest.

    Parameters
    ----------
    labels : int16 (n_events, n_pixels)
        As `islands` gives them.
    images : float32 (n_events, n_pixels), p.e.

    Returns
    -------
    bool (n_events, n_pixels)
        All False where there is no island.

    Raises
    ------
    BadValue
        For another type or shape, or a label that is no island's.
    """
    labels = _labels_of(labels)
    n_events, n_pixels = labels.shape
    images = checks.array("images", images, np.float32, AXES, n_events=n_events, n_pixels=n_pixels)
    masks = np.empty(labels.shape, np.bool_)
    room = np.empty(n_pixels + 1, np.int32)
    _clean.brightest_island(labels, images, room, np.empty(n_pixels + 1), masks.view(np.uint8))
    return masks


def _labels_of(labels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return labels that nobody else can change, checked: they become addresses."""
    labels = checks.array("labels", labels, np.int16, AXES).copy()
    checks.values_within("labels", labels, 0, labels.shape[1])
    return labels
