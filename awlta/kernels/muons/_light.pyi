import numpy as np
from numpy.typing import NDArray

def expect_light(
    angle: NDArray[np.float64],
    distance: NDArray[np.float64],
    half_width: float,
    radius: float,
    impact: float,
    phi: float,
    width: float,
    mirror_radius: float,
    hole_radius: float,
    photons: float,
    oversampling: int,
    room: NDArray[np.float64],
    light: NDArray[np.float64],
) -> None: ...
def surprise(
    charge: NDArray[np.float64], light: NDArray[np.float64], pedestal: float, spe_width: float
) -> float: ...
