"""Rings of muons again in plain NumPy, one event after the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..geometry import CameraGeometry
from ..muons import MuonOptions, MuonTelescope
from ..muons.efficiency import FINE_STRUCTURE
from ..muons.rings import FEATURE_NAMES, RING, RING_NAMES, WITHOUT_RING

Floats = NDArray[np.float64]


def muon_rings(
    images: NDArray[np.float32],
    masks: NDArray[np.bool_],
    geometry: CameraGeometry,
    options: MuonOptions | None = None,
) -> NDArray[np.void]:
    """Fit a circle to the cleaned pixels, again to all pixels close to it, and describe it.

    Steps and features are those of the muon analysis of the CTAO pipelines, after G. Vacanti et
    al., Astropart. Phys. 2 (1994) 1.
    """
    options = options or MuonOptions()
    rows = np.full(len(images), WITHOUT_RING, RING)
    for row, image, mask in zip(rows, images.astype(np.float64), masks, strict=True):
        is_bright = image[mask].sum() > options.min_intensity
        if mask.sum() > options.min_pixels and is_bright:
            _fill(row, image, mask, geometry, options)
    return rows


def _fill(
    row: np.void,
    image: Floats,
    mask: NDArray[np.bool_],
    geometry: CameraGeometry,
    options: MuonOptions,
) -> None:
    fit, chosen = _FITS[options.fit], mask
    for _ in range(options.n_fits):
        with np.errstate(all="ignore"):
            circle = fit(geometry.x[chosen], geometry.y[chosen], image[chosen])
            x, y, radius = circle[:3]
            distance = np.sqrt((geometry.x - x) ** 2 + (geometry.y - y) ** 2)
            chosen = np.abs(distance - radius) / radius < options.max_distance
    offset = np.hypot(x, y)
    for name, value in zip(RING_NAMES, (*circle, np.arctan2(y, x), offset), strict=True):
        row[f"muonring_{name}"] = value
    if not (radius > 0 and np.isfinite(offset)):
        return
    with np.errstate(all="ignore"):
        features = (
            _containment(radius, offset, geometry.radius),
            _completeness(image, geometry.x - x, geometry.y - y, options),
            *_of_cleaned(image[mask], distance[mask], geometry.width[mask], radius, options),
            *_bands(image, distance, mask, radius, options),
            *_profile(image, distance),
        )
    for name, value in zip(FEATURE_NAMES, features, strict=True):
        row[f"muonparameters_{name}"] = value


def kundu_chaudhuri(x: Floats, y: Floats, weights: Floats) -> list[float]:
    """Solve the linear equations of the circle with the least squares of d^2 - r^2.

    B. B. Chaudhuri and P. Kundu, Pattern Recognition Letters 14 (1993) 1. The errors are those of
    the residual by its derivative, without correlations.
    """
    if not len(x):
        return [np.nan] * 6
    mean_x, mean_y = _mean(x, weights), _mean(y, weights)
    u, v = x - mean_x, y - mean_y
    square = u**2 + v**2
    matrix = 2 * np.array([[weights @ (u * u), weights @ (u * v)], [0, weights @ (v * v)]])
    matrix[1, 0] = matrix[0, 1]
    if _is_line(matrix):
        return [np.nan] * 6
    a, b = np.linalg.solve(matrix, [weights @ (square * u), weights @ (square * v)])
    square = (u - a) ** 2 + (v - b) ** 2
    radius = np.sqrt(_mean(square, weights))
    residual, slope = square - radius**2, np.sqrt(square + radius**2 / 4)
    with np.errstate(invalid="ignore", divide="ignore"):  # slopes may all be equal
        error = np.divide(_spread(residual, weights), _spread(slope, weights))
    error = error / weights.sum() / np.sqrt(8)
    return [mean_x + a, mean_y + b, radius, error, error, error / 2]


def taubin(x: Floats, y: Floats, weights: Floats) -> list[float]:
    """Solve the generalised eigenvalue problem of A (x^2 + y^2) + B x + C y + D.

    G. Taubin, IEEE Trans. Pattern Anal. Mach. Intell. 13 (1991) 1115: its squares, weighted by the
    squared weights, are least for given squares of its gradient, weighted by the weights. Errors
    are from the curvature of that quotient at its minimum.
    """
    if not len(x) or _is_line(np.cov(x, y, aweights=weights**2, ddof=0).reshape(2, 2)):
        return [np.nan] * 6
    squares = weights**2
    mean_x, mean_y = _mean(x, squares), _mean(y, squares)
    u, v = x - mean_x, y - mean_y
    square = u**2 + v**2
    scale = _mean(square, squares)
    shapes = np.stack([square - scale, u, v])  # D is best where the mean vanishes
    values = (squares * shapes) @ shapes.T
    su, sv, sw = weights @ u, weights @ v, weights.sum()
    gradients = np.array([[4 * weights @ square, 2 * su, 2 * sv], [2 * su, sw, 0], [2 * sv, 0, sw]])
    try:
        root = np.linalg.inv(np.linalg.cholesky(gradients))
    except np.linalg.LinAlgError:
        return [np.nan] * 6
    quotients, vectors = np.linalg.eigh(root @ values @ root.T)
    best = root.T @ vectors[:, 0]
    a, b = -best[1:] / best[0] / 2
    radius = np.sqrt(a**2 + b**2 + scale)
    # The quotient (V - q G) / G around its minimum, by centre and radius.
    loss = 4 * quotients[0]
    total = weights @ ((u - a) ** 2 + (v - b) ** 2)
    n = squares.sum()
    hessian = 8 * np.array(
        [
            [squares @ (u - a) ** 2, squares @ ((u - a) * (v - b)), -radius * a * n],
            [squares @ ((u - a) * (v - b)), squares @ (v - b) ** 2, -radius * b * n],
            [-radius * a * n, -radius * b * n, radius**2 * n],
        ]
    )
    hessian[[0, 1], [0, 1]] -= 2 * loss * sw
    errors = np.sqrt(np.diag(np.linalg.inv(hessian / total)) * 2)
    return [mean_x + a, mean_y + b, radius, *errors]


_FITS = {
    "kundu_chaudhuri": kundu_chaudhuri,
    "taubin": lambda x, y, weights: taubin(x, y, np.ones_like(weights)),
    "kundu_chaudhuri_taubin": taubin,
}


def _is_line(covariance: Floats) -> bool:
    width = abs(covariance[0, 0] * covariance[1, 1] - covariance[0, 1] * covariance[1, 0])
    return not width > 1e-12 * (covariance**2).sum()


def _mean(values: Floats, weights: Floats) -> Any:
    return weights @ values / weights.sum()


def _spread(values: Floats, weights: Floats) -> float:
    mean = _mean(values, weights)
    return float(np.sqrt(_mean((values - mean) ** 2, weights)))


def _containment(radius: float, offset: float, camera: float) -> float:
    if offset <= abs(camera - radius):
        return 1.0
    if offset > radius + camera:
        return 0.0
    half_angle = np.arccos((radius**2 - camera**2 + offset**2) / (2 * offset) / radius)
    return float(half_angle / np.pi)


def _completeness(image: Floats, x: Floats, y: Floats, options: MuonOptions) -> float:
    light, _ = np.histogram(
        np.arctan2(y, x), options.n_sectors, range=(-np.pi, np.pi), weights=image
    )
    return float((light > options.completeness_threshold).mean())


def _of_cleaned(
    charge: Floats, distance: Floats, width: Floats, radius: float, options: MuonOptions
) -> tuple[float, float]:
    half = 0.5 * (options.ratio_width * width)
    inside = (distance >= radius - half) & (distance <= radius + half)
    error = _mean((distance - radius) ** 2, charge)
    return charge[inside].sum() / charge.sum(), float(error)


def _bands(
    image: Floats, distance: Floats, mask: NDArray[np.bool_], radius: float, options: MuonOptions
) -> tuple[float, float, int, float]:
    off = np.abs(distance - radius)
    ring = off < radius * options.integration_width
    outer = ~ring & (off < radius * (options.integration_width + options.outer_width))
    mean = image[outer].sum() / outer.sum()
    return image[ring].sum(), image[~ring & mask].sum(), int((ring & mask).sum()), mean


def _profile(image: Floats, distance: Floats) -> tuple[float, float, float]:
    if image.sum() == 0:
        return np.nan, np.nan, np.nan
    away = distance - _mean(distance, image)
    std = np.sqrt(_mean(away**2, image))
    moments = [_mean(away**n, image) / std**n for n in (3, 4)]
    return std, moments[0], moments[1] - 3.0


def muon_light(
    x: Floats,
    y: Floats,
    radius: float,
    geometry: CameraGeometry,
    telescope: MuonTelescope,
    impact: float,
    phi: float,
    width: float,
    efficiency: float,
) -> Floats:
    """Share the Cherenkov light of a muon among pixels about its ring.

    Along the ring, light goes with the path across the mirror less that across the hole (G.
    Vacanti et al., Astropart. Phys. 2 (1994) 1, eq. 6 and 7); across it, as a Gaussian. x, y and
    radius are in deg, phi and width in rad, impact in m.
    """
    diameter, angle = np.radians(geometry.width[0]), np.radians(radius)
    n = int(2 * np.pi * angle / diameter) * telescope.oversampling
    azimuth = np.linspace(-np.pi, np.pi, n)
    path = _chord(telescope.mirror_radius, impact, azimuth - phi)
    if telescope.hole_radius:
        path -= _chord(telescope.hole_radius, impact, azimuth - phi)
    lags = np.arange(telescope.oversampling) - telescope.oversampling // 2
    smooth = np.mean([np.roll(path, -lag) for lag in lags], axis=0)
    distance = np.radians(np.hypot(x, y))
    inside = [
        math.erf((d + diameter / 2 - angle) / width / math.sqrt(2))
        - math.erf((d - diameter / 2 - angle) / width / math.sqrt(2))
        for d in distance
    ]
    per_metre = FINE_STRUCTURE * 1e9 * (1 / telescope.min_wavelength - 1 / telescope.max_wavelength)
    photons = np.interp(np.arctan2(y, x), azimuth, smooth) * per_metre * np.sin(2 * angle) / 2
    pixel = diameter / angle * (np.pi / 4 * geometry.width[0] ** 2 / geometry.area[0])
    light: Floats = efficiency * photons * pixel * np.array(inside) / 2
    return light


def _chord(radius: float, impact: float, angle: Floats) -> Floats:
    rho = impact / radius
    with np.errstate(invalid="ignore"):
        half = np.sqrt(1 - (rho * np.sin(angle)) ** 2)
        if rho <= 1:
            return radius * (half + rho * np.cos(angle))
        hits = (np.abs(rho * np.sin(angle)) < 1) & (np.cos(angle) > 0)
        return np.where(hits, 2 * radius * half, 0.0)
