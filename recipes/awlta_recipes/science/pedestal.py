"""Pedestals: level and noise of every pixel without light."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput

from .pixel_flags import PixelFlag, Status, is_bad, marked

Float32 = NDArray[np.float32]

_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, eq=False)
class Pedestal:
    """Level and noise of each gain and pixel.

    Attributes
    ----------
    mean : float32 (n_gains, n_pixels), ADC counts per sample
    std : float32 (n_gains, n_pixels), ADC counts
        Of single samples.
    charge_std : float32 (n_gains, n_pixels), ADC counts
        Of the sum of ``window`` successive samples; neighbouring samples are correlated, so
        this is not ``std * sqrt(window)``.
    window : int, samples
    n_events : int32 (n_gains, n_pixels)
        Events left after clipping.
    status : uint8 (n_gains, n_pixels), bits of PixelFlag
        NOISE and FEW_EVENTS.
    """

    mean: Float32
    std: Float32
    charge_std: Float32
    window: int
    n_events: NDArray[np.int32]
    status: Status

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """The pixels that cannot be used, bool (n_pixels,)."""
        return is_bad(self.status)


def measure(
    blocks: Iterable[NDArray[np.uint16]],
    *,
    window: int = 7,
    clip: float = 5.0,
    least_noise: float = 0.5,
    most_noise: float = 2.0,
    min_fraction: float = 0.5,
) -> Pedestal:
    """Measure pedestals from the waveforms of pedestal events.

    Parameters
    ----------
    blocks : iterable of uint16 (n_events, n_gains, n_pixels, n_samples), ADC counts
        Taken one at a time; kept are three numbers for each event, gain and pixel.
    window : int, samples
        Of the charge whose noise is measured.
    clip : float
        An event is left out for a pixel whose mean or noise is further than this many robust
        standard deviations from the pixel's median: starlight, cosmic rays.
    least_noise, most_noise : float
        Bounds of a good pixel's ``std``, as a fraction of the median of its gain.
    min_fraction : float
        Of the events, that a good pixel must keep.

    Raises
    ------
    BadInput
        There are fewer than two events, or no more samples than the window.
    """
    per_event = [_moments(block, window) for block in blocks if len(block)]
    if sum(len(m[0]) for m in per_event) < 2:
        raise BadInput(
            "fewer than 2 pedestal events",
            expected="a pedestal run, of 100 events and more to be useful",
            do="Choose another run",
        )
    mean, variance, charge_variance = (np.concatenate(m) for m in zip(*per_event, strict=True))
    keep = _is_near(mean, clip) & _is_near(variance, clip)
    n_events = keep.sum(axis=0)
    level = _mean_of(mean, keep)
    scatter = _mean_of((mean - level) ** 2, keep)
    std = np.sqrt(_mean_of(variance, keep) + scatter)
    charge_std = np.sqrt(_mean_of(charge_variance, keep))
    typical = np.median(std, axis=1, keepdims=True)
    is_odd = ~((std >= least_noise * typical) & (std <= most_noise * typical))
    is_short = n_events < min_fraction * len(mean)
    return Pedestal(
        mean=level.astype(np.float32),
        std=std.astype(np.float32),
        charge_std=charge_std.astype(np.float32),
        window=window,
        n_events=n_events.astype(np.int32),
        status=marked(PixelFlag.NOISE, is_odd) | marked(PixelFlag.FEW_EVENTS, is_short),
    )


def _moments(block: NDArray[np.uint16], window: int) -> tuple[Float32, Float32, Float32]:
    """Return, per event, gain and pixel: mean, variance, and variance of charges about the mean."""
    n_samples = block.shape[-1]
    if n_samples <= window:
        raise BadInput(
            f"waveforms of {n_samples} samples",
            expected=f"more than the {window} of a charge, whose noise is about their mean",
            do="Choose a shorter window",
        )
    samples = block.astype(np.float32)
    mean = samples.mean(axis=-1)
    samples -= mean[..., np.newaxis]
    variance = np.einsum("...s,...s->...", samples, samples) / np.float32(n_samples)
    n_windows = n_samples // window
    charges = samples[..., : n_windows * window].reshape(*block.shape[:-1], n_windows, window)
    sums = charges.sum(axis=-1)
    # The mean of the same samples was subtracted, which takes window / n_samples of the variance.
    unbiased = np.float32(1.0 / (1.0 - window / n_samples))
    return mean, variance, (sums**2).mean(axis=-1) * unbiased


def _is_near(values: Float32, clip: float) -> NDArray[np.bool_]:
    middle = np.median(values, axis=0)
    distance = np.abs(values - middle)
    sigma = _MAD_TO_SIGMA * np.median(distance, axis=0)
    near: NDArray[np.bool_] = distance <= clip * np.maximum(sigma, 1e-6)
    return near


def _mean_of(values: NDArray[np.floating[Any]], keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    total = np.where(keep, values, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(total / np.maximum(keep.sum(axis=0), 1))
