import numpy as np
from numpy.typing import NDArray

def extract_raw(
    waveforms: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    unusable: NDArray[np.uint8],
    choose: bool,
    threshold: int,
    width: int,
    shift: int,
    sampling_rate: float,
    instructions: int,
    trace: NDArray[np.float32],
    selected_gain: NDArray[np.int8],
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
) -> None: ...
def extract(
    waveforms: NDArray[np.float32],
    unusable: NDArray[np.uint8],
    width: int,
    shift: int,
    sampling_rate: float,
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
) -> None: ...
