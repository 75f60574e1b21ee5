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

TIMING = ("slope", "intercept", "deviation")
LEAKAGE = ("pixels_width_1", "pixels_width_2", "intensity_width_1", "intensity_width_2")
CONCENTRATION = ("cog", "core", "pixel")
MORPHOLOGY = ("pixels", "islands", "small_islands", "medium_islands", "large_islands")
STATISTICS = ("max", "min", "mean", "std", "skewness", "kurtosis")

PARAMETERS = np.dtype(
    [
        *((name, np.float64) for name in HILLAS_NAMES),
        *((f"timing_{name}", np.float64) for name in TIMING),
        *((f"leakage_{name}", np.float64) for name in LEAKAGE),
        *((f"concentration_{name}", np.float64) for name in CONCENTRATION),
        *((f"n_{name}", np.int64) for name in MORPHOLOGY),
        *((f"intensity_{name}", np.float64) for name in STATISTICS),
        *((f"peak_time_{name}", np.float64) for name in STATISTICS),
    ]
)
"""`HILLAS`; the line of times along the axis, in ns and ns per unit of the geometry; fractions of
pixels and charge; counts (-1 for an image without light); the distributions of charge (p.e.) and
time (ns) over pixels, skewness and kurtosis pure."""

WITHOUT_LIGHT = np.array(
    tuple(-1 if name.startswith("n_") else np.nan for name in PARAMETERS.names or ()), PARAMETERS
)
"""The row of an image that cannot be parametrised."""

WIDE_ROOM = _parameters.WIDE_ROOM
"""Rows of float64 (n_pixels) that the compiled code works in."""


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
    images: NDArray[np.float32],
    masks: NDArray[np.bool_],
    geometry: CameraGeometry,
    *,
    peak_time: NDArray[np.float32] | None = None,
) -> NDArray[np.void]:
    """Compute all image parameters of the selected pixels, in one pass.

    As `hillas`, and then: the timing, a line through the times along the axis that leaves out the
    15 % of the pixels that follow it least, with the root mean square of all residuals; the
    leakage, fractions of pixels and charge in the outermost row and in the two outermost rows of
    the camera; the concentration, fractions of charge within one pixel width of the centre of
    gravity, inside the ellipse of length and width, and in the brightest pixel; the islands: small
    to 2 pixels, medium to 50, large above; and the distributions of charge and time over pixels.

    The line is searched for from random pairs of pixels, the same ones for each image of as many
    pixels: it does not depend on the images beside it. A time that is not finite is left out of
    it, and makes its deviation NaN or infinite; fewer than three times give no line.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
    masks : bool (n_events, n_pixels)
    geometry : CameraGeometry
    peak_time : float32 (n_events, n_pixels), ns, optional
        Without times what is made of them is NaN.

    Returns
    -------
    PARAMETERS (n_events)
        All NaN and -1 for fewer than two pixels or a sum that is not positive.

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera.

    References
    ----------
    P. J. Rousseeuw and K. Van Driessen, Data Min. Knowl. Disc. 12 (2006) 29, for the line.
    """
    images, masks = _images_and_masks(images, masks, geometry)
    n_events, n_pixels = images.shape
    if peak_time is None:
        peak_time = np.empty((0, n_pixels), np.float32)
    else:
        peak_time = checks.array(
            "peak_time", peak_time, np.float32, AXES, n_events=n_events, n_pixels=n_pixels
        )
    rows = np.full(n_events, WITHOUT_LIGHT)
    _parameters.describe(
        images,
        masks.view(np.uint8),
        peak_time,
        geometry.pixels,
        geometry.border,
        geometry.neighbors.indptr,
        geometry.neighbors.indices,
        np.empty((2, n_pixels + 1), np.int32),
        np.empty((WIDE_ROOM, n_pixels)),
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
        For a cleaning that looks at times, and as in `describe`.

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, or times that are missing.
    """
    masks = clean(images, geometry.neighbors, cleaning, peak_time=peak_time)
    return CleanedImages(masks, describe(images, masks, geometry, peak_time=peak_time))


def _images_and_masks(
    images: NDArray[np.float32], masks: NDArray[np.bool_], geometry: CameraGeometry
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    images = images_of(images, geometry.n_pixels)
    lengths = {"n_events": len(images), "n_pixels": geometry.n_pixels}
    return images, checks.array("masks", masks, np.bool_, AXES, **lengths)
