import numpy as np
from numpy.typing import NDArray

def room(h: NDArray[np.void], n_pixels: int, n_samples: int) -> int: ...
def extract_raw(
    waveforms: NDArray[np.uint16],
    pedestal: NDArray[np.float32],
    dc_to_pe: NDArray[np.float32],
    unusable: NDArray[np.uint8],
    choose: bool,
    threshold: int,
    instructions: int,
    h: NDArray[np.void],
    correction: NDArray[np.float32],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    pixels: NDArray[np.float64],
    room: NDArray[np.uint8],
    selected_gain: NDArray[np.int8],
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
    is_valid: NDArray[np.uint8],
) -> None: ...
def extract(
    waveforms: NDArray[np.float32],
    unusable: NDArray[np.uint8],
    instructions: int,
    h: NDArray[np.void],
    correction: NDArray[np.float32],
    indptr: NDArray[np.int32],
    indices: NDArray[np.int32],
    pixels: NDArray[np.float64],
    room: NDArray[np.uint8],
    selected_gain: NDArray[np.int8],
    charge: NDArray[np.float32],
    peak_time: NDArray[np.float32],
    is_valid: NDArray[np.uint8],
) -> None: ...
