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
    def run(
        self,
        first: int,
        last: int,
        waveforms: NDArray[np.uint16] | NDArray[np.float32],
        unusable: NDArray[np.bool_] | None,
        gain: NDArray[np.int8] | None,
        choose: bool,
        charge: NDArray[np.float32] | None,
        peak_time: NDArray[np.float32] | None,
        is_valid: NDArray[np.bool_],
        masks: NDArray[np.bool_],
        rows: NDArray[np.void],
    ) -> None: ...
