"""Masks and islands again in plain NumPy, one event after the other.

An image of one event is called `charge`, its mask `kept`, its times `time`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..images.cleanings import Cleaning, Fact, Mars, NightSky, TailCuts, TimeConstrained
from ..neighbors import Neighbors

Row = NDArray[np.float32]
Mask = NDArray[np.bool_]


def clean(
    images: Row, neighbors: Neighbors, cleaning: Cleaning, *, peak_time: Row | None = None
) -> Mask:
    """Clean one image after the other by the method that is asked for."""
    masks = np.zeros(images.shape, np.bool_)
    for event, charge in enumerate(images):
        time = np.zeros_like(charge) if peak_time is None else peak_time[event]
        match cleaning:
            case TailCuts():
                masks[event] = _tail_cuts(charge, neighbors, cleaning)
            case Mars():
                masks[event] = _mars(charge, neighbors, cleaning)
            case Fact():
                masks[event] = _fact(charge, neighbors, cleaning, time)
            case TimeConstrained():
                masks[event] = _time_constrained(charge, neighbors, cleaning, time)
            case NightSky():
                masks[event] = _night_sky(charge, neighbors, cleaning, time)
    return masks


def tailcuts(
    images: Row,
    neighbors: Neighbors,
    picture: float | Row,
    boundary: float | Row,
    *,
    keep_isolated: bool = False,
    min_picture_neighbors: int = 0,
) -> Mask:
    """Clean by `TailCuts`."""
    cuts = TailCuts(picture, boundary, keep_isolated, min_picture_neighbors)
    return clean(images, neighbors, cuts)


def _tail_cuts(charge: Row, neighbors: Neighbors, cuts: TailCuts | Mars | NightSky) -> Mask:
    """Keep picture pixels with a boundary neighbour and boundary pixels with a picture neighbour.

    Picture and boundary of the Whipple Observatory: M. Punch et al., Proc. 22nd ICRC 1 (1991) 464;
    the options are those of the CTAO pipelines.
    """
    picture = charge >= np.float32(cuts.picture)
    boundary = charge >= np.float32(cuts.boundary)
    if not cuts.keep_isolated:
        picture &= neighbors.count(picture) >= cuts.min_picture_neighbors
    return _with_boundary(picture, boundary, neighbors, cuts.keep_isolated)


def _with_boundary(seed: Mask, boundary: Mask, neighbors: Neighbors, keep_isolated: bool) -> Mask:
    """Keep the seed where a neighbour is boundary, and the boundary where a neighbour is seed."""
    ring = boundary & (neighbors.count(seed) > 0)
    return ring | (seed if keep_isolated else seed & (neighbors.count(boundary) > 0))


def _mars(charge: Row, neighbors: Neighbors, cuts: Mars) -> Mask:
    """Go one ring of boundary pixels beyond tail cuts: the first pass of MARS, of MAGIC."""
    first = _tail_cuts(charge, neighbors, cuts)
    return _with_boundary(first, charge >= np.float32(cuts.boundary), neighbors, cuts.keep_isolated)


def _fact(charge: Row, neighbors: Neighbors, cuts: Fact, time: Row) -> Mask:
    """Ask for neighbours, in charge and time: F. Temme, PhD thesis, TU Dortmund (2017)."""
    n = cuts.min_neighbors
    core = charge >= np.float32(cuts.picture)
    core &= neighbors.count(core) >= n
    kept = (core | (neighbors.count(core) > 0)) & (charge >= np.float32(cuts.boundary))
    if n == 0:
        return kept
    kept = _in_time(kept, kept, time, neighbors, n, cuts.time_limit)
    kept &= neighbors.count(kept) >= n
    return _in_time(kept, kept, time, neighbors, n, cuts.time_limit)


def _in_time(
    kept: Mask, others: Mask, time: Row, neighbors: Neighbors, n: int, limit: float
) -> Mask:
    """Keep pixels with n neighbours of others whose time differs by less than a limit."""
    chosen = np.zeros_like(kept)
    for pixel in np.flatnonzero(kept):
        near = neighbors.indices[neighbors.indptr[pixel] : neighbors.indptr[pixel + 1]]
        together = np.abs(time[pixel] - time[near]) < np.float32(limit)
        chosen[pixel] = np.count_nonzero(together & others[near]) >= n
    return chosen


def _time_constrained(charge: Row, neighbors: Neighbors, cuts: TimeConstrained, time: Row) -> Mask:
    """Keep a core that arrives together and what touches it in time.

    MAGIC: J. Aleksic et al., Astropart. Phys. 35 (2012) 435. The mean time is of the brightest
    island, weighted by charge squared, and summed pairwise in float32, as NumPy does.
    """
    n = cuts.min_picture_neighbors
    core = charge >= np.float32(cuts.picture)
    core &= neighbors.count(core) >= n
    if core.any():
        labels, _ = islands(core[None], neighbors)
        main = brightest_island(labels, charge[None])[0]
        weight = charge[main] ** 2
        mean = np.sum(time[main] * weight) / np.sum(weight)
        limit = np.where(charge < 2 * np.float32(cuts.picture), 1.0, 2.0) * cuts.core_time_limit
        core &= np.abs(time - mean) < limit
    ring = (charge >= np.float32(cuts.boundary)) & (neighbors.count(core) > 0) & ~core
    return core | _in_time(ring, core, time, neighbors, n, cuts.boundary_time_limit)


def _night_sky(charge: Row, neighbors: Neighbors, cuts: NightSky, time: Row) -> Mask:
    """Clean as LST-1 does: CTA-LST Project, H. Abe et al., ApJ 956 (2023) 80."""
    if cuts.pedestal_std is None:
        kept = _tail_cuts(charge, neighbors, cuts)
    else:
        noise = cuts.pedestal_std * np.float32(cuts.pedestal_factor)
        picture = np.maximum(noise, np.float32(cuts.picture))
        picture = np.where(np.isnan(picture), np.float32(np.inf), picture)
        raised = TailCuts(picture, cuts.boundary, cuts.keep_isolated, cuts.min_picture_neighbors)
        kept = _tail_cuts(charge, neighbors, raised)
    if cuts.time_limit is not None:
        n = cuts.min_neighbors_in_time
        kept = _in_time(kept, kept, time, neighbors, n, cuts.time_limit)
    if cuts.bright_threshold is not None:
        brightest = np.sort(charge[~np.isnan(charge)])[::-1][: cuts.n_brightest]
        mean = np.mean(brightest, dtype=np.float64) if len(brightest) else -np.inf
        if mean >= cuts.bright_threshold:
            kept &= charge.astype(np.float64) >= cuts.bright_fraction * mean
    labels, _ = islands(kept[None], neighbors)
    if cuts.island == "largest":
        kept = largest_island(labels)[0]
    elif cuts.island == "brightest":
        kept = brightest_island(labels, charge[None])[0]
    return kept


def dilate(masks: Mask, neighbors: Neighbors, *, n_rings: int = 1) -> Mask:
    """Add the neighbours of the selected pixels, ring after ring."""
    wider = masks.copy()
    for mask in wider:
        for _ in range(n_rings):
            mask |= neighbors.count(mask) > 0
    return wider


def time_delta(
    masks: Mask, peak_time: Row, neighbors: Neighbors, min_neighbors: int, time_limit: float
) -> Mask:
    """Keep the selected pixels with enough selected neighbours that arrive with them."""
    kept = np.zeros_like(masks)
    for event, (mask, time) in enumerate(zip(masks, peak_time, strict=True)):
        kept[event] = _in_time(mask, mask, time, neighbors, min_neighbors, time_limit)
    return kept


def islands(
    masks: NDArray[np.bool_], neighbors: Neighbors
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Let the lowest pixel number spread through each island, then count the numbers left."""
    owner = np.repeat(np.arange(neighbors.n_pixels), np.diff(neighbors.indptr))
    labels = np.zeros(masks.shape, np.int16)
    for mask, row in zip(masks, labels, strict=True):
        touching = mask[owner] & mask[neighbors.indices]
        lowest = np.arange(neighbors.n_pixels)
        before = np.full_like(lowest, -1)
        while (before != lowest).any():
            before = lowest.copy()
            np.minimum.at(lowest, owner[touching], before[neighbors.indices[touching]])
        row[mask] = np.unique(lowest[mask], return_inverse=True)[1] + 1
    return labels, labels.max(axis=1, initial=0)


def largest_island(labels: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Find the label that occurs most; the lowest of several."""
    masks = np.zeros(labels.shape, np.bool_)
    for row, mask in zip(labels, masks, strict=True):
        if row.any():
            mask[:] = row == np.bincount(row[row > 0]).argmax()
    return masks


def brightest_island(labels: NDArray[np.int16], images: Row) -> Mask:
    """Find the label of most charge; the lowest of several. NaN is the most, as for NumPy."""
    masks = np.zeros(labels.shape, np.bool_)
    for row, charge, mask in zip(labels, images, masks, strict=True):
        if row.any():
            light = np.zeros(row.max())
            np.add.at(light, row[row > 0] - 1, charge[row > 0])
            mask[:] = row == light.argmax() + 1
    return masks
