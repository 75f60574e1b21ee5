"""Which pixels of an image are the shower."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from .. import checks
from ..neighbors import MAX_PIXELS, Neighbors
from . import _clean
from .cleanings import (
    ISLANDS,
    Cleaning,
    Fact,
    Mars,
    NightSky,
    TailCuts,
    Threshold,
    TimeConstrained,
    needs_times,
    threshold,
)

AXES = ("n_events", "n_pixels")

METHODS = (TailCuts, Mars, Fact, TimeConstrained, NightSky)
"""In the order of their numbers in compiled code."""

NUMBERS = ("time_limit", "core_limit", "bright_threshold", "bright_fraction")
COUNTS = ("method", "keep_isolated", "min_neighbors", "min_in_time", "n_brightest", "island")
RULES = np.dtype(
    [*((name, np.float64) for name in NUMBERS), *((name, np.int64) for name in COUNTS)]
)
"""A cleaning without its thresholds, as compiled code takes it."""

Rules = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.void]]
"""picture and boundary for every pixel, and a row of `RULES`; read-only."""

Room = tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float64], NDArray[np.int16]]
"""Room that compiled code works in; one for each thread."""


def clean(
    images: NDArray[np.float32],
    neighbors: Neighbors,
    cleaning: Cleaning,
    *,
    peak_time: NDArray[np.float32] | None = None,
) -> NDArray[np.bool_]:
    """Select shower pixels.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
        A NaN reaches no threshold.
    neighbors : Neighbors
    cleaning : TailCuts, Mars, Fact, TimeConstrained or NightSky
        The method and its numbers; their documentation says what they do.
    peak_time : float32 (n_events, n_pixels), ns, optional
        For `Fact`, `TimeConstrained`, and `NightSky` with a time limit. A NaN is near no other
        time; in the brightest island of the core of `TimeConstrained`, it makes the mean NaN and
        leaves nothing of the image.

    Returns
    -------
    bool (n_events, n_pixels)

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, or times that are missing.
    """
    n_pixels = neighbors.n_pixels
    images = images_of(images, n_pixels)
    picture, boundary, rules = rules_of(cleaning, n_pixels)
    times = times_for(cleaning, peak_time, images)
    masks = np.empty(images.shape, np.bool_)
    _clean.clean(
        images,
        times,
        picture,
        boundary,
        rules,
        neighbors.indptr,
        neighbors.indices,
        *room_for(n_pixels),
        masks.view(np.uint8),
    )
    return masks


def tailcuts(
    images: NDArray[np.float32],
    neighbors: Neighbors,
    picture: float | NDArray[np.float32],
    boundary: float | NDArray[np.float32],
    *,
    keep_isolated: bool = False,
    min_picture_neighbors: int = 0,
) -> NDArray[np.bool_]:
    """Select shower pixels by two thresholds, both inclusive: `clean` by `TailCuts`.

    A picture pixel is kept if a neighbour reaches the boundary threshold, a boundary pixel if a
    neighbour is a picture pixel.

    Parameters
    ----------
    images : float32 (n_events, n_pixels), p.e.
        A NaN reaches no threshold.
    neighbors : Neighbors
    picture, boundary : float or float32 (n_pixels), p.e.
        Compared in float32, as the images are.
    keep_isolated : bool
        Keep a picture pixel without looking at its neighbours.
    min_picture_neighbors : int
        A picture pixel with fewer neighbours over the picture threshold is none; without effect
        with `keep_isolated`.

    Returns
    -------
    bool (n_events, n_pixels)

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, or a threshold that is NaN.
    """
    cuts = TailCuts(picture, boundary, keep_isolated, min_picture_neighbors)
    return clean(images, neighbors, cuts)


def dilate(
    masks: NDArray[np.bool_], neighbors: Neighbors, *, n_rings: int = 1
) -> NDArray[np.bool_]:
    """Add the neighbours of the selected pixels, and theirs, ring after ring.

    Parameters
    ----------
    masks : bool (n_events, n_pixels)
    neighbors : Neighbors
    n_rings : int

    Returns
    -------
    bool (n_events, n_pixels)

    Raises
    ------
    BadValue
        For masks that do not belong to this camera, or a negative number of rings.
    """
    masks = masks_of(masks, neighbors.n_pixels)
    wider = np.empty(masks.shape, np.bool_)
    _clean.dilate(
        masks.view(np.uint8),
        neighbors.indptr,
        neighbors.indices,
        checks.whole("n_rings", n_rings, 0, MAX_PIXELS),
        np.empty(neighbors.n_pixels, np.int32),
        wider.view(np.uint8),
    )
    return wider


def time_delta(
    masks: NDArray[np.bool_],
    peak_time: NDArray[np.float32],
    neighbors: Neighbors,
    min_neighbors: int,
    time_limit: float,
) -> NDArray[np.bool_]:
    """Keep the selected pixels with enough selected neighbours that arrive with them.

    Parameters
    ----------
    masks : bool (n_events, n_pixels)
    peak_time : float32 (n_events, n_pixels), ns
        A NaN is near no other time.
    neighbors : Neighbors
    min_neighbors : int
    time_limit : float, ns
        Times differ by less, in float32.

    Returns
    -------
    bool (n_events, n_pixels)

    Raises
    ------
    BadValue
        For arrays that do not belong to this camera, a limit that is NaN or a negative count.
    """
    n_pixels = neighbors.n_pixels
    masks = masks_of(masks, n_pixels)
    lengths = {"n_events": len(masks), "n_pixels": n_pixels}
    kept = np.empty(masks.shape, np.bool_)
    _clean.time_delta(
        masks.view(np.uint8),
        checks.array("peak_time", peak_time, np.float32, AXES, **lengths),
        neighbors.indptr,
        neighbors.indices,
        checks.whole("min_neighbors", min_neighbors, 0, MAX_PIXELS),
        checks.real("time_limit", time_limit),
        np.empty(n_pixels, np.int32),
        kept.view(np.uint8),
    )
    return kept


def rules_of(cleaning: Cleaning, n_pixels: int) -> Rules:
    """Return a cleaning for a camera as compiled code takes it.

    Raises
    ------
    BadValue
        For what is no cleaning, or thresholds of another camera.
    """
    if type(cleaning) not in METHODS:
        raise BadValue(
            f"cleaning is {cleaning!r}",
            expected=" or ".join(method.__name__ for method in METHODS),
            do="Say how to clean, for instance TailCuts(picture=8, boundary=4)",
        )
    return _rules(cleaning, n_pixels)


@lru_cache(maxsize=64)
def _rules(cleaning: Cleaning, n_pixels: int) -> Rules:
    """Remember what a value says: events one by one spend more on this than on their pixels."""
    row = np.zeros(1, RULES)
    row["method"] = METHODS.index(type(cleaning))
    for name, value in _numbers(cleaning).items():
        row[name] = value
    picture = thresholds("picture", cleaning.picture, n_pixels)
    if isinstance(cleaning, NightSky) and cleaning.pedestal_std is not None:
        picture = _above_noise(cleaning, picture)
    rules = picture, thresholds("boundary", cleaning.boundary, n_pixels), row
    for numbers in rules:
        numbers.setflags(write=False)
    return rules


def _numbers(cleaning: Cleaning) -> dict[str, float]:
    """Return what stands in a row of `RULES`; what is left out is 0, which asks for nothing."""
    if isinstance(cleaning, Fact):
        return {"min_neighbors": cleaning.min_neighbors, "time_limit": cleaning.time_limit}
    numbers: dict[str, float] = {"min_neighbors": cleaning.min_picture_neighbors}
    if isinstance(cleaning, TimeConstrained):
        numbers["core_limit"] = cleaning.core_time_limit
        numbers["time_limit"] = cleaning.boundary_time_limit
        return numbers
    numbers["keep_isolated"] = bool(cleaning.keep_isolated)
    if isinstance(cleaning, NightSky):
        numbers["island"] = ISLANDS.index(cleaning.island)
        if cleaning.time_limit is not None:
            numbers["time_limit"] = cleaning.time_limit
            numbers["min_in_time"] = cleaning.min_neighbors_in_time
        if cleaning.bright_threshold is not None:
            numbers["bright_threshold"] = cleaning.bright_threshold
            numbers["bright_fraction"] = cleaning.bright_fraction
            numbers["n_brightest"] = cleaning.n_brightest
    return numbers


def _above_noise(cleaning: NightSky, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Raise the picture thresholds where there is more noise; NaN noise is never exceeded."""
    noise = checks.array(
        "pedestal_std", cleaning.pedestal_std, np.float32, ("n_pixels",), n_pixels=len(picture)
    )
    with np.errstate(all="ignore"):  # no noise at all, times infinity, is not a number either
        factor = np.asarray(cleaning.pedestal_factor).astype(np.float32)
        raised: NDArray[np.float32] = np.maximum(noise * factor, picture)
    return np.where(np.isnan(raised), np.float32(np.inf), raised)


def times_for(
    cleaning: Cleaning, peak_time: NDArray[np.float32] | None, images: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return the times of these images, checked; raise BadValue where they are missing."""
    if peak_time is not None:
        lengths = {"n_events": len(images), "n_pixels": images.shape[1]}
        return checks.array("peak_time", peak_time, np.float32, AXES, **lengths)
    if needs_times(cleaning):
        raise BadValue(
            f"{type(cleaning).__name__} looks at times, and there is no peak_time",
            expected=f"peak_time, float32 {images.shape}, ns",
            do="Pass the peak_time that belongs to the images, or clean by TailCuts",
        )
    return None


def room_for(n_pixels: int) -> Room:
    """Return room for compiled code to clean images of a camera in."""
    row = n_pixels + 1
    return (
        np.empty((3, row), np.int32),
        np.empty((2, row), np.float32),
        np.empty(row),
        np.zeros(n_pixels, np.int16),
    )


def images_of(images: NDArray[np.float32], n_pixels: int) -> NDArray[np.float32]:
    """Return images (n_events, n_pixels) of this camera, checked."""
    return checks.array("images", images, np.float32, AXES, n_pixels=n_pixels)


def masks_of(masks: NDArray[np.bool_], n_pixels: int) -> NDArray[np.bool_]:
    """Return masks (n_events, n_pixels) of this camera, checked."""
    return checks.array("masks", masks, np.bool_, AXES, n_pixels=n_pixels)


def thresholds(name: str, value: Threshold, n_pixels: int) -> NDArray[np.float32]:
    """Return a threshold for every pixel; raise BadValue where one is NaN."""
    row = threshold(name, value)
    if isinstance(row, float):
        with np.errstate(over="ignore"):  # beyond all of float32, no pixel reaches it
            return np.full(n_pixels, row, np.float32)
    return checks.array(name, row, np.float32, ("n_pixels",), n_pixels=n_pixels)
