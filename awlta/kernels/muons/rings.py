"""Rings of muons in cleaned images (within DL1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..geometry import CameraGeometry
from . import _rings
from .efficiency import Ring, fit_efficiency
from .options import FITS, MuonOptions, MuonTelescope

AXES = ("n_events", "n_pixels")

RING_NAMES = (
    *("center_fov_lon", "center_fov_lat", "radius"),
    *("center_fov_lon_err", "center_fov_lat_err", "radius_err"),
    *("center_phi", "center_distance"),
)
FEATURE_NAMES = (
    *("containment", "completeness", "intensity_ratio", "mean_squared_error"),
    *("ring_intensity", "intensity_outside_ring", "n_pixels_in_ring"),
    *("mean_intensity_outside_ring", "radial_std_dev", "skewness", "excess_kurtosis"),
)

EFFICIENCY_NAMES = (
    *("width", "impact", "impact_x", "impact_y", "optical_efficiency"),
    *("is_valid", "parameters_at_limit", "likelihood_value"),
)

RING = np.dtype(
    [
        *((f"muonring_{name}", np.float64) for name in RING_NAMES),
        *(
            (f"muonparameters_{name}", np.int64 if name.startswith("n_") else np.float64)
            for name in FEATURE_NAMES
        ),
    ]
)
"""What the compiled code fills: a ring and its features."""

MUON = np.dtype(
    [
        *((name, RING[name]) for name in RING.names or ()),
        *(
            (f"muonefficiency_{name}", np.bool_ if name in EFFICIENCY_NAMES[5:7] else np.float64)
            for name in EFFICIENCY_NAMES
        ),
    ]
)
"""A ring in the unit of the geometry, its direction in rad; then its features: fractions, p.e.,
unit squared for the mean squared error, and a count of pixels; then width (deg) and impact (m) of
the muon, the efficiency, whether the fit is good and at a limit, and minus its log likelihood."""

WITHOUT_RING = np.array(
    tuple(-1 if RING[name] == np.int64 else np.nan for name in RING.names or ()), RING
)
"""The row of an image without a ring."""


def muon_rings(
    images: NDArray[np.float32],
    masks: NDArray[np.bool_],
    geometry: CameraGeometry,
    options: MuonOptions | None = None,
    telescope: MuonTelescope | None = None,
) -> NDArray[np.void]:
    """Fit a ring to each image that has pixels and light enough, and measure its features.

    A first circle is fitted to the cleaned pixels, then again to all pixels that are close to it.
    Containment is the part of the circle inside that of the camera. Completeness is the part of
    the sectors around the centre that are lit. Both look at all pixels, as do the intensity in a
    band about the ring and the moments of the distance from the centre; the intensity ratio and
    the mean squared error of the distance look at cleaned pixels.

    For a telescope that is known, the efficiency is fitted to the rings that have pixels enough
    close to them and are contained: the light of a muon that hits the mirror at some distance from
    its centre, spread across the ring, against the charges and their noise.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
    masks : bool (n_events, n_pixels)
        The cleaned pixels.
    geometry : CameraGeometry
        In degrees on the sky, if the names of the columns are to be true.
    options : MuonOptions, optional
    telescope : MuonTelescope, optional
        Without it, no efficiency is fitted.

    Returns
    -------
    MUON (n_events)
        NaN, -1 and False for an image that is not looked at, or whose pixels lie on a line.

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera.

    References
    ----------
    B. B. Chaudhuri and P. Kundu, Pattern Recognition Letters 14 (1993) 1.
    G. Taubin, IEEE Trans. Pattern Anal. Mach. Intell. 13 (1991) 1115.
    G. Vacanti et al., Astropart. Phys. 2 (1994) 1.
    A. Mitchell et al., Proc. 34th ICRC (2015) 756.
    """
    options = options or MuonOptions()
    n_pixels = geometry.n_pixels
    images = checks.array("images", images, np.float32, AXES, n_pixels=n_pixels)
    lengths = {"n_events": len(images), "n_pixels": n_pixels}
    masks = checks.array("masks", masks, np.bool_, AXES, **lengths)
    rows = np.full(len(images), WITHOUT_RING)
    _rings.find_rings(
        images,
        masks.view(np.uint8),
        geometry.pixels,
        FITS.index(options.fit),
        options.min_pixels,
        options.min_intensity,
        options.n_fits,
        options.max_distance,
        options.completeness_threshold,
        options.ratio_width,
        options.integration_width,
        options.outer_width,
        geometry.radius,
        np.linspace(-np.pi, np.pi, options.n_sectors + 1),
        np.empty((4, n_pixels)),
        np.empty(options.n_sectors),
        rows,
    )
    muons = np.zeros(len(rows), MUON)
    for name in RING.names or ():
        muons[name] = rows[name]
    for name in EFFICIENCY_NAMES[:5] + EFFICIENCY_NAMES[7:]:
        muons[f"muonefficiency_{name}"] = np.nan
    if telescope is not None:
        for image, muon in zip(images, muons, strict=True):
            if muon["muonparameters_containment"] > options.min_containment:
                _fit_efficiency(image, muon, geometry, options, telescope)
    return muons


def _fit_efficiency(
    image: NDArray[np.float32],
    muon: np.void,
    geometry: CameraGeometry,
    options: MuonOptions,
    telescope: MuonTelescope,
) -> None:
    radius = muon["muonring_radius"]
    x = geometry.x - muon["muonring_center_fov_lon"]
    y = geometry.y - muon["muonring_center_fov_lat"]
    close = np.abs(np.sqrt(x**2 + y**2) - radius) / radius < options.max_distance
    if close.sum() <= options.min_ring_pixels:
        return
    ring = Ring(x[close], y[close], radius, geometry, telescope)
    if ring.is_round_enough:
        fit_efficiency(image[close].astype(np.float64), ring, muon)
