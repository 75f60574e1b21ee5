"""Camera images (DL1): charge and time of every pixel, from raw waveforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from awlta import kernels
from awlta.errors import BadInput
from awlta.lineage import DataProduct, Parameters, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, OptionalLink, link, persistent

from . import events
from .camera_calibration import CameraCalibration
from .constants import Constants
from .events import CalibrationState, EventBlock
from .pedestal_calibration import MAX_BAD_PIXELS
from .raw_events import RawEvents, raws_for_images
from .run_calibration import RunCalibration
from .science import pictures
from .tables import TableWriter, blocks

TABLE = "dl1/event/telescope/images"


class ExtractionParameters(Parameters):
    """How a waveform becomes a charge: gain selection and local-peak window."""

    gain_threshold: Attribute[float] = persistent(
        "raw high-gain sample above which the low gain is taken", unit="adc", default=4000.0
    )
    width: Attribute[int] = persistent("samples that are summed", default=7, low=1)
    shift: Attribute[int] = persistent("samples of the window before the peak", default=3)


class CameraImages(DataProduct):
    """Calibrated images of one telescope and run (DL1)."""

    raw: Link[RawEvents] = link("events the images come from", locates=True)
    calibration: OptionalLink[CameraCalibration] = link(
        "pedestals and gains", valid_at="raw.calibration_time", same="raw.telescope"
    )
    run_calibration: OptionalLink[RunCalibration] = link(
        "constants of the run itself, where no calibration covers it", default=None
    )
    parameters: Link[ExtractionParameters] = link("gain selection and window")
    n_events: Attribute[int] = persistent("number of images", init=False)
    n_bad_pixels: Attribute[int] = persistent("pixels without a charge", init=False)

    MANY_BAD_PIXELS = QCFlag(0, "fraction of pixels without a charge above limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Calibrate and integrate every waveform once, block by block."""
        telescope, path = self.raw.telescope, self.raw.source.retrieve()
        constants = self._constants()
        bad = np.zeros(telescope.camera.n_pixels, bool) if constants is None else constants.is_bad
        self.n_events, bad_pixels = 0, bad.copy()
        n_pixels = telescope.camera.n_pixels
        with TableWriter(self.create(".h5"), TABLE, row_type(n_pixels)) as table:
            for block in events.iterate(path, telescope.tel_id):
                pulses = self._extract(block, constants, bad)
                rows = np.zeros(len(block), row_type(n_pixels))
                rows["event_id"], rows["time"] = block.event_id, block.time
                rows["image"], rows["peak_time"] = pulses.charge, pulses.peak_time
                if constants is not None:
                    rows["peak_time"] -= constants.time_offset
                rows["selected_gain"] = pulses.selected_gain
                table.append(rows)
                self.n_events += len(block)
                bad_pixels |= ~block.pixel_ok
        self.n_bad_pixels = int(bad_pixels.sum())

    def _constants(self) -> Constants | None:
        given = [c for c in (self.calibration, self.run_calibration) if c is not None]
        if self.raw.state is CalibrationState.PE:
            if given:
                raise BadInput(
                    f"The events of run {self.raw.run} are in p.e. already",
                    expected="no calibration: calibrating twice is refused",
                    do="Give calibration=None",
                )
            return None
        if len(given) != 1:
            raise BadInput(
                f"The events of run {self.raw.run} are raw counts, with {len(given)} calibrations",
                expected="either a calibration that covers them, or one of the run itself",
                do="Make CameraCalibration or RunCalibration first, and give one of them",
            )
        return Constants.read(given[0].retrieve())

    def _extract(
        self, block: EventBlock, constants: Constants | None, bad: np.ndarray
    ) -> kernels.Pulses:
        how: dict[str, Any] = {
            "extractor": kernels.LocalPeak(self.parameters.width, self.parameters.shift),
            "sampling_rate": self.raw.telescope.camera.sampling_rate,
            "unusable": bad | ~block.pixel_ok,
        }
        if constants is None:
            return kernels.extract(block.waveforms.astype(np.float32, copy=False), **how)
        threshold = self.parameters.gain_threshold
        return kernels.extract_raw(
            block.waveforms.astype(np.uint16, copy=False),
            constants.pedestal,
            constants.dc_to_pe,
            threshold=threshold,
            **how,
        )

    def verify(self) -> None:
        """Compare the number of pixels without a charge with its limit."""
        n_pixels = self.raw.telescope.camera.n_pixels
        self.MANY_BAD_PIXELS.above(self.n_bad_pixels / n_pixels, MAX_BAD_PIXELS)

    def draw(self, figure: Any) -> None:
        """Draw the brightest image, its times, the mean image, and charges of the first block."""
        telescope, path = self.raw.telescope, self.retrieve()
        brightest, total, charges = None, np.zeros(telescope.camera.n_pixels), np.empty(0)
        for block in blocks(path, TABLE):
            light = np.nansum(block["image"], axis=1)
            if brightest is None or light.max() > np.nansum(brightest["image"]):
                brightest = block[np.argmax(light)]
            total += block["image"].sum(axis=0)
            charges = charges if charges.size else block["image"]
        figure.suptitle(f"Images of {telescope.name}, run {self.raw.run}, {self.n_events} events")
        axes = figure.subplots(2, 2)
        place = (telescope.camera.pixel_x, telescope.camera.pixel_y)
        if brightest is not None:
            name = f"event {brightest['event_id']}"
            pictures.camera(axes[0, 0], place, brightest["image"], f"charge, {name} (p.e.)")
            pictures.camera(axes[0, 1], place, brightest["peak_time"], f"peak time, {name} (ns)")
            pictures.camera(axes[1, 0], place, total / self.n_events, "mean charge (p.e.)")
        pictures.distribution(axes[1, 1], charges, "charge of a pixel (p.e.)", logarithmic=True)

    @classmethod
    def targets(cls, wanted: Selection) -> list[CameraImages]:
        """Return the images of a run, or of all runs, telescope by telescope."""
        own = {c.raw.object_id: c for c in wanted.of(RunCalibration)}
        return cls.get_targets(
            {
                "raw": raw,
                "run_calibration": own.get(raw.object_id),
                "parameters": wanted.parameters(cls, raw.telescope),
            }
            for raw in raws_for_images(wanted)
        )


def row_type(n_pixels: int) -> np.dtype[Any]:
    """Return the columns of the table of images: p.e., ns, and the gain taken."""
    return np.dtype(
        [
            ("event_id", np.int64),
            ("time", np.float64),
            ("image", np.float32, (n_pixels,)),
            ("peak_time", np.float32, (n_pixels,)),
            ("selected_gain", np.int8, (n_pixels,)),
        ]
    )
