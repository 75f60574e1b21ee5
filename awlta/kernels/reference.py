"""Each kernel again in plain NumPy, one event after the other, to be read and compared with.

Same arguments and results as the compiled functions, without their checks. Slow by intention.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .geometry import CameraGeometry
from .images import CONCENTRATION, HILLAS, HILLAS_NAMES, LEAKAGE, MORPHOLOGY, PARAMETERS
from .neighbors import Neighbors
from .waveforms import Pulses

Floats = NDArray[np.float64]


def select_gain(waveforms: NDArray[np.uint16], threshold: float = 4000.0) -> NDArray[np.int8]:
    """Take the low gain where a raw high-gain sample is above the threshold.

    As R1 calibration of the CTAO cameras does it; one channel leaves no choice.
    """
    if waveforms.shape[1] == 1:
        return np.zeros((len(waveforms), waveforms.shape[2]), np.int8)
    highest: NDArray[np.uint16] = waveforms[:, 0].max(axis=-1)
    return (highest > threshold).astype(np.int8)


def extract_raw(
    waveforms: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    *,
    selected_gain: NDArray[np.int8] | None = None,
    threshold: float = 4000.0,
    width: int = 7,
    shift: int = 3,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
) -> Pulses:
    """Choose the gain, calibrate in float32, then `extract`."""
    gain = select_gain(waveforms, threshold) if selected_gain is None else selected_gain
    pixels = np.arange(waveforms.shape[2])
    calibrated = np.empty(gain.shape + waveforms.shape[3:], np.float32)
    for event, chosen in enumerate(gain):
        counts = waveforms[event, chosen, pixels].astype(np.float32)
        calibrated[event] = counts - pedestal[chosen, pixels, None]
        calibrated[event] *= dc_to_pe[chosen, pixels, None]
    pulses = extract(
        calibrated, width=width, shift=shift, sampling_rate=sampling_rate, unusable=unusable
    )
    return Pulses(pulses.charge, pulses.peak_time, gain.copy())


def extract(
    waveforms: NDArray[np.float32],
    *,
    width: int = 7,
    shift: int = 3,
    sampling_rate: float = 1.0,
    unusable: NDArray[np.bool_] | None = None,
) -> Pulses:
    """Sum a window around each pixel's own first maximum; mean time over its positive samples.

    The local-peak window sum of the imaging Cherenkov telescopes.
    """
    n_samples = waveforms.shape[-1]
    sample = np.arange(n_samples)
    peak = waveforms.argmax(axis=-1)
    start = (peak - shift)[..., None]
    window = np.where((sample >= start) & (sample < start + width), waveforms, np.float32(0))
    light = np.where(window > 0, window, np.float32(0))
    total, weight = np.zeros(peak.shape), np.zeros(peak.shape, np.float32)
    moment, rate = np.zeros(peak.shape, np.float32), np.float32(sampling_rate)
    with np.errstate(invalid="ignore", over="ignore"):
        for n in range(n_samples):  # one after the other: a sum depends on its order
            total += window[..., n]
            weight += light[..., n]
            moment += light[..., n] * np.float32(n)
        charge = total.astype(np.float32)
    has_light = (weight > 0) & np.isfinite(weight) & np.isfinite(charge)
    mean_sample = moment / np.where(has_light, weight, np.float32(1))
    peak_time = np.where(has_light, mean_sample, peak.astype(np.float32)) / rate
    if n_samples == 1:
        charge, peak_time = waveforms[..., 0], np.zeros(waveforms.shape[:-1], np.float32)
    used = ~(np.zeros(charge.shape, np.bool_) if unusable is None else unusable)
    return Pulses(
        np.where(used, charge, np.float32(0)),
        np.where(used, peak_time, np.float32(0)),
        np.zeros(charge.shape, np.int8),
    )


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
