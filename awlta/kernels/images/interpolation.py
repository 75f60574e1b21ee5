"""Bad pixels of an image, filled from their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..neighbors import Neighbors
from . import _interpolate
from .cleaning import AXES


def interpolate(
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
    is_bad: NDArray[np.bool_],
    neighbors: Neighbors,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give bad pixels the mean charge and the mean time of their good neighbours.

    A bad pixel without a good neighbour gets charge 0 and time 0. Good pixels stay as they are.

    Parameters
    ----------
    charge : float32 (n_events, n_pixels), p.e.
    peak_time : float32 (n_events, n_pixels), ns
    is_bad : bool (n_pixels) or (n_events, n_pixels)
        The bad pixels of all events or of each.
    neighbors : Neighbors

    Returns
    -------
    charge, peak_time : float32 (n_events, n_pixels)
        Copies.

    Raises
    ------
    BadValue
        For arrays of another type, or that do not belong to this camera.

    Notes
    -----
    The default of the CTAO pipelines for invalid pixels.
    """
    n_pixels = neighbors.n_pixels
    charge = checks.array("charge", charge, np.float32, AXES, n_pixels=n_pixels).copy()
    lengths = {"n_events": len(charge), "n_pixels": n_pixels}
    peak_time = checks.array("peak_time", peak_time, np.float32, AXES, **lengths).copy()
    mask = checks.pixels("is_bad", is_bad, *charge.shape)
    _interpolate.interpolate(
        np.broadcast_to(mask.view(np.uint8), charge.shape),
        neighbors.indptr,
        neighbors.indices,
        np.empty(n_pixels, np.int32),
        charge,
        peak_time,
    )
    return charge, peak_time
