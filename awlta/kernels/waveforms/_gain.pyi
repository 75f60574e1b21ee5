import numpy as np
from numpy.typing import NDArray

def select(
    waveforms: NDArray[np.uint16], threshold: int, selected_gain: NDArray[np.int8]
) -> None: ...
