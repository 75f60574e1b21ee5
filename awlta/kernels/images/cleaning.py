"""Which pixels of an image are the shower, and how they hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from ..neighbors import MAX_PIXELS, Neighbors
from . import _clean

AXES = ("n_events", "n_pixels")


def tailcuts(
    images: NDArray[np.float32],
    neighbors: Neighbors,
    picture: float | NDArray[np.float32],
    boundary: float | NDArray[np.float32],
    *,
    keep_isolated: bool = False,
    min_picture_neighbors: int = 0,
) -> NDArray[np.bool_]:
    """Select shower pixels by two thresholds, both inclusive.

    A picture pixel is kept if a neighbour reaches the boundary threshold, a boundary pixel if a
    neighbour is a picture pixel.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
        A NaN reaches no threshold.
    neighbors : Neighbors
    picture, boundary : float or float32 (n_pixels), p.e.
        Compared in float32, as the images are.
    keep_isolated : bool
        Keep a picture pixel without looking at its neighbours.
    min_picture_neighbors : int
        A picture pixel with fewer neighbours over the picture threshold is none; without effect
        with `keep_isolated`.

    Returns
    -------
    bool (n_events, n_pixels)

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, or a threshold that is NaN.
    """
    n_pixels = neighbors.n_pixels
    images = images_of(images, n_pixels)
    masks = np.empty(images.shape, np.bool_)
    _clean.tailcuts(
        images,
        thresholds("picture", picture, n_pixels),
        thresholds("boundary", boundary, n_pixels),
        neighbors.indptr,
        neighbors.indices,
        bool(keep_isolated),
        checks.whole("min_picture_neighbors", min_picture_neighbors, 0, MAX_PIXELS),
        np.empty(n_pixels, np.int32),
        masks.view(np.uint8),
    )
    return masks


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
    masks = checks.array("masks", masks, np.bool_, AXES, n_pixels=n_pixels)
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
    labels = checks.array("labels", labels, np.int16, AXES).copy()
    n_pixels = labels.shape[1]
    checks.values_within("labels", labels, 0, n_pixels)
    masks = np.empty(labels.shape, np.bool_)
    _clean.largest_island(labels, np.empty(n_pixels + 1, np.int32), masks.view(np.uint8))
    return masks


def images_of(images: NDArray[np.float32], n_pixels: int) -> NDArray[np.float32]:
    """Return images (n_events, n_pixels) of this camera, checked."""
    return checks.array("images", images, np.float32, AXES, n_pixels=n_pixels)


def thresholds(
    name: str, threshold: float | NDArray[np.float32], n_pixels: int
) -> NDArray[np.float32]:
    """Return a threshold for every pixel; raise BadValue where one is NaN."""
    if np.ndim(threshold) == 0:
        return np.full(n_pixels, checks.real(name, threshold), np.float32)
    row: NDArray[np.float32] = checks.array(
        name, threshold, np.float32, ("n_pixels",), n_pixels=n_pixels
    )
    if np.isnan(row).any():
        raise BadValue(
            f"{name} is NaN for {np.isnan(row).sum()} pixels",
            expected="a threshold for every pixel",
            do="Use infinity for a pixel that must never be selected",
        )
    return row
