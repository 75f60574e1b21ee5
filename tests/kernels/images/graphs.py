"""Cameras, charges and times as no telescope has them."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awlta.kernels import Neighbors

CHARGES = [-np.inf, -2.0, 0.0, 1.0, 2.0, 3.5, 4.0, 5.0, 8.0, 8.5, 10.0, 30.0, 300.0, np.nan]
"""p.e.; thresholds are drawn from the same numbers, so that many are met exactly."""

TIMES = [0.0, 1.0, 1.5, 2.0, 3.0, 3.0000002, 5.0, 9.5, 20.0, np.inf, np.nan]


def neighbors_of(n_pixels, pairs):
    """Return the neighbours of pixels that touch in pairs, given in any order."""
    touching = np.zeros((n_pixels, n_pixels), np.bool_)
    for first, second in pairs:
        touching[first % n_pixels, second % n_pixels] = True
    touching |= touching.T
    np.fill_diagonal(touching, False)
    indptr = np.append(0, np.cumsum(touching.sum(axis=1))).astype(np.int32)
    return Neighbors(indptr, np.nonzero(touching)[1].astype(np.int32))


@st.composite
def cameras(draw):
    """Return the neighbours of 1 to 60 pixels: none, a chain, or any."""
    n_pixels = draw(st.integers(1, 60))
    chain = [(pixel, pixel + 1) for pixel in range(n_pixels - 1)]
    pixel = st.integers(0, n_pixels - 1)
    more = draw(st.lists(st.tuples(pixel, pixel), max_size=120))
    return neighbors_of(n_pixels, draw(st.sampled_from([[], chain, more, chain + more])))


@st.composite
def events(draw, charges=CHARGES):
    """Return neighbours, and charges and times of up to three events."""
    neighbors = draw(cameras())
    shape = (draw(st.integers(0, 3)), neighbors.n_pixels)
    images = draw(hnp.arrays(np.float32, shape, elements=st.sampled_from(charges)))
    return neighbors, images, draw(hnp.arrays(np.float32, shape, elements=st.sampled_from(TIMES)))


def thresholds(neighbors):
    """Draw a threshold for all pixels or for each."""
    limits = [charge for charge in CHARGES if not np.isnan(charge)]
    of_pixels = hnp.arrays(np.float32, neighbors.n_pixels, elements=st.sampled_from(limits))
    return st.sampled_from([limit for limit in limits if limit > -np.inf]) | of_pixels
