"""Camera calibration: pedestals and gains from a pedestal run and a flat-field run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from awlta.lineage import Calibration, Parameters, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent

from .constants import Constants
from .events import EventKind
from .pedestal_calibration import MAX_BAD_PIXELS, PedestalCalibration, read_pedestal
from .raw_events import RawEvents
from .science import flatfield, pictures

MIN_FLASHES = 10
"""With fewer, the variance behind the F-factor is known to worse than half of itself."""


class FlatFieldParameters(Parameters):
    """How gains are measured (F-factor method) and for how long they hold."""

    excess_noise: Attribute[float] = persistent(
        "1 + (relative width of a single photo-electron)^2", default=1.1225, low=1
    )
    validity: Attribute[float] = persistent("time of validity", unit="h", default=12.0, low=0.1)


class CameraCalibration(Calibration):
    """Pedestals, gains and pixel times of one telescope."""

    raw: Link[RawEvents] = link("flat-field events", locates=True)
    pedestal: Link[PedestalCalibration] = link(
        "pedestals", valid_at="raw.start", same="raw.telescope"
    )
    parameters: Link[FlatFieldParameters] = link("excess noise, validity")
    n_events: Attribute[int] = persistent("flashes used", init=False)
    n_bad_pixels: Attribute[int] = persistent("pixels that cannot be calibrated", init=False)
    median_gain: Attribute[float] = persistent(
        "median conversion, high gain", unit="adc / p.e.", init=False
    )

    MANY_BAD_PIXELS = QCFlag(0, "fraction of pixels that cannot be calibrated above limit")
    FEW_FLASHES = QCFlag(1, "number of flashes below limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Measure the conversion to p.e. of each gain and pixel, and relative times."""
        level = read_pedestal(self.pedestal.retrieve())
        telescope = self.raw.telescope
        found = flatfield.measure(
            self.raw.counts(),
            level,
            excess_noise=self.parameters.excess_noise,
            sampling_rate=telescope.camera.sampling_rate,
        )
        Constants(level.mean, found.dc_to_pe, found.time_offset, found.is_bad).write(
            self.create(".h5")
        )
        self.n_events = found.n_events
        self.n_bad_pixels = int(found.is_bad.sum())
        self.median_gain = float(np.median(1 / found.dc_to_pe[0][~found.is_bad]))
        self.timestamp_start = self.pedestal.timestamp_start
        self.timestamp_end = self.raw.begin() + timedelta(hours=self.parameters.validity)

    def verify(self) -> None:
        """Compare the numbers of bad pixels and of flashes with their limits."""
        n_pixels = self.raw.telescope.camera.n_pixels
        self.MANY_BAD_PIXELS.above(self.n_bad_pixels / n_pixels, MAX_BAD_PIXELS)
        self.FEW_FLASHES.below(self.n_events, MIN_FLASHES)

    def draw(self, figure: Any) -> None:
        """Draw gains and relative times over the camera, and gains as distributions."""
        found, instrument = Constants.read(self.retrieve()), self.raw.telescope.camera
        figure.suptitle(f"Calibration of {self.raw.telescope.name}, run {self.raw.run}")
        axes = figure.subplots(2, 2)
        place = (instrument.pixel_x, instrument.pixel_y)
        gain = 1 / np.where(found.is_bad | (found.dc_to_pe == 0), np.nan, found.dc_to_pe)
        pictures.camera(axes[0, 0], place, gain[0], "conversion, high gain (adc / p.e.)")
        pictures.camera(axes[0, 1], place, found.time_offset, "time after the median pixel (ns)")
        pictures.per_gain(axes[1, 0], gain, "conversion (adc / p.e.)")
        pictures.distribution(axes[1, 1], found.time_offset, "time after the median pixel (ns)")

    @classmethod
    def targets(cls, wanted: Selection) -> list[CameraCalibration]:
        """Return the calibration of every flat-field run that pedestals cover."""
        flashes = [
            raw
            for raw in wanted.of(RawEvents)
            if raw.kind is EventKind.FLATFIELD and raw.n_events > 1
        ]
        pedestals = PedestalCalibration.valid_for_each(
            ((raw.start, raw.telescope) for raw in flashes), "raw.telescope"
        )
        return cls.get_targets(
            {"raw": raw, "parameters": wanted.parameters(cls, raw.telescope)}
            for raw, pedestal in zip(flashes, pedestals, strict=True)
            if pedestal is not None
        )
