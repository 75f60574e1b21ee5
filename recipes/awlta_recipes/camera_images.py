"""Camera images (DL1): charge and time of every pixel, and what the images show, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from awlta import kernels
from awlta.errors import BadInput
from awlta.lineage import DataProduct, QCFlag, Selection, recipe
from awlta.persistent import Attribute, Link, OptionalLink, link, persistent

from . import event_files, events
from .camera_calibration import CameraCalibration
from .constants import Constants
from .eventdata import EventDataWriter, to_data_model
from .events import CalibrationState
from .instrument import field_of_view, has_geometry, loose_pixels
from .methods import CleaningMethod, CleaningParameters, ExtractionParameters
from .pedestal_calibration import MAX_BAD_PIXELS, read_pedestal
from .raw_events import RawEvents, raws_for_images
from .run_calibration import RunCalibration
from .science import pictures


class CameraImages(DataProduct):
    """Calibrated images of one telescope and run, and their parameters (DL1)."""

    raw: Link[RawEvents] = link("events the images come from", locates=True)
    calibration: OptionalLink[CameraCalibration] = link(
        "pedestals and gains", valid_at="raw.calibration_time", same="raw.telescope"
    )
    run_calibration: OptionalLink[RunCalibration] = link(
        "constants of the run itself, where no calibration covers it", default=None
    )
    parameters: Link[ExtractionParameters] = link("gain selection, method and window")
    cleaning: OptionalLink[CleaningParameters] = link(
        "how images are cleaned and described in the same pass, None if they are not", default=None
    )
    n_events: Attribute[int] = persistent("number of images", init=False)
    n_bad_pixels: Attribute[int] = persistent("pixels without a charge", init=False)

    MANY_BAD_PIXELS = QCFlag(0, "fraction of pixels without a charge above limit", blocking=False)

    @recipe
    def make(self) -> None:
        """Take every waveform through the chain once, block by block, reading ahead."""
        telescope, source = self.raw.telescope, self.raw.source
        self._refuse_nothing()
        constants = self._constants()
        chain, bad_pixels = self._chain(constants), self._bad_pixels(constants)
        self.n_events = 0
        with event_files.new_event_file(self.create(".h5"), source, [telescope]) as file:
            for block in events.ahead(events.iterate(source.retrieve(), telescope.tel_id)):
                shown = chain(
                    self._in_step(block.waveforms, constants),
                    unusable=~block.pixel_ok,
                    keep_images=self.parameters.keep_images,
                )
                took_part = np.ones((len(block), 1), np.bool_)
                file.append_triggers(
                    event_files.triggers(source, block.event_id, block.time, took_part)
                )
                self._append(file, block.event_id, shown)
                self.n_events += len(block)
                bad_pixels |= ~block.pixel_ok
        self.n_bad_pixels = int(bad_pixels.sum())

    def _refuse_nothing(self) -> None:
        """Raise BadInput where there are no events, or nothing of them would be kept."""
        if not self.raw.n_events:
            raise BadInput(
                f"Run {self.raw.run} has no events of {self.raw.telescope.name} that can be used",
                expected="one at least",
                do="Look at the reasons ('flagged' of the raw events), or choose another run",
            )
        if self.cleaning is None and not self.parameters.keep_images:
            raise BadInput(
                "Neither images nor what describes them is to be kept",
                expected="one of them",
                do="Give parameters with keep_images=True, or a cleaning",
            )

    def _in_step(self, waveforms: np.ndarray, constants: Constants | None) -> np.ndarray:
        """Return waveforms as the kernels take them, late ones moved if that is wanted."""
        if constants is None:
            return waveforms.astype(np.float32, copy=False)
        counts = waveforms.astype(np.uint16, copy=False)
        if not self.parameters.integer_shift:
            return counts
        rate = self.raw.telescope.camera.sampling_rate
        return kernels.shift_waveforms(counts, constants.time_shift, rate)[0]

    def _append(self, file: EventDataWriter, event_id: np.ndarray, shown: kernels.Showers) -> None:
        """Write a block of images and of parameters, so far as they are wanted."""
        tel_id, is_described = self.raw.telescope.tel_id, self.cleaning is not None
        if shown.pulses is not None:
            pixels = {
                "event_id": event_id,
                "image": shown.pulses.charge,
                "peak_time": shown.pulses.peak_time,
                "is_valid": shown.pulses.is_valid,
            }
            if is_described:
                pixels["image_mask"] = shown.masks
            file.append_images(tel_id, pixels)
        if is_described:
            file.append_parameters(
                tel_id, {"event_id": event_id, **to_data_model(shown.parameters)}
            )

    def _chain(self, constants: Constants | None) -> kernels.Chain:
        """Return the way from waveforms to parameters, with all that is the same for all events."""
        camera, cleaning = self.raw.telescope.camera, None
        self.parameters.check_waveforms(camera)
        if self.cleaning is not None:
            cleaning = self.cleaning.cleaning(self.sky_noise(self.cleaning))
        return kernels.Chain(
            self._geometry(),
            cleaning,
            **self._calibration(constants),
            extractor=self.parameters.extractor(),
            gain_threshold=self.parameters.gain_threshold,
            sampling_rate=camera.sampling_rate,
            unusable=self._bad_pixels(constants),
            correction=self.parameters.correction(camera, self._n_gains(constants)),
            interpolate=self.parameters.interpolate,
        )

    def _geometry(self) -> kernels.CameraGeometry:
        """Return where pixels are; where that is not told, no method may need it."""
        telescope = self.raw.telescope
        if has_geometry(telescope.camera):
            return field_of_view(telescope)
        self.parameters.check_without_geometry(telescope)
        return loose_pixels(telescope.camera.n_pixels)

    def _calibration(self, constants: Constants | None) -> dict[str, Any]:
        """Return what raw counts are calibrated with, and how late pixels are that stay so."""
        if constants is None:
            return {}
        late = constants.time_shift
        if self.parameters.integer_shift:
            _, late = kernels.integer_shift(late, self.raw.telescope.camera.sampling_rate)
        return {
            "pedestal": constants.pedestal,
            "dc_to_pe": constants.dc_to_pe,
            "time_shift": late,
        }

    def _n_gains(self, constants: Constants | None) -> int:
        return 1 if constants is None else len(constants.dc_to_pe)

    def _bad_pixels(self, constants: Constants | None) -> np.ndarray:
        if constants is None:
            return np.zeros(self.raw.telescope.camera.n_pixels, np.bool_)
        return constants.is_bad.copy()

    def sky_noise(self, cleaning: CleaningParameters) -> np.ndarray | None:
        """Return the standard deviation of dark charges in p.e., where the cleaning asks for it.

        Raises
        ------
        BadInput
            It is asked for, and there is no pedestal run of charges that are summed alike.
        """
        if cleaning.method is not CleaningMethod.NIGHT_SKY or cleaning.pedestal_factor == 0:
            return None
        constants, camera = self._constants(), self.raw.telescope.camera
        if constants is None or self.calibration is None:
            raise BadInput(
                f"No pedestal run tells the noise of the night sky in run {self.raw.run}",
                expected="a CameraCalibration, for the thresholds of NIGHT_SKY",
                do="Give it, or parameters with pedestal_factor=0",
            )
        dark = read_pedestal(self.calibration.pedestal.retrieve())
        n_summed = self.parameters.samples_summed(camera)
        if n_summed != dark.window:
            raise BadInput(
                f"Noise of {dark.window} samples, for charges of {n_summed or 'deconvolved'} ones",
                expected="the noise of charges that are summed alike, for NIGHT_SKY",
                do="Make pedestals with that window, or give parameters with pedestal_factor=0",
            )
        noise = dark.charge_std[0] * constants.dc_to_pe[0]
        correction = self.parameters.correction(camera, self._n_gains(constants))
        if isinstance(correction, np.ndarray):
            noise = noise * correction.flat[0]
        return np.asarray(noise, np.float32)

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

    def verify(self) -> None:
        """Compare the number of pixels without a charge with its limit."""
        n_pixels = self.raw.telescope.camera.n_pixels
        self.MANY_BAD_PIXELS.above(self.n_bad_pixels / n_pixels, MAX_BAD_PIXELS)

    def draw(self, figure: Any) -> None:
        """Draw the brightest image, its times, the mean image, and charges of the first block."""
        telescope = self.raw.telescope
        figure.suptitle(f"Images of {telescope.name}, run {self.raw.run}, {self.n_events} events")
        if not self.parameters.keep_images:
            figure.text(0.5, 0.5, "Images were not kept", ha="center")
            return
        brightest, total, charges = None, np.zeros(telescope.camera.n_pixels), np.empty(0)
        for block in event_files.images(self.retrieve(), telescope.tel_id):
            light = np.nansum(block["image"], axis=1)
            if brightest is None or light.max() > np.nansum(brightest["image"]):
                brightest = block[np.argmax(light)]
            total += block["image"].sum(axis=0)
            charges = charges if charges.size else block["image"]
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
                "cleaning": (
                    wanted.parameters(cls, raw.telescope, role="cleaning")
                    if has_geometry(raw.telescope.camera)
                    else None
                ),
            }
            for raw in raws_for_images(wanted)
        )
