import numpy as np
from numpy.typing import NDArray

def by_tail_cuts(
    images: NDArray[np.float32],
    picture: NDArray[np.float32],
    boundary: NDArray[np.float32],
    rules: NDArray[np.void],
    follow: bool,
    n_rings: int,
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    room: NDArray[np.int32],
    float_room: NDArray[np.float32],
    wide_room: NDArray[np.float64],
    labels: NDArray[np.int16],
    masks: NDArray[np.uint8],
) -> None: ...
def by_rings(
    images: NDArray[np.float32],
    threshold: NDArray[np.float32],
    n_rings: int,
    most_pixels: int,
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    room: NDArray[np.int32],
    masks: NDArray[np.uint8],
) -> None: ...
def remove_pixels(
    waveforms: NDArray[np.uint8], masks: NDArray[np.uint8], kept: NDArray[np.uint8]
) -> None: ...
