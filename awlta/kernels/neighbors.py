"""Which pixels of a camera touch, as lists of neighbours in compressed rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from . import checks

PixelShape = Literal["hexagonal", "square"]

MAX_PIXELS = 32767
"""Most pixels of a camera: the labels of its islands are int16."""

REACH = {"hexagonal": 1.4, "square": 1.35}
"""Neighbours are nearer than this many spacings. The second ring is at 1.73 and at 1.41; across
the gaps between modules neighbours are up to 1.30 apart (CHEC)."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Neighbours of each pixel; those of pixel p are ``indices[indptr[p]:indptr[p + 1]]``.

    The arrays are copied and read-only, because compiled code trusts them.

    Attributes
    ----------
    indptr : int32 (n_pixels + 1)
    indices : int32 (n_pairs), pixel numbers; each pair of neighbours stands there both ways

    Raises
    ------
    BadValue
        For lists that are not of this form or name a pixel that does not exist.
    """

    indptr: NDArray[np.int32]
    indices: NDArray[np.int32]

    def __post_init__(self) -> None:
        indptr = checks.array("indptr", self.indptr, np.int32, ("n_pixels + 1",)).copy()
        n_pixels = checks.whole("number of pixels", len(indptr) - 1, 1, MAX_PIXELS)
        indices = _indices(self.indices)
        if indptr[0] != 0 or indptr[-1] != len(indices) or (indptr[1:] < indptr[:-1]).any():
            raise BadValue(
                f"indptr runs from {indptr[0]} to {indptr[-1]} beside {len(indices)} indices",
                expected=f"never falling, from 0 to {len(indices)}",
                do="Build the lists with Neighbors.from_positions, or mend indptr",
            )
        checks.values_within("indices", indices, 0, n_pixels - 1)
        for name, lists in (("indptr", indptr), ("indices", indices)):
            lists.setflags(write=False)
            object.__setattr__(self, name, lists)

    @classmethod
    def from_positions(
        cls, x: NDArray[np.float64], y: NDArray[np.float64], shape: PixelShape
    ) -> Neighbors:
        """Find the neighbours of pixels on a regular grid, turned and with gaps as it may be.

        Parameters
        ----------
        x, y : float64 (n_pixels), any one unit
        shape : "hexagonal" or "square"
            A hexagonal pixel has up to six neighbours, a square one four: corners do not count.

        Raises
        ------
        BadValue
            For positions that are not finite, pixels on top of each other, an unknown shape.
        """
        x, y = positions(x, y)
        if shape not in get_args(PixelShape):
            raise BadValue(
                f"pixel shape {shape!r}",
                expected=" or ".join(get_args(PixelShape)),
                do="Give circular pixels as what their grid is",
            )
        near = _pairs(x, y)
        pairs = near.closer_than(REACH[shape] * near.spacing)
        owner = np.concatenate([pairs.first, pairs.second])
        indices = np.concatenate([pairs.second, pairs.first])
        order = np.lexsort((indices, owner))
        counts = np.bincount(owner, minlength=len(x))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return cls(indptr, indices[order].astype(np.int32))

    @property
    def n_pixels(self) -> int:
        """Number of pixels of the camera."""
        return len(self.indptr) - 1

    def count(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the neighbours of each pixel that are in a mask.

        Parameters
        ----------
        mask : bool (n_pixels)

        Returns
        -------
        int64 (n_pixels)
        """
        owner = np.repeat(np.arange(self.n_pixels), np.diff(self.indptr))
        return np.bincount(owner[mask[self.indices]], minlength=self.n_pixels)


def positions(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Check the positions of pixels.

    Raises
    ------
    BadValue
        For another shape or type than float64 (n_pixels), a position that is not finite, or two
        pixels at one place.
    """
    x = checks.array("x", x, np.float64, ("n_pixels",))
    y = checks.array("y", y, np.float64, ("n_pixels",), n_pixels=len(x))
    lost = np.flatnonzero(~(np.isfinite(x) & np.isfinite(y)))
    if len(lost):
        raise BadValue(
            f"pixel {lost[0]} is at ({x[lost[0]]}, {y[lost[0]]})",
            expected="finite positions",
            do="Leave the pixel in the camera at its real place and mark it unusable",
        )
    order = np.lexsort((y, x))
    same = np.flatnonzero((np.diff(x[order]) == 0) & (np.diff(y[order]) == 0))
    if len(same):
        raise BadValue(
            f"pixels {order[same[0]]} and {order[same[0] + 1]} are at one place",
            expected="each pixel at a place of its own",
            do="Look for a position that was never filled in",
        )
    return x, y


def spacing(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the usual distance of a pixel to its nearest one, NaN for a single pixel.

    Parameters
    ----------
    x, y : float64 (n_pixels), any one unit
    """
    return _pairs(x, y).spacing


def _indices(value: NDArray[np.int32]) -> NDArray[np.int32]:
    """Check the indices; there are none in a camera of one pixel."""
    if np.shape(value) == (0,):
        return np.zeros(0, np.int32)
    return checks.array("indices", value, np.int32, ("n_pairs",)).copy()


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of pixels not farther apart than some reach, each pair once."""

    n_pixels: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.float64]

    def closer_than(self, reach: float) -> _Pairs:
        """Return the pairs that are closer."""
        keep = self.distance < reach
        return _Pairs(self.n_pixels, self.first[keep], self.second[keep], self.distance[keep])

    @property
    def spacing(self) -> float:
        """Median over the pixels of the distance to the nearest, NaN if there are no pairs.

        The median and not the least: one misplaced pixel must not shrink the grid.
        """
        nearest = np.full(self.n_pixels, np.inf)
        np.minimum.at(nearest, self.first, self.distance)
        np.minimum.at(nearest, self.second, self.distance)
        nearest = nearest[np.isfinite(nearest)]
        return float(np.median(nearest)) if len(nearest) else float("nan")


def _pairs(x: NDArray[np.float64], y: NDArray[np.float64]) -> _Pairs:
    """Find all pairs up to at least one and a half spacings, without comparing all with all."""
    if len(x) == 1:
        none = np.zeros(0, np.int64)
        return _Pairs(1, none, none, np.zeros(0))
    # Twice the side of a pixel if the bulk of the camera were a filled square; a far outlier
    # must not count, or all the others would fall into one cell.
    extent = max(np.ptp(x), np.ptp(y))
    bulk = max(np.ptp(np.percentile(axis, (10, 90))) / 0.8 for axis in (x, y))
    reach = 2.0 * float(bulk or extent) / len(x) ** 0.5
    pairs = _pairs_within(x, y, reach)
    while (not len(pairs.distance) or pairs.spacing * 1.5 > reach) and reach < 2.0 * extent:
        reach *= 2.0
        pairs = _pairs_within(x, y, reach)
    return pairs


def _pairs_within(x: NDArray[np.float64], y: NDArray[np.float64], reach: float) -> _Pairs:
    """Sort the pixels into cells of side `reach` and compare those of touching cells."""
    column = _cell(x, reach)
    row = _cell(y, reach)
    n_rows = int(row.max()) + 2  # one empty row, so that the cells of two columns never touch
    key = column * n_rows + row
    order = np.argsort(key, kind="stable")
    key = key[order]
    firsts, seconds = [], []
    for step in (0, 1, n_rows - 1, n_rows, n_rows + 1):
        low = np.searchsorted(key, key + step, side="left")
        if step == 0:
            low = np.arange(1, len(key) + 1)
        counts = np.maximum(np.searchsorted(key, key + step, side="right") - low, 0)
        first = np.repeat(np.arange(len(key)), counts)
        within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        firsts.append(order[first])
        seconds.append(order[low[first] + within])
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    distance = np.hypot(x[first] - x[second], y[first] - y[second])
    return _Pairs(len(x), first, second, distance).closer_than(reach)


def _cell(position: NDArray[np.float64], reach: float) -> NDArray[np.int64]:
    """Number the cells along one axis; what is absurdly far off shares the last one."""
    cells: NDArray[np.float64] = np.minimum((position - position.min()) / reach, 2.0**30)
    return cells.astype(np.int64)
