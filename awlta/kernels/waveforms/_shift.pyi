import numpy as np
from numpy.typing import NDArray

def shift_raw(
    waveforms: NDArray[np.uint16], samples: NDArray[np.int16], shifted: NDArray[np.uint16]
) -> None: ...
def shift_calibrated(
    waveforms: NDArray[np.float32], samples: NDArray[np.int16], shifted: NDArray[np.float32]
) -> None: ...
