import numpy as np
from numpy.typing import NDArray

def interpolate(
    is_bad: NDArray[np.uint8],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    bad: NDArray[np.int32],
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
) -> None: ...
