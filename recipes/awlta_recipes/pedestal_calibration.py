"""Pedestals: level and noise of every pixel without light, from a pedestal run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from awlta.lineage import Calibration, Parameters, QCFlag, Selection, new_hdf5, recipe
from awlta.lineage.files import block
from awlta.persistent import Attribute, Link, link, persistent

from .events import EventKind
from .raw_events import RawEvents
from .science import PixelFlag, pedestal, pictures, pixel_flags

MAX_NOISE = 50.0
"""adc; the noise of a sample is 3 to 10 in a dark night, and some 30 beside a bright moon."""

MIN_EVENTS = 10
"""With fewer, the level is known to no better than a third of the noise of its mean sample."""

MAX_BAD_PIXELS = 0.1
"""Fraction; with more, images have holes at every place that showers fall on."""


class PedestalParameters(Parameters):
    """How pedestals are measured and for how long they hold."""

    window: Attribute[int] = persistent("samples of a charge", default=7, low=1)
    clip: Attribute[float] = persistent(
        "robust standard deviations beyond which an event is left out", default=5.0, low=1
    )
    validity: Attribute[float] = persistent(
        "time of validity", unit="h", default=12.0, low=0.1, high=87600
    )
    least_noise: Attribute[float] = persistent(
        "noise of a good pixel, of the camera's median: at least", default=0.5, low=0, high=1
    )
    most_noise: Attribute[float] = persistent(
        "noise of a good pixel, of the camera's median: at most", default=2.0, low=1
    )
    min_fraction: Attribute[float] = persistent(
        "events that a good pixel keeps after clipping, of all", default=0.5, low=0, high=1
    )
    most_events: Attribute[int] = persistent(
        "events used at most, the first of the run: memory goes with them", default=5000, low=2
    )


class PedestalCalibration(Calibration):
    """Pedestal and noise of each gain and pixel of one telescope."""

    raw: Link[RawEvents] = link("pedestal events", locates=True)
    parameters: Link[PedestalParameters] = link("window, clipping, limits, validity")
    n_events: Attribute[int] = persistent("events used", init=False)
    n_bad_pixels: Attribute[int] = persistent("pixels too noisy or too quiet", init=False)
    median_noise: Attribute[float] = persistent(
        "median noise of a sample, high gain", unit="adc", init=False
    )
    n_clipped: Attribute[int] = persistent("pixels with too few events left", init=False)

    BAD_RMS = QCFlag(0, "median noise of a sample above limit (adc)")
    MANY_BAD_PIXELS = QCFlag(1, "fraction of pixels too noisy or too quiet above limit")
    FEW_EVENTS = QCFlag(2, "number of pedestal events below limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Measure pedestals and noise, and say which pixels are bad."""
        how = self.parameters
        found = pedestal.measure(
            self.raw.counts(EventKind.PEDESTAL, how.most_events),
            window=how.window,
            clip=how.clip,
            least_noise=how.least_noise,
            most_noise=how.most_noise,
            min_fraction=how.min_fraction,
        )
        write_arrays(self.create(".h5"), found)
        self.n_events = min(self.raw.n_events, how.most_events)
        self.n_bad_pixels = int(found.is_bad.sum())
        self.n_clipped = pixel_flags.count(found.status)[PixelFlag.FEW_EVENTS]
        self.median_noise = float(np.median(found.std[0]))
        self.timestamp_start = self.raw.begin()
        self.timestamp_end = self.timestamp_start + timedelta(hours=how.validity)

    def verify(self) -> None:
        """Compare noise, bad pixels and events with what a run has that is in order."""
        self.BAD_RMS.above(self.median_noise, MAX_NOISE)
        n_pixels = self.raw.telescope.camera.n_pixels
        self.MANY_BAD_PIXELS.above(self.n_bad_pixels / n_pixels, MAX_BAD_PIXELS)
        self.FEW_EVENTS.below(self.n_events, MIN_EVENTS)

    def draw(self, figure: Any) -> None:
        """Draw level and noise over the camera and as distributions."""
        found, instrument = read_pedestal(self.retrieve()), self.raw.telescope.camera
        figure.suptitle(f"Pedestals of {self.raw.telescope.name}, run {self.raw.run}")
        axes = figure.subplots(2, 2)
        place = (instrument.pixel_x, instrument.pixel_y)
        pictures.camera(axes[0, 0], place, found.mean[0], "level, high gain (adc)")
        pictures.camera(axes[0, 1], place, found.std[0], "noise of a sample, high gain (adc)")
        pictures.per_gain(axes[1, 0], found.mean, "level (adc)")
        pictures.per_gain(axes[1, 1], found.std, "noise of a sample (adc)")

    @classmethod
    def targets(cls, wanted: Selection) -> list[PedestalCalibration]:
        """Return the pedestals of every pedestal run."""
        return cls.get_targets(
            {"raw": raw, "parameters": wanted.parameters(cls, raw.telescope)}
            for raw in wanted.of(RawEvents)
            if raw.kind is EventKind.PEDESTAL and raw.n_events > 1
        )


def write_arrays(path: Path, value: Any) -> None:
    """Write the fields of a dataclass of arrays and numbers into a new HDF5 file."""
    with new_hdf5(path) as file:
        for name, field in vars(value).items():
            file[name] = field


def read_pedestal(path: Path) -> pedestal.Pedestal:
    """Return the pedestals that :func:`write_arrays` wrote."""
    # h5py takes a tenth of a second, and only those who read need it
    import h5py

    with h5py.File(path, "r") as file:
        fields = {n: field[()] for n, field in file.items() if n != block.NAME}
    if "status" not in fields:  # a file that has this for whole pixels
        fields["status"] = pixel_flags.unknown(fields.pop("is_bad"), fields["mean"].shape)
    return pedestal.Pedestal(**fields)
