import numpy as np
from numpy.typing import NDArray

def hillas(
    images: NDArray[np.float32],
    masks: NDArray[np.uint8],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    area: NDArray[np.float64],
    pixels: NDArray[np.int32],
    room: NDArray[np.float64],
    rows: NDArray[np.void],
) -> None: ...
