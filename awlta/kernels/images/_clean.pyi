import numpy as np
from numpy.typing import NDArray

def tailcuts(
    images: NDArray[np.float32],
    picture: NDArray[np.float32],
    boundary: NDArray[np.float32],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    keep_isolated: bool,
    min_picture_neighbors: int,
    room: NDArray[np.int32],
    masks: NDArray[np.uint8],
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
