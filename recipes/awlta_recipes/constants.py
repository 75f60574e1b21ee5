"""What calibrating raw counts needs, as it stands in a calibration's file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awlta.lineage import new_hdf5
from awlta.lineage.files import block

from .science import pixel_flags

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Constants:
    """Calibration constants of one camera, for each gain and pixel.

    Attributes
    ----------
    pedestal : float32 (n_gains, n_pixels), ADC counts per sample
    dc_to_pe : float32 (n_gains, n_pixels), p.e. per ADC count
    time_shift : float32 (n_gains, n_pixels), ns
        Subtracted from the peak times of pixels whose gain it is.
    status : uint8 (n_gains, n_pixels), bits of `science.PixelFlag`
    """

    pedestal: Float32
    dc_to_pe: Float32
    time_shift: Float32
    status: NDArray[np.uint8]

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """The pixels that cannot be used, bool (n_pixels,)."""
        return pixel_flags.is_bad(self.status)

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
            arrays = {n: field[:] for n, field in file.items() if n != block.NAME}
        if "status" not in arrays:  # a file that has these for whole pixels
            shape = arrays["pedestal"].shape
            late, bad = arrays.pop("time_offset"), arrays.pop("is_bad")
            arrays["time_shift"] = np.broadcast_to(late, shape).copy()
            arrays["status"] = pixel_flags.unknown(bad, shape)
        return cls(**arrays)
