"""Why a pixel of a camera cannot be used: one bit a reason, for each gain and pixel."""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import NDArray

Status = NDArray[np.uint8]


class PixelFlag(enum.IntFlag):
    """Reasons, bits of a status of type uint8 (n_gains, n_pixels); 0 is in order."""

    NOISE = 1
    """The noise of a sample is far from that of the other pixels: too large or too small."""

    FEW_EVENTS = 2
    """Too few pedestal events are left after clipping: a star, or a pixel that comes and goes."""

    DEAD = 4
    """There is no light in flashes that all pixels see."""

    GAIN = 8
    """The charge of flashes that all pixels see is far from that of the others."""

    TIME = 16
    """The times of flashes spread more than the pulse of a good pixel does."""

    SATURATED = 32
    """Flashes reach the end of the digitiser: what is said of this gain is taken from the other.

    By itself it spoils no pixel that has another gain.
    """

    OFF = 64
    """The file of the run declares the pixel as switched off or broken."""


def is_bad(status: Status) -> NDArray[np.bool_]:
    """Tell which pixels cannot be used: a gain has a reason, or every gain is saturated.

    Parameters
    ----------
    status : uint8 (n_gains, n_pixels), bits of `PixelFlag`

    Returns
    -------
    bool (n_pixels,)
    """
    saturated = np.uint8(PixelFlag.SATURATED)
    spoilt = np.any(status & ~saturated, axis=0)
    return np.asarray(spoilt | np.all(status & saturated, axis=0))


def count(status: Status) -> dict[PixelFlag, int]:
    """Count the pixels that have each reason, in one gain or more.

    Parameters
    ----------
    status : uint8 (n_gains, n_pixels), bits of `PixelFlag`
    """
    return {flag: int(np.any(status & np.uint8(flag), axis=0).sum()) for flag in PixelFlag}


def unknown(is_bad: NDArray[np.bool_], shape: tuple[int, ...]) -> Status:
    """Return a status of this shape (n_gains, n_pixels) with all reasons for pixels known as bad.

    All, because which it was is not known; SATURATED is none.
    """
    every = sum(flag for flag in PixelFlag if flag is not PixelFlag.SATURATED)
    return np.broadcast_to(is_bad * np.uint8(every), shape).copy()


def marked(flag: PixelFlag, where: NDArray[np.bool_]) -> Status:
    """Return a status with a flag where it holds, and 0 elsewhere."""
    return where.astype(np.uint8) * np.uint8(flag)
