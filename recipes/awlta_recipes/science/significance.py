"""Significance of an excess over a background that was counted elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awlta.errors import BadValue


def li_ma(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike) -> NDArray[np.float64]:
    """Return the significance by Li and Ma (1983), equation 17, with the sign of the excess.

    Parameters
    ----------
    n_on, n_off : float64, events
        Counts on the source and in the background regions.
    alpha : float64
        Exposure of the source over that of the background regions.

    Returns
    -------
    float64, standard deviations
        Of the shape of the arguments broadcast together; negative for a deficit, 0 without
        any counts.

    Raises
    ------
    BadValue
        A count is negative, or ``alpha`` is not positive.
    """
    n_on, n_off, alpha = np.broadcast_arrays(
        *(np.asarray(a, np.float64) for a in (n_on, n_off, alpha))
    )
    if not (np.all(n_on >= 0) and np.all(n_off >= 0)):
        least = min(float(n_on.min()), float(n_off.min()))
        raise BadValue(f"a count of {least}", expected="counts from 0", do="Check the counts")
    if not np.all(alpha > 0):
        raise BadValue(
            f"an exposure ratio of {float(alpha.min())}",
            expected="alpha above 0",
            do="Leave out places without background exposure",
        )
    total = n_on + n_off
    # A term whose count is 0 is 0, the limit of n ln n.
    share_on, share_off = (
        np.divide(n, total, out=np.ones_like(total), where=n > 0) for n in (n_on, n_off)
    )
    on = np.where(n_on > 0, n_on * np.log((1 + alpha) / alpha * share_on), 0.0)
    off = np.where(n_off > 0, n_off * np.log((1 + alpha) * share_off), 0.0)
    # Rounding may leave the sum a little below 0 where there is no excess.
    size = np.sqrt(2.0 * np.maximum(on + off, 0.0))
    return np.asarray(np.where(n_on >= alpha * n_off, size, -size))


def excess(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike) -> NDArray[np.float64]:
    """Return the counts on the source beyond those expected of the background."""
    on, off, ratio = (np.asarray(a, np.float64) for a in (n_on, n_off, alpha))
    return on - ratio * off
