"""From images to masks, islands and image parameters (within DL1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from . import _clean, _hillas, _parameters, checks
from .geometry import CameraGeometry
from .neighbors import MAX_PIXELS, Neighbors

AXES = ("n_events", "n_pixels")

HILLAS_NAMES = (
    *("intensity", "x", "y", "r", "phi", "length", "length_uncertainty"),
    *("width", "width_uncertainty", "psi", "psi_uncertainty"),
    *("transverse_cog_uncertainty", "skewness", "kurtosis"),
)

HILLAS = np.dtype([(name, np.float64) for name in HILLAS_NAMES])
"""Intensity in p.e.; angles in rad; skewness and kurtosis pure; the rest in the geometry's unit."""

LEAKAGE = ("pixels_width_1", "pixels_width_2", "intensity_width_1", "intensity_width_2")
CONCENTRATION = ("cog", "core", "pixel")
MORPHOLOGY = ("pixels", "islands", "small_islands", "medium_islands", "large_islands")

PARAMETERS = np.dtype(
    [
        *((name, np.float64) for name in HILLAS_NAMES),
        *((f"leakage_{name}", np.float64) for name in LEAKAGE),
        *((f"concentration_{name}", np.float64) for name in CONCENTRATION),
        *((f"n_{name}", np.int64) for name in MORPHOLOGY),
    ]
)
"""`HILLAS`, then fractions of pixels and charge, then counts (-1 for an image without light)."""

WITHOUT_LIGHT = np.array(
    (np.nan,) * (len(HILLAS_NAMES) + len(LEAKAGE) + len(CONCENTRATION)) + (-1,) * len(MORPHOLOGY),
    PARAMETERS,
)
"""The row of an image that cannot be parametrised."""


@dataclass(frozen=True, eq=False)
class CleanedImages:
    """What tail cuts left of a batch of images.

    Attributes
    ----------
    masks : bool (n_events, n_pixels)
    parameters : PARAMETERS (n_events)
    """

    masks: NDArray[np.bool_]
    parameters: NDArray[np.void]


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
    images = _images(images, n_pixels)
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


def hillas(
    images: NDArray[np.float32], masks: NDArray[np.bool_], geometry: CameraGeometry
) -> NDArray[np.void]:
    """Compute the Hillas parameters of the selected pixels of each image.

    `psi`, the direction of the long axis, is in (-pi/2, pi/2], and the sign of the skewness goes
    with it. Where all light is in one point, length and width are 0 and what needs an axis is NaN.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
    masks : bool (n_events, n_pixels)
    geometry : CameraGeometry

    Returns
    -------
    HILLAS (n_events)
        All NaN for fewer than two pixels or a sum that is not positive.

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera.

    References
    ----------
    A. M. Hillas, Proc. 19th ICRC (La Jolla) 3 (1985) 445.
    """
    images, masks = _images_and_masks(images, masks, geometry)
    rows = np.full((len(images), len(HILLAS_NAMES)), np.nan).view(HILLAS)[:, 0]
    _hillas.hillas(
        images,
        masks.view(np.uint8),
        geometry.x,
        geometry.y,
        geometry.area,
        np.empty(geometry.n_pixels, np.int32),
        np.empty((3, geometry.n_pixels)),
        rows,
    )
    return rows


def describe(
    images: NDArray[np.float32], masks: NDArray[np.bool_], geometry: CameraGeometry
) -> NDArray[np.void]:
    """Compute all image parameters of the selected pixels, in one pass.

    As `hillas`, and then: the leakage, fractions of pixels and charge in the outermost row and in
    the two outermost rows of the camera; the concentration, fractions of charge within one pixel
    width of the centre of gravity, inside the ellipse of length and width, and in the brightest
    pixel; and the islands: small to 2 pixels, medium to 50, large above.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
    masks : bool (n_events, n_pixels)
    geometry : CameraGeometry

    Returns
    -------
    PARAMETERS (n_events)
        All NaN and -1 for fewer than two pixels or a sum that is not positive.

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera.
    """
    images, masks = _images_and_masks(images, masks, geometry)
    rows = np.full(len(images), WITHOUT_LIGHT)
    n_pixels = geometry.n_pixels
    _parameters.describe(
        images,
        masks.view(np.uint8),
        geometry.pixels,
        geometry.border,
        geometry.neighbors.indptr,
        geometry.neighbors.indices,
        np.empty((2, n_pixels + 1), np.int32),
        np.empty((3, n_pixels)),
        np.zeros(n_pixels, np.int16),
        rows,
    )
    return rows


def image_parameters(
    images: NDArray[np.float32],
    geometry: CameraGeometry,
    picture: float | NDArray[np.float32],
    boundary: float | NDArray[np.float32],
    *,
    keep_isolated: bool = False,
    min_picture_neighbors: int = 0,
) -> CleanedImages:
    """Clean images by `tailcuts` and `describe` what is left.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
    geometry : CameraGeometry
    picture, boundary, keep_isolated, min_picture_neighbors
        As in `tailcuts`.

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, or a threshold that is NaN.
    """
    masks = tailcuts(
        images,
        geometry.neighbors,
        picture,
        boundary,
        keep_isolated=keep_isolated,
        min_picture_neighbors=min_picture_neighbors,
    )
    return CleanedImages(masks, describe(images, masks, geometry))


def _images(images: NDArray[np.float32], n_pixels: int) -> NDArray[np.float32]:
    return checks.array("images", images, np.float32, AXES, n_pixels=n_pixels)


def _images_and_masks(
    images: NDArray[np.float32], masks: NDArray[np.bool_], geometry: CameraGeometry
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    images = _images(images, geometry.n_pixels)
    lengths = {"n_events": len(images), "n_pixels": geometry.n_pixels}
    return images, checks.array("masks", masks, np.bool_, AXES, **lengths)


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
