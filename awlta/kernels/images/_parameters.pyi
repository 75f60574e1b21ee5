import numpy as np
from numpy.typing import NDArray

WIDE_ROOM: int

def describe(
    images: NDArray[np.float32],
    masks: NDArray[np.uint8],
    peak_time: NDArray[np.float32],
    pixels: NDArray[np.float64],
    border: NDArray[np.uint8],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    room: NDArray[np.int32],
    wide_room: NDArray[np.float64],
    labels: NDArray[np.int16],
    rows: NDArray[np.void],
) -> None: ...
