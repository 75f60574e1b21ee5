"""What calibrating raw counts needs, as it stands in a calibration's file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awlta.lineage import new_hdf5

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Constants:
    """Calibration constants of one camera.

    Attributes
    ----------
    pedestal : float32 (n_gains, n_pixels), ADC counts per sample
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
    time_offset : float32 (n_pixels,), ns
        Subtracted from peak times.
    is_bad : bool (n_pixels,)
    """

    pedestal: Float32
    dc_to_pe: Float32
    time_offset: Float32
    is_bad: NDArray[np.bool_]

    def write(self, path: Path) -> None:
        """Write a new HDF5 file."""
        with new_hdf5(path) as file:
            for name, array in vars(self).items():
                file[name] = array

    @classmethod
    def read(cls, path: Path) -> Constants:
        """Read what :meth:`write` wrote."""
        # h5py takes a tenth of a second, and only those who read need it
        import h5py

        with h5py.File(path, "r") as file:
            return cls(**{name: file[name][:] for name in cls.__dataclass_fields__})
