"""Numbers that describe a cleaned image (within DL1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..geometry import CameraGeometry
from . import _hillas, _parameters
from .cleaning import AXES, clean, images_of
from .cleanings import Cleaning

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
    """What a cleaning left of a batch of images.

    Attributes
    ----------
    masks : bool (n_events, n_pixels)
    parameters : PARAMETERS (n_events)
    """

    masks: NDArray[np.bool_]
    parameters: NDArray[np.void]


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
    cleaning: Cleaning,
    *,
    peak_time: NDArray[np.float32] | None = None,
) -> CleanedImages:
    """`clean` images and `describe` what is left.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
    geometry : CameraGeometry
    cleaning : TailCuts, Mars, Fact, TimeConstrained or NightSky
    peak_time : float32 (n_events, n_pixels), ns, optional
        For a cleaning that looks at times.

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, or times that are missing.
    """
    masks = clean(images, geometry.neighbors, cleaning, peak_time=peak_time)
    return CleanedImages(masks, describe(images, masks, geometry))


def _images_and_masks(
    images: NDArray[np.float32], masks: NDArray[np.bool_], geometry: CameraGeometry
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    images = images_of(images, geometry.n_pixels)
    lengths = {"n_events": len(images), "n_pixels": geometry.n_pixels}
    return images, checks.array("masks", masks, np.bool_, AXES, **lengths)
