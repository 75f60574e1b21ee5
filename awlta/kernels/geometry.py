"""Where the pixels of a camera are, how large they are, and which stand at its edge."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from . import checks
from .neighbors import Neighbors, PixelShape, positions, spacing


@dataclass(frozen=True, eq=False)
class CameraGeometry:
    """The pixels of one camera, in one unit of length or angle throughout.

    Lengths come out in the unit that went in: degrees for positions in the field of view, metres
    for positions in the focal plane. The arrays are copied and read-only.

    Attributes
    ----------
    x, y : float64 (n_pixels)
        Centres of the pixels.
    area : float64 (n_pixels), unit squared
    width : float64 (n_pixels)
        Distance of two opposite sides.
    neighbors : Neighbors
    border : uint8 (n_pixels)
        Bit 1: fewer neighbours than the fullest pixel has. Bit 2: beside a pixel of bit 1.

    Raises
    ------
    BadValue
        For arrays that do not belong to one camera, or are not finite and positive.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: NDArray[np.float64]
    width: NDArray[np.float64]
    neighbors: Neighbors
    border: NDArray[np.uint8] = field(init=False)
    pixels: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_pixels = self.neighbors.n_pixels
        columns = [
            checks.array(name, getattr(self, name), np.float64, ("n_pixels",), n_pixels=n_pixels)
            for name in ("x", "y", "area", "width")
        ]
        positions(columns[0], columns[1])
        for name, column in zip(("area", "width"), columns[2:], strict=True):
            if not (np.isfinite(column) & (column > 0)).all():
                raise BadValue(
                    f"{name} runs from {column.min()} to {column.max()}",
                    expected="finite and positive for every pixel",
                    do=f"Give a dead pixel the {name} of the others and mark it unusable",
                )
        # One block, so that the kernels take it as one argument; the columns are views of it.
        pixels = np.stack(columns)
        border = _border(self.neighbors)
        pixels.setflags(write=False)
        border.setflags(write=False)
        names = ("x", "y", "area", "width", "pixels", "border")
        for name, values in zip(names, (*pixels, pixels, border), strict=True):
            object.__setattr__(self, name, values)

    @classmethod
    def from_positions(
        cls,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        shape: PixelShape,
        *,
        area: float | None = None,
    ) -> CameraGeometry:
        """Describe a camera of equal pixels by their positions.

        Parameters
        ----------
        x, y : float64 (n_pixels), any one unit
        shape : "hexagonal" or "square"
        area : float, unit squared, optional
            Of one pixel; by default pixels fill the grid without gaps.

        Raises
        ------
        BadValue
            As `Neighbors.from_positions`; or for a camera of one pixel without an area.
        """
        neighbors = Neighbors.from_positions(x, y, shape)
        fill = math.sqrt(3) / 2 if shape == "hexagonal" else 1.0
        if area is None:
            if neighbors.n_pixels == 1:
                raise BadValue(
                    "a camera of one pixel without an area",
                    expected="an area, since there is no second pixel to measure a distance to",
                    do="Pass area=",
                )
            area = fill * spacing(x, y) ** 2
        area = checks.real("area", area, above=0.0)
        like_x = np.ones(neighbors.n_pixels)
        return cls(x, y, area * like_x, math.sqrt(area / fill) * like_x, neighbors)

    @property
    def n_pixels(self) -> int:
        """Number of pixels of the camera."""
        return self.neighbors.n_pixels

    @property
    def radius(self) -> float:
        """Mean distance of the outermost pixels from the mean of all; 0 if no pixel is outermost.

        Pixels are outermost that have fewer neighbours than the fullest one.
        """
        outermost = (self.border & 1).astype(np.bool_)
        if not outermost.any():
            return 0.0
        distance = np.hypot(self.x - self.x.mean(), self.y - self.y.mean())
        return float(distance[outermost].mean())


def _border(neighbors: Neighbors) -> NDArray[np.uint8]:
    n_neighbors = np.diff(neighbors.indptr)
    outermost = n_neighbors < n_neighbors.max()
    beside = neighbors.count(outermost) > 0
    border: NDArray[np.uint8] = (outermost + 2 * beside).astype(np.uint8)
    return border
