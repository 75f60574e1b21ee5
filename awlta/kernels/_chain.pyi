import numpy as np
from numpy.typing import NDArray

ROW_SIZE: int

class Worker:
    def __init__(
        self,
        n_gains: int,
        n_samples: int,
        pedestal: NDArray[np.float32] | None,
        dc_to_pe: NDArray[np.float32] | None,
        threshold: int,
        instructions: int,
        h: NDArray[np.void],
        correction: NDArray[np.float32],
        time_shift: NDArray[np.float32] | None,
        unusable: NDArray[np.uint8],
        interpolates: bool,
        describes: bool,
        picture: NDArray[np.float32],
        boundary: NDArray[np.float32],
        rules: NDArray[np.void],
        pixels: NDArray[np.float64],
        border: NDArray[np.uint8],
        indptr: NDArray[np.int32],
        indices: NDArray[np.int32],
        without_light: NDArray[np.void],
    ) -> None: ...
    def run_raw(
        self,
        raw: NDArray[np.uint16],
        unusable: NDArray[np.uint8] | None,
        gain: NDArray[np.int8],
        choose: bool,
        charge: NDArray[np.float32],
        peak_time: NDArray[np.float32],
        is_valid: NDArray[np.uint8],
        masks: NDArray[np.uint8],
        rows: NDArray[np.void],
    ) -> None: ...
    def run_calibrated(
        self,
        traces: NDArray[np.float32],
        unusable: NDArray[np.uint8] | None,
        gain: NDArray[np.int8],
        choose: bool,
        charge: NDArray[np.float32],
        peak_time: NDArray[np.float32],
        is_valid: NDArray[np.uint8],
        masks: NDArray[np.uint8],
        rows: NDArray[np.void],
    ) -> None: ...
