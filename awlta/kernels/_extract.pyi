from typing import Any

import numpy as np
from numpy.typing import NDArray

def instruction_sets() -> int: ...
def extract_raw(*arguments: Any) -> None: ...
def extract(
    waveforms: NDArray[np.float32],
    unusable: NDArray[np.uint8],
    width: int,
    shift: int,
    sampling_rate: float,
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
) -> None: ...
