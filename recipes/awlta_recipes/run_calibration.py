"""Calibration that a run brings itself, where no calibration run covers it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadInput
from awlta.lineage import DataProduct, Parameters, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent

from . import events
from .camera_calibration import CameraCalibration
from .constants import Constants
from .events import CalibrationState, FileCalibration
from .pedestal_calibration import MAX_BAD_PIXELS
from .raw_events import RawEvents, raws_for_images
from .science.pixel_flags import PixelFlag, is_bad, marked


class NominalParameters(Parameters):
    """What is taken of what a run brings, and assumed where it brings no constants."""

    dc_to_pe: Attribute[float] = persistent("conversion", unit="p.e. / adc", default=0.05, low=1e-6)
    gain_ratio: Attribute[float] = persistent("high to low gain", default=17.0, low=1)
    file_times: Attribute[bool] = persistent(
        "whether pixels are as late as the file says, not all alike", default=True
    )


class RunCalibration(DataProduct):
    """Constants from the run's own file, or estimated from its own events and nominal gains."""

    raw: Link[RawEvents] = link("events that bring the constants", locates=True)
    parameters: Link[NominalParameters] = link("what is assumed if the file brings no gains")
    origin: Attribute[str] = persistent("where pedestals and gains come from", init=False)
    is_nominal: Attribute[bool] = persistent("gains are assumed, not measured", init=False)
    has_times: Attribute[bool] = persistent("pixels are as late as the file says", init=False)
    n_bad_pixels: Attribute[int] = persistent("pixels off, or without a gain or time", init=False)

    MANY_BAD_PIXELS = QCFlag(
        0, "fraction of pixels off, or without a gain or time, above limit", blocking=False
    )

    @recipe
    def make(self) -> None:
        """Take the constants of the file; what it does not have is estimated or assumed."""
        path, telescope = self.raw.source.retrieve(), self.raw.telescope
        brought = events.calibration_of(path, telescope.tel_id) or self._estimated()
        self.origin, gains = brought.source, brought.dc_to_pe
        self.is_nominal = gains is None
        if gains is None:
            gains = self._nominal(brought.pedestal.shape)
            self.origin += ", nominal gains"
        late = brought.time_shift if self.parameters.file_times else None
        self.has_times = late is not None
        if late is None:
            late = np.zeros(gains.shape, np.float32)
        constants = _in_order(brought.pedestal, gains, late, brought.pixel_ok)
        self.n_bad_pixels = int(constants.is_bad.sum())
        constants.write(self.create(".h5"))

    def _estimated(self) -> FileCalibration:
        """Take the median sample of the run as pedestal."""
        return FileCalibration(_baselines(self.raw.counts()), None, "median sample of the run")

    def _nominal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the gains that are assumed."""
        gains = np.full(shape, self.parameters.dc_to_pe, np.float32)
        gains[1:] *= self.parameters.gain_ratio
        return gains

    def verify(self) -> None:
        """Compare the number of bad pixels with its limit."""
        n_pixels = self.raw.telescope.camera.n_pixels
        self.MANY_BAD_PIXELS.above(self.n_bad_pixels / n_pixels, MAX_BAD_PIXELS)

    @classmethod
    def targets(cls, wanted: Selection) -> list[RunCalibration]:
        """Return one for each raw run that no camera calibration covers."""
        raws = [raw for raw in raws_for_images(wanted) if raw.state is not CalibrationState.PE]
        covering = CameraCalibration.valid_for_each(
            ((raw.start, raw.telescope) for raw in raws), "raw.telescope"
        )
        return cls.get_targets(
            {"raw": raw, "parameters": wanted.parameters(cls, raw.telescope)}
            for raw, calibration in zip(raws, covering, strict=True)
            if calibration is None
        )


def _in_order(
    pedestal: NDArray[np.float32],
    gains: NDArray[np.float32],
    late: NDArray[np.float32],
    is_on: NDArray[np.bool_] | None,
) -> Constants:
    """Return constants with the status of pixels that are off, or have no gain or time."""
    has_gain = np.isfinite(pedestal) & np.isfinite(gains) & (gains > 0)
    has_time = np.isfinite(late)
    status = marked(PixelFlag.GAIN, ~has_gain) | marked(PixelFlag.TIME, ~has_time)
    if is_on is not None:
        status |= marked(PixelFlag.OFF, ~is_on)
    bad = is_bad(status)
    return Constants(
        pedestal=np.where(np.isfinite(pedestal), pedestal, 0).astype(np.float32),
        dc_to_pe=np.where(bad, 0, gains).astype(np.float32),
        time_shift=np.where(bad, 0, late).astype(np.float32),
        status=status,
    )


def _baselines(blocks: Iterable[NDArray[np.uint16]]) -> NDArray[np.float32]:
    """Return the median sample of each gain and pixel, the mean over blocks of events.

    Raises
    ------
    BadInput
        There are no events.
    """
    total, n_blocks = np.float64(0), 0
    for block in blocks:
        if len(block):
            total, n_blocks = total + np.median(block, axis=(0, 3)), n_blocks + 1
    if not n_blocks:
        raise BadInput(
            "no events to tell a baseline",
            expected="one at least that can be used",
            do="Choose another run, or calibrate with a pedestal run",
        )
    return np.asarray(total / n_blocks, np.float32)
