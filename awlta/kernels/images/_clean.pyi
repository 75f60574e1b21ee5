import numpy as np
from numpy.typing import NDArray

def clean(
    images: NDArray[np.float32],
    peak_time: NDArray[np.float32] | None,
    picture: NDArray[np.float32],
    boundary: NDArray[np.float32],
    rules: NDArray[np.void],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    room: NDArray[np.int32],
    float_room: NDArray[np.float32],
    wide_room: NDArray[np.float64],
    labels: NDArray[np.int16],
    masks: NDArray[np.uint8],
) -> None: ...
def dilate(
    masks: NDArray[np.uint8],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    n_rings: int,
    room: NDArray[np.int32],
    wider: NDArray[np.uint8],
) -> None: ...
def time_delta(
    masks: NDArray[np.uint8],
    peak_time: NDArray[np.float32],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    min_neighbors: int,
    time_limit: float,
    room: NDArray[np.int32],
    kept: NDArray[np.uint8],
) -> None: ...
def islands(
    masks: NDArray[np.uint8],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    room: NDArray[np.int32],
    labels: NDArray[np.int16],
    n_islands: NDArray[np.int16],
) -> None: ...
def largest_island(
    labels: NDArray[np.int16], sizes: NDArray[np.int32], masks: NDArray[np.uint8]
) -> None: ...
def brightest_island(
    labels: NDArray[np.int16],
    images: NDArray[np.float32],
    room: NDArray[np.int32],
    light: NDArray[np.float64],
    masks: NDArray[np.uint8],
) -> None: ...
