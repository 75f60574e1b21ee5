"""Constants by which raw counts become p.e. per sample (R0 to R1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import checks

MOST_COUNTS = 2.0**20
"""Of a shift in a pedestal: below it float32 still tells one count from the next."""


@dataclass(frozen=True, eq=False)
class FoldedCalibration:
    """A calibration whose scale and shift stand in the two numbers that extraction takes.

    Attributes
    ----------
    pedestal : float32 (n_gains, n_pixels), ADC counts
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
    is_lost : bool (n_gains, n_pixels)
        Where no pedestal can stand for the shift, because the factor is 0 or too near to it or
        one of the constants is not finite. The pedestal is left as it was, the shift is missing:
        call these pixels unusable.
    """

    pedestal: NDArray[np.float32]
    dc_to_pe: NDArray[np.float32]
    is_lost: NDArray[np.bool_]


def fold_calibration(
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    *,
    scale: float = 1.0,
    shift: float = 0.0,
) -> FoldedCalibration:
    """Fold a scale and a shift of all samples into pedestal and conversion factor.

    A sample is ``(count - pedestal) * dc_to_pe * scale + shift`` p.e., which is the same as
    ``(count - (pedestal - shift / factor)) * factor`` with ``factor = dc_to_pe * scale``: so
    whatever takes pedestal and factor takes scale and shift as well, at no cost for each sample.

    Both are computed in float64 and rounded to float32. The rounding of the pedestal is the price:
    at most half of its last digit, in each sample: 1.5e-5 counts for a pedestal of 256 to 512, or
    some 1e-6 p.e., which is below 1e-6 of a charge of a few p.e. It grows with the shift, which is
    `is_lost` beyond 2**20 counts.

    Parameters
    ----------
    pedestal : float32 (n_gains, n_pixels), ADC counts
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
    scale : float
        Of the charges, on top of `dc_to_pe`.
    shift : float, p.e. per sample

    Raises
    ------
    BadValue
        For arrays of another type or shape, or a scale or shift that is not finite.

    Notes
    -----
    Scale and shift of the R1 calibration of simulated telescopes, made to study what a wrong
    calibration does.
    """
    axes = ("n_gains", "n_pixels")
    pedestal = checks.array("pedestal", pedestal, np.float32, axes)
    lengths = dict(zip(axes, pedestal.shape, strict=True))
    dc_to_pe = checks.array("dc_to_pe", dc_to_pe, np.float32, axes, **lengths)
    scale, shift = checks.finite("scale", scale), checks.finite("shift", shift)
    with np.errstate(all="ignore"):  # what comes of it is looked at below
        factor = (dc_to_pe.astype(np.float64) * scale).astype(np.float32)
        counts = shift / factor.astype(np.float64) if shift else np.zeros(factor.shape)
        folded = (pedestal.astype(np.float64) - counts).astype(np.float32)
    is_kept = np.isfinite(pedestal) & np.isfinite(factor) & (np.abs(counts) < MOST_COUNTS)
    return FoldedCalibration(np.where(is_kept, folded, pedestal), factor, ~is_kept)
