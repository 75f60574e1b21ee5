"""Calibration that a run brings itself, where no calibration run covers it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from awlta.lineage import DataProduct, Parameters, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent

from . import events
from .camera_calibration import CameraCalibration
from .constants import Constants
from .events import CalibrationState
from .raw_events import RawEvents, raws_for_images


class NominalParameters(Parameters):
    """What is assumed where a run brings no constants."""

    dc_to_pe: Attribute[float] = persistent("conversion", unit="p.e. / adc", default=0.05, low=0)
    gain_ratio: Attribute[float] = persistent("high to low gain", default=17.0, low=1)


class RunCalibration(DataProduct):
    """Constants from the run's own file, or estimated from its own events and nominal gains."""

    raw: Link[RawEvents] = link("events that bring the constants", locates=True)
    parameters: Link[NominalParameters] = link("what is assumed if the file brings no gains")
    origin: Attribute[str] = persistent("where pedestals and gains come from", init=False)
    is_nominal: Attribute[bool] = persistent("gains are assumed, not measured", init=False)

    @recipe
    def make(self) -> None:
        """Take the constants of the file; what it does not have is estimated or assumed."""
        path, telescope = self.raw.source.retrieve(), self.raw.telescope
        brought = events.calibration_of(path, telescope.tel_id)
        if brought is None:
            level = _baselines(self.raw.counts())
            self.origin = "median sample of the run"
        else:
            level, self.origin = brought.pedestal, brought.source
        gains = None if brought is None else brought.dc_to_pe
        self.is_nominal = gains is None
        if gains is None:
            gains = np.full(level.shape, self.parameters.dc_to_pe, np.float32)
            gains[1:] *= self.parameters.gain_ratio
            self.origin += ", nominal gains"
        Constants.without_times(level, gains).write(self.create(".h5"))

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


def _baselines(blocks: Iterable[NDArray[np.uint16]]) -> NDArray[np.float32]:
    """Return the median sample of each gain and pixel, the mean over blocks of events."""
    medians = [np.median(b, axis=(0, 3)) for b in blocks if len(b)]
    return np.asarray(np.mean(medians, axis=0), np.float32)
