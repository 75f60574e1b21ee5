"""Image parameters again in plain NumPy, one event after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..geometry import CameraGeometry
from ..images.parameters import (
    CONCENTRATION,
    HILLAS,
    HILLAS_NAMES,
    LEAKAGE,
    MORPHOLOGY,
    STATISTICS,
    TIMING,
    WITHOUT_LIGHT,
)
from .cleaning import islands

Floats = NDArray[np.float64]

CONVERGED = 1e-12
"""ns2; sums of squares that are closer are the same."""

SINGULAR = 2 * np.finfo(np.float64).eps
"""A determinant of points at one place; and it is less than `ROUNDING` of its terms."""

ROUNDING = 1e-12


def hillas(
    images: NDArray[np.float32], masks: NDArray[np.bool_], geometry: CameraGeometry
) -> NDArray[np.void]:
    """Take moments of the image along its principal axes.

    A. M. Hillas, Proc. 19th ICRC 3 (1985) 445. The uncertainties of length and width are error
    propagation of the covariance, those of the axis come from a weighted line fit to the pixels.
    """
    rows = np.full(len(images), np.nan, HILLAS)
    for event, (image, mask) in enumerate(zip(images, masks, strict=True)):
        row = rows[event : event + 1]
        charge = image[mask].astype(np.float64)
        if charge.sum() > 0 and len(charge) > 1:
            _fill_hillas(row, charge, geometry.x[mask], geometry.y[mask], geometry.area[mask])
    return rows


def _fill_hillas(row: NDArray[np.void], charge: Floats, x: Floats, y: Floats, area: Floats) -> None:
    row["intensity"] = charge.sum()
    row["x"], row["y"] = np.average(x, weights=charge), np.average(y, weights=charge)
    row["r"], row["phi"] = np.hypot(row["x"], row["y"]), np.arctan2(row["y"], row["x"])
    offset = np.stack([x - row["x"], y - row["y"]])
    covariance = (charge * offset) @ offset.T / charge.sum()
    variances, directions = np.linalg.eigh(covariance)
    lost = np.finfo(np.float64).eps * max(1.0, np.trace(covariance))
    variances[abs(variances) <= lost] = 0.0
    row["width"], row["length"] = np.sqrt(variances)
    if row["length"] == 0:
        return
    along_x, along_y = directions[:, 1]
    psi = np.arctan(along_y / along_x) if along_x != 0 else np.pi / 2
    turn = np.array([[np.cos(psi), np.sin(psi)], [-np.sin(psi), np.cos(psi)]])
    longitudinal, transverse = turn @ offset
    row["psi"] = psi
    row["skewness"] = np.average(longitudinal**3, weights=charge) / row["length"] ** 3
    row["kurtosis"] = np.average(longitudinal**4, weights=charge) / row["length"] ** 4

    weights = charge / area
    line = np.stack([longitudinal, np.ones_like(longitudinal)])
    fit_covariance = np.linalg.inv((weights * line) @ line.T)
    slope, _ = fit_covariance @ (weights * line) @ transverse
    divergence = 1.0 + np.tan(row["width"] / row["length"] * np.pi / 2) ** 2
    row["psi_uncertainty"] = np.sqrt(fit_covariance[0, 0] + slope**2) * divergence
    row["transverse_cog_uncertainty"] = np.sqrt(fit_covariance[1, 1] * (1 + np.sin(slope) ** 2))

    # How much each photo-electron moves the covariance, turned into the axes of the image.
    moved = (offset[:, None] * offset[None] - covariance[:, :, None]) / charge.sum()
    turned = np.einsum("ia,jb,abp->ijp", turn, turn, moved)
    for name, axis in (("length", 0), ("width", 1)):
        if row[name] > 0:
            spread = np.sqrt(np.sum(turned[axis, axis] ** 2 * charge))
            row[f"{name}_uncertainty"] = spread / (2 * row[name])


def describe(
    images: NDArray[np.float32],
    masks: NDArray[np.bool_],
    geometry: CameraGeometry,
    *,
    peak_time: NDArray[np.float32] | None = None,
) -> NDArray[np.void]:
    """Put Hillas parameters, timing, leakage, concentration, islands and distributions in a row.

    As the CTAO pipelines define them (DL1 data model).
    """
    rows = np.full(len(images), WITHOUT_LIGHT)
    moments = hillas(images, masks, geometry)
    labels, _ = islands(masks, geometry.neighbors)
    for event, (image, mask) in enumerate(zip(images, masks, strict=True)):
        moment = moments[event]
        if np.isnan(moment["intensity"]):
            continue
        groups = [
            ("", HILLAS_NAMES, moment.tolist()),
            ("leakage_", LEAKAGE, _leakage(image, mask, geometry)),
            ("concentration_", CONCENTRATION, _concentration(image, mask, geometry, moment)),
            ("n_", MORPHOLOGY, _morphology(labels[event][mask])),
            ("intensity_", STATISTICS, _statistics(image[mask].astype(np.float64))),
        ]
        if peak_time is not None:
            time = peak_time[event][mask].astype(np.float64)
            groups.append(("timing_", TIMING, _timing(time, mask, geometry, moment)))
            groups.append(("peak_time_", STATISTICS, _statistics(time)))
        for prefix, names, values in groups:
            for name, value in zip(names, values, strict=True):
                rows[prefix + name][event] = value
    return rows


def _timing(
    time: Floats, mask: NDArray[np.bool_], geometry: CameraGeometry, moment: NDArray[np.void]
) -> tuple[float, float, float]:
    x, y = geometry.x[mask] - moment["x"], geometry.y[mask] - moment["y"]
    return fit_line(x * np.cos(moment["psi"]) + y * np.sin(moment["psi"]), time)


def fit_line(places: Floats, times: Floats) -> tuple[float, float, float]:
    """Fit a line to the 85 % of the points that it suits best; return slope, intercept and rms.

    Least trimmed squares, P. J. Rousseeuw, J. Am. Stat. Assoc. 79 (1984) 871. From the line
    through a random pair, turn by turn keep the points that are closest to the line and fit the
    line to them (P. J. Rousseeuw and K. Van Driessen, Data Min. Knowl. Disc. 12 (2006) 29); the
    best of five such searches, the first of equals. The root mean square is over all points.
    """
    finite = np.isfinite(places) & np.isfinite(times)
    x, t = places[finite], times[finite]
    n, n_kept = len(t), int(0.85 * len(t))
    best, least = (np.nan, np.nan), np.inf
    random = _random_numbers()
    for _ in range(5 if n_kept >= 2 else 0):
        one, other = (next(random) * n) >> 32, (next(random) * (n - 1)) >> 32
        other += other >= one
        if (x[other] - x[one]) ** 2 < SINGULAR:
            continue
        slope = (t[other] - t[one]) / (x[other] - x[one])
        line, total = (slope, t[one] - slope * x[one]), 0.0
        for _ in range(20):
            kept = np.zeros(n)
            kept[np.argsort((t - (line[0] * x + line[1])) ** 2, kind="stable")[:n_kept]] = 1.0
            line = _least_squares(kept, n_kept, x, t)
            before, total = total, _sum(kept * (t - (line[0] * x + line[1])) ** 2)
            if not abs(total - before) >= CONVERGED:
                break
        if total < least - CONVERGED:
            best, least = line, total
    return *best, float(np.sqrt(np.mean((times - (best[0] * places + best[1])) ** 2)))


def _least_squares(kept: Floats, n: int, x: Floats, t: Floats) -> tuple[float, float]:
    s_x, s_t, s_xx, s_xt = (_sum(kept * v) for v in (x, t, x * x, x * t))
    determinant = n * s_xx - s_x * s_x
    if determinant < SINGULAR or determinant <= ROUNDING * n * s_xx:
        return np.nan, np.nan
    slope = (n * s_xt - s_x * s_t) / determinant
    return slope, (s_t - slope * s_x) / n


def _sum(values: Floats) -> float:
    """Add as the compiled code does: which of two equal residuals is closer is their rounding."""
    return float(np.cumsum(values[0::2])[-1] + np.cumsum(values[1::2])[-1])


def _random_numbers() -> Iterator[int]:
    """Yield 32 random bits at a time, from SplitMix64 (G. L. Steele et al., OOPSLA 2014, 453)."""
    state, last = 0, (1 << 64) - 1
    while True:
        state = state + 0x9E3779B97F4A7C15 & last
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & last
        z = (z ^ z >> 27) * 0x94D049BB133111EB & last
        yield (z ^ z >> 31) >> 32


def _statistics(values: Floats) -> list[float]:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean, std = values.mean(), values.std()
        skewness, kurtosis = (((values - mean) ** power).mean() / std**power for power in (3, 4))
    return [values.max(), values.min(), mean, std, skewness, kurtosis - 3]


def _leakage(
    image: NDArray[np.float32], mask: NDArray[np.bool_], geometry: CameraGeometry
) -> list[float]:
    charge = image[mask].astype(np.float64)
    edges = [geometry.border[mask] & bit > 0 for bit in (1, 2)]
    with np.errstate(invalid="ignore", divide="ignore"):
        pixels = [np.float64(edge.sum()) / mask.sum() for edge in edges]
        return pixels + [charge[edge].sum() / charge.sum() for edge in edges]


def _concentration(
    image: NDArray[np.float32],
    mask: NDArray[np.bool_],
    geometry: CameraGeometry,
    moment: NDArray[np.void],
) -> list[float]:
    charge = image[mask].astype(np.float64)
    x, y = geometry.x[mask] - moment["x"], geometry.y[mask] - moment["y"]
    near = x**2 + y**2 < geometry.width[mask] ** 2
    core = 0.0
    if moment["width"] > 0:
        longitudinal = x * np.cos(moment["psi"]) + y * np.sin(moment["psi"])
        transverse = y * np.cos(moment["psi"]) - x * np.sin(moment["psi"])
        ellipse = (longitudinal / moment["length"]) ** 2 + (transverse / moment["width"]) ** 2
        core = charge[ellipse <= 1].sum()
    total = moment["intensity"]
    return [charge[near].sum() / total, core / total, charge.max(initial=-np.inf) / total]


def _morphology(labels: NDArray[np.int16]) -> list[int]:
    sizes = np.unique(labels, return_counts=True)[1]
    small, large = sizes <= 2, sizes > 50
    medium = ~small & ~large
    return [len(labels), len(sizes), int(small.sum()), int(medium.sum()), int(large.sum())]
