"""Image parameters again in plain NumPy, one event after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry import CameraGeometry
from ..images.parameters import (
    CONCENTRATION,
    HILLAS,
    HILLAS_NAMES,
    LEAKAGE,
    MORPHOLOGY,
    PARAMETERS,
)
from .cleaning import islands

Floats = NDArray[np.float64]


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
    images: NDArray[np.float32], masks: NDArray[np.bool_], geometry: CameraGeometry
) -> NDArray[np.void]:
    """Put Hillas parameters, leakage, concentration and island counts side by side.

    Leakage and concentration as the CTAO pipelines define them (DL1 data model).
    """
    rows = np.zeros(len(images), PARAMETERS)
    moments = hillas(images, masks, geometry)
    labels, _ = islands(masks, geometry.neighbors)
    for row, moment, image, mask, label in zip(rows, moments, images, masks, labels, strict=True):
        groups = (
            ("", HILLAS_NAMES, moment.tolist()),
            ("leakage_", LEAKAGE, _leakage(image, mask, geometry)),
            ("concentration_", CONCENTRATION, _concentration(image, mask, geometry, moment)),
            ("n_", MORPHOLOGY, _morphology(label[mask])),
        )
        for prefix, names, values in groups:
            has_light = not np.isnan(moment["intensity"])
            missing = [-1 if prefix == "n_" else np.nan] * len(names)
            for name, value in zip(names, values if has_light else missing, strict=True):
                row[prefix + name] = value
    return rows


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
