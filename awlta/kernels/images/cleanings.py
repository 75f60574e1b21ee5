"""How images may be cleaned: one value for each method, which `clean` takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from ..neighbors import MAX_PIXELS

Threshold = float | NDArray[np.float32]
"""p.e.; one for all pixels, or float32 (n_pixels). An array is copied and read-only."""

Island = Literal["all", "largest", "brightest"]
ISLANDS = get_args(Island)


@dataclass(frozen=True, eq=False)
class TailCuts:
    """Picture pixels beside boundary pixels, and boundary pixels beside picture pixels.

    Attributes
    ----------
    picture, boundary : float or float32 (n_pixels), p.e.
        Inclusive, compared in float32, as the images are.
    keep_isolated : bool
        Keep a picture pixel without looking at its neighbours.
    min_picture_neighbors : int
        A picture pixel with fewer neighbours over the picture threshold is none; without effect
        with `keep_isolated`.

    Raises
    ------
    BadValue
        For a threshold that is NaN or no float32, or a negative count.

    References
    ----------
    M. Punch et al., Proc. 22nd ICRC (Dublin) 1 (1991) 464.
    """

    picture: Threshold = 10.0
    boundary: Threshold = 5.0
    keep_isolated: bool = False
    min_picture_neighbors: int = 2

    def __post_init__(self) -> None:
        check_fields(self, thresholds=("picture", "boundary"), counts=("min_picture_neighbors",))


@dataclass(frozen=True, eq=False)
class Mars:
    """Tail cuts, and a second ring: boundary pixels beside what tail cuts keep.

    Attributes and errors as of `TailCuts`.

    References
    ----------
    First pass of the image cleaning in MARS, the analysis of the MAGIC collaboration.
    """

    picture: Threshold = 10.0
    boundary: Threshold = 5.0
    keep_isolated: bool = False
    min_picture_neighbors: int = 2

    def __post_init__(self) -> None:
        check_fields(self, thresholds=("picture", "boundary"), counts=("min_picture_neighbors",))


@dataclass(frozen=True, eq=False)
class Fact:
    """Pixels that have neighbours which arrive together with them.

    A core of picture pixels with `min_neighbors` picture neighbours, and the boundary pixels
    beside it. Of these, pixels go that have fewer than `min_neighbors` neighbours in time, then
    fewer at all, then again fewer in time.

    Attributes
    ----------
    picture, boundary : float or float32 (n_pixels), p.e.
        Inclusive. Core pixels must reach the boundary as well.
    min_neighbors : int
        With 0, nothing is asked after the boundary has been added.
    time_limit : float, ns
        Pixels are together if their times differ by less.

    Raises
    ------
    BadValue
        For a threshold or limit that is NaN, or a negative count.

    References
    ----------
    F. Temme, PhD thesis, TU Dortmund (2017).
    """

    picture: Threshold = 4.0
    boundary: Threshold = 2.0
    min_neighbors: int = 2
    time_limit: float = 5.0

    def __post_init__(self) -> None:
        check_fields(
            self,
            thresholds=("picture", "boundary"),
            counts=("min_neighbors",),
            numbers=("time_limit",),
        )


@dataclass(frozen=True, eq=False)
class TimeConstrained:
    """A core that arrives together, and boundary pixels that arrive with their core neighbours.

    Picture pixels with `min_picture_neighbors` are the core. Those stay that are near the mean
    time of its brightest island, weighted by charge squared. A boundary pixel stays if as many
    core neighbours as that are near in time.

    Attributes
    ----------
    picture, boundary : float or float32 (n_pixels), p.e.
        Inclusive.
    core_time_limit : float, ns
        A core pixel differs from the mean by less; by less than twice as much from two picture
        thresholds on.
    boundary_time_limit : float, ns
        A boundary pixel differs from its core neighbours by less.
    min_picture_neighbors : int

    Raises
    ------
    BadValue
        For a threshold or limit that is NaN, or a negative count.

    References
    ----------
    MAGIC: J. Aleksic et al., Astropart. Phys. 35 (2012) 435.
    """

    picture: Threshold = 7.0
    boundary: Threshold = 5.0
    core_time_limit: float = 4.5
    boundary_time_limit: float = 1.5
    min_picture_neighbors: int = 1

    def __post_init__(self) -> None:
        check_fields(
            self,
            thresholds=("picture", "boundary"),
            counts=("min_picture_neighbors",),
            numbers=("core_time_limit", "boundary_time_limit"),
        )


@dataclass(frozen=True, eq=False)
class NightSky:
    """Tail cuts that follow the light of the night sky, and what LST-1 does after them.

    The picture threshold of a pixel is `pedestal_factor` times its noise, but at least `picture`.
    What tail cuts keep has to pass, in this order, what is asked for of: neighbours in time; a
    fraction of the charge of the brightest pixels, where these are bright; one island.

    Attributes
    ----------
    picture, boundary : float or float32 (n_pixels), p.e.
    keep_isolated : bool
    min_picture_neighbors : int
        As in `TailCuts`.
    pedestal_std : float32 (n_pixels), p.e., or None
        Standard deviation of charges without Cherenkov light. A pixel where it is NaN is never
        a picture pixel. None: the thresholds are as they are.
    pedestal_factor : float
    time_limit : float, ns, or None
        A pixel stays that has `min_neighbors_in_time` neighbours which differ by less. None: times
        are not asked for.
    min_neighbors_in_time : int
    bright_threshold : float, p.e., or None
        If the `n_brightest` pixels of the camera reach it on average, pixels go that are below
        `bright_fraction` of this average. NaN is not among the brightest. None: no such cut.
    bright_fraction : float
    n_brightest : int
    island : "all", "largest" or "brightest"
        Which islands stay: that of most pixels, or that of most charge.

    Raises
    ------
    BadValue
        For a number that is NaN, a negative count, or an island of another name.

    References
    ----------
    CTA-LST Project: H. Abe et al., ApJ 956 (2023) 80.
    """

    picture: Threshold = 8.0
    boundary: Threshold = 4.0
    keep_isolated: bool = False
    min_picture_neighbors: int = 2
    pedestal_std: NDArray[np.float32] | None = None
    pedestal_factor: float = 2.5
    time_limit: float | None = 2.0
    min_neighbors_in_time: int = 1
    bright_threshold: float | None = 267.0
    bright_fraction: float = 0.03
    n_brightest: int = 3
    island: Island = "all"

    def __post_init__(self) -> None:
        optional = (name for name in ("time_limit", "bright_threshold") if _has(self, name))
        check_fields(
            self,
            thresholds=("picture", "boundary"),
            counts=("min_picture_neighbors", "min_neighbors_in_time"),
            numbers=("pedestal_factor", "bright_fraction", *optional),
        )
        checks.whole("n_brightest", self.n_brightest, 1, MAX_PIXELS)
        if self.pedestal_std is not None:
            noise = checks.array("pedestal_std", self.pedestal_std, np.float32, ("n_pixels",))
            _lock(self, "pedestal_std", noise)
        if self.island not in ISLANDS:
            raise BadValue(
                f"island is {self.island!r}",
                expected=" or ".join(map(repr, ISLANDS)),
                do="Choose which islands of an image are kept",
            )


Cleaning = TailCuts | Mars | Fact | TimeConstrained | NightSky
"""How to clean an image. Charges and thresholds are in p.e., times in ns."""


def needs_times(cleaning: Cleaning) -> bool:
    """Tell whether a cleaning looks at the times of the pixels."""
    if isinstance(cleaning, NightSky):
        return cleaning.time_limit is not None
    return isinstance(cleaning, Fact | TimeConstrained)


def threshold(name: str, value: Threshold) -> Threshold:
    """Return a threshold, checked; raise BadValue where it is NaN."""
    if np.ndim(value) == 0:
        return checks.real(name, value)
    row: NDArray[np.float32] = checks.array(name, value, np.float32, ("n_pixels",))
    if np.isnan(row).any():
        raise BadValue(
            f"{name} is NaN for {np.isnan(row).sum()} pixels",
            expected="a threshold for every pixel",
            do="Use infinity for a pixel that must never be selected",
        )
    return row


def check_fields(
    value: Any,
    thresholds: tuple[str, ...] = (),
    counts: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
) -> None:
    """Check the fields of a value by what they are; copy arrays, which nobody changes then."""
    for name in thresholds:
        checked = threshold(name, getattr(value, name))
        if isinstance(checked, np.ndarray):
            _lock(value, name, checked)
    for name in counts:
        checks.whole(name, getattr(value, name), 0, MAX_PIXELS)
    for name in numbers:
        checks.real(name, getattr(value, name))


def _has(value: Any, name: str) -> bool:
    return getattr(value, name) is not None


def _lock(value: Any, name: str, row: NDArray[np.float32]) -> None:
    row = row.copy()
    row.setflags(write=False)
    object.__setattr__(value, name, row)
