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
from .science import PixelFlag, flatfield, pictures, pixel_flags

MIN_FLASHES = 10
"""With fewer, the variance behind the F-factor is known to worse than half of itself."""

MIN_LIGHT = 10.0
"""p.e. of a flash; below, its peak is often one of the night sky, which lifts the mean charge."""

MAX_TIME_SPREAD = 1.0
"""ns; a flash of some tens of p.e. is timed to a few tenths."""


class FlatFieldParameters(Parameters):
    """How gains are measured (F-factor method) and for how long they hold."""

    excess_noise: Attribute[float] = persistent(
        "1 + (relative width of a single photo-electron)^2", default=1.1225, low=1
    )
    validity: Attribute[float] = persistent(
        "time of validity", unit="h", default=12.0, low=0.1, high=87600
    )
    shift: Attribute[int] = persistent("samples of the window before the peak", default=3, low=0)
    least_charge: Attribute[float] = persistent(
        "charge of a good pixel, of the camera's median: at least", default=0.5, low=0, high=1
    )
    most_charge: Attribute[float] = persistent(
        "charge of a good pixel, of the camera's median: at most", default=2.0, low=1
    )
    most_spread: Attribute[float] = persistent(
        "spread of the times of a good pixel, at most", unit="ns", default=2.0, low=0
    )
    saturation: Attribute[int] = persistent(
        "sample at the end of the digitiser", unit="adc", default=4095, low=1, high=65535
    )
    gain_ratio: Attribute[float] = persistent(
        "high to low gain, where no pixel tells it", default=17.0, low=1
    )
    most_events: Attribute[int] = persistent(
        "events used at most, the first of the run: memory goes with them", default=5000, low=2
    )


class CameraCalibration(Calibration):
    """Pedestals, gains and pixel times of one telescope."""

    raw: Link[RawEvents] = link("flat-field events", locates=True)
    pedestal: Link[PedestalCalibration] = link(
        "pedestals", valid_at="raw.start", same="raw.telescope"
    )
    parameters: Link[FlatFieldParameters] = link("excess noise, limits, validity")
    n_events: Attribute[int] = persistent("flashes used", init=False)
    n_bad_pixels: Attribute[int] = persistent("pixels that cannot be calibrated", init=False)
    median_gain: Attribute[float] = persistent(
        "median conversion, high gain", unit="adc / p.e.", init=False
    )
    light: Attribute[float] = persistent("light of a flash in a pixel", unit="p.e.", init=False)
    time_spread: Attribute[float] = persistent(
        "median spread of the times of a pixel, high gain", unit="ns", init=False
    )
    n_noisy: Attribute[int] = persistent("pixels bad by the noise of their pedestal", init=False)
    n_dead: Attribute[int] = persistent("pixels without light", init=False)
    n_odd_gain: Attribute[int] = persistent("pixels bad by their gain", init=False)
    n_odd_time: Attribute[int] = persistent("pixels bad by the spread of times", init=False)
    n_saturated: Attribute[int] = persistent("pixels with a saturated gain", init=False)

    MANY_BAD_PIXELS = QCFlag(0, "fraction of pixels that cannot be calibrated above limit")
    FEW_FLASHES = QCFlag(1, "number of flashes below limit", blocking=False)
    FAINT_FLASHES = QCFlag(2, "light of a flash below limit (p.e.)", blocking=False)
    UNSTEADY_TIMES = QCFlag(3, "median spread of times above limit (ns)", blocking=False)

    @recipe
    def make(self) -> None:
        """Measure the conversion to p.e. of each gain and pixel, and relative times."""
        level = read_pedestal(self.pedestal.retrieve())
        how = self.parameters
        found = flatfield.measure(
            self.raw.counts(EventKind.FLATFIELD, how.most_events),
            level,
            excess_noise=how.excess_noise,
            sampling_rate=self.raw.telescope.camera.sampling_rate,
            shift=how.shift,
            least_charge=how.least_charge,
            most_charge=how.most_charge,
            most_spread=how.most_spread,
            saturation=how.saturation,
            gain_ratio=how.gain_ratio,
        )
        Constants(level.mean, found.dc_to_pe, found.time_shift, found.status).write(
            self.create(".h5")
        )
        self._tell(found)
        self.timestamp_start = self.pedestal.timestamp_start
        self.timestamp_end = self.raw.begin() + timedelta(hours=how.validity)

    def _tell(self, found: flatfield.FlatField) -> None:
        """Keep what was found in a few numbers."""
        good = ~found.is_bad
        self.n_events = found.n_events
        self.n_bad_pixels = int(found.is_bad.sum())
        self.median_gain = _median(1 / found.dc_to_pe[0][good])
        self.light = found.light
        self.time_spread = _median(found.time_spread[0][good])
        reasons = pixel_flags.count(found.status)
        self.n_noisy = reasons[PixelFlag.NOISE]
        self.n_dead = reasons[PixelFlag.DEAD]
        self.n_odd_gain = reasons[PixelFlag.GAIN]
        self.n_odd_time = reasons[PixelFlag.TIME]
        self.n_saturated = reasons[PixelFlag.SATURATED]

    def verify(self) -> None:
        """Compare bad pixels, flashes, their light and their times with their limits."""
        n_pixels = self.raw.telescope.camera.n_pixels
        self.MANY_BAD_PIXELS.above(self.n_bad_pixels / n_pixels, MAX_BAD_PIXELS)
        self.FEW_FLASHES.below(self.n_events, MIN_FLASHES)
        self.FAINT_FLASHES.below(self.light, MIN_LIGHT)
        self.UNSTEADY_TIMES.above(self.time_spread, MAX_TIME_SPREAD)

    def draw(self, figure: Any) -> None:
        """Draw gains and relative times over the camera, and gains as distributions."""
        found, instrument = Constants.read(self.retrieve()), self.raw.telescope.camera
        figure.suptitle(f"Calibration of {self.raw.telescope.name}, run {self.raw.run}")
        axes = figure.subplots(2, 2)
        place = (instrument.pixel_x, instrument.pixel_y)
        gain = 1 / np.where(found.is_bad | (found.dc_to_pe == 0), np.nan, found.dc_to_pe)
        time = np.where(found.is_bad, np.nan, found.time_shift)
        pictures.camera(axes[0, 0], place, gain[0], "conversion, high gain (adc / p.e.)")
        pictures.camera(axes[0, 1], place, time[0], "time after the median pixel (ns)")
        pictures.per_gain(axes[1, 0], gain, "conversion (adc / p.e.)")
        pictures.per_gain(axes[1, 1], time, "time after the median pixel (ns)")

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


def _median(values: np.ndarray) -> float:
    """Return the median, NaN of no values."""
    return float(np.median(values)) if values.size else float("nan")
