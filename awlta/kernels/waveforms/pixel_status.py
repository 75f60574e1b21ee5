"""State of the pixels, as the camera sends it with each event."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks


class PixelStatus(enum.IntFlag):
    """Bits of the state of a pixel in an event, as the R1 and DL0 data models of CTAO have them."""

    DVR_0 = 1
    DVR_1 = 2
    HIGH_GAIN_STORED = 4
    LOW_GAIN_STORED = 8
    SATURATED = 16
    TRIGGER_0 = 32
    TRIGGER_1 = 64
    TRIGGER_2 = 128

    DVR = DVR_0 | DVR_1
    """What data volume reduction did: 0 removed, 1 kept as all, 2 kept beside light, 3 light."""

    STORED = HIGH_GAIN_STORED | LOW_GAIN_STORED
    """The gains that are there; without any the pixel is broken or off."""


def is_usable(pixel_status: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which pixels have a waveform of some gain; the others are broken or off.

    Parameters
    ----------
    pixel_status : uint8 (n_pixels) or (n_events, n_pixels), bits of `PixelStatus`

    Returns
    -------
    bool, shape of `pixel_status`

    Raises
    ------
    BadValue
        For another type or shape.
    """
    return np.asarray((_status(pixel_status) & np.uint8(PixelStatus.STORED)) != 0)


def n_gains_stored(pixel_status: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Count the gains of which there is a waveform: 0, 1 or 2.

    Parameters
    ----------
    pixel_status : uint8 (n_pixels) or (n_events, n_pixels), bits of `PixelStatus`

    Returns
    -------
    uint8, shape of `pixel_status`

    Raises
    ------
    BadValue
        For another type or shape.
    """
    return np.asarray(np.bitwise_count(_status(pixel_status) & np.uint8(PixelStatus.STORED)))


def _status(pixel_status: Any) -> NDArray[np.uint8]:
    axes = ("n_pixels",) if np.ndim(pixel_status) == 1 else ("n_events", "n_pixels")
    return checks.array("pixel_status", pixel_status, np.uint8, axes)
