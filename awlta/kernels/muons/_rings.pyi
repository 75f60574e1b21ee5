import numpy as np
from numpy.typing import NDArray

def find_rings(
    images: NDArray[np.float32],
    masks: NDArray[np.uint8],
    pixels: NDArray[np.float64],
    fit: int,
    min_pixels: int,
    min_intensity: float,
    n_fits: int,
    max_distance: float,
    completeness_threshold: float,
    ratio_width: float,
    integration_width: float,
    outer_width: float,
    camera_radius: float,
    edges: NDArray[np.float64],
    room: NDArray[np.float64],
    sectors: NDArray[np.float64],
    rows: NDArray[np.void],
) -> None: ...
