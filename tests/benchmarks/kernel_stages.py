"""What bench_kernels.py times: each stage of ours with the peer's job for the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from cameras import GAIN_THRESHOLD, PULSE_STEP, Arrays, Camera, synthetic_events
from numpy.typing import NDArray
from peers import Job

from awlta import kernels

CORE_THRESHOLD = {"LST": 6.0, "MST": 8.0, "SST": 4.0}
"""p.e.; of the two passes, as the pipelines have it by type of telescope."""

MIN_NEIGHBORS = 2
"""Picture neighbours that a picture pixel must have, on both sides."""

CALIBRATED = "charge and time of p.e. per sample in memory; no gain, calibration, correction"
MASKS = "masks of charges in memory"
PASS = (
    "one pass from raw waveforms: gain, calibration, charge, time, tail cuts, all DL1 parameters "
    "with timing and statistics; masks and rows written to memory, images not"
)


@dataclass(frozen=True)
class Stage:
    """What is timed: a call of ours with a batch, and the peer's job, event by event."""

    name: str
    ours: Callable[[], object]
    n_events: int
    includes: str
    job: Job = field(default_factory=dict)
    peer_includes: str = ""


class Events:
    """One camera, its events, and the arrays that the peer gets of them."""

    def __init__(self, camera: Camera, n_events: int) -> None:
        self.camera, self.n_events = camera, n_events
        self.geometry = camera.geometry()
        events = synthetic_events(camera, self.geometry, n_events)
        self.waveforms = events["waveforms"]
        self.constants = {name: events[name] for name in ("pedestal", "dc_to_pe")}
        self.pulses = self.extract_raw()
        picture = float(np.median(self.pulses.charge) + 6)
        self.cuts = kernels.TailCuts(picture, picture - 3, min_picture_neighbors=MIN_NEIGHBORS)
        self.arrays: Arrays = {
            "x": self.geometry.x,
            "y": self.geometry.y,
            "area": self.geometry.area,
            "pulse": camera.reference_pulse(),
            **events,
        }

    def extract_raw(self) -> kernels.Pulses:
        """Return charge and time of all events."""
        return kernels.extract_raw(
            self.waveforms,
            **self.constants,
            threshold=GAIN_THRESHOLD,
            sampling_rate=self.camera.sampling_rate,
        )

    def chain(self, extractor: kernels.Extractor) -> kernels.Chain:
        """Return the chain from raw events to parameters."""
        return kernels.Chain(
            self.geometry,
            self.cuts,
            **self.constants,
            sampling_rate=self.camera.sampling_rate,
            gain_threshold=GAIN_THRESHOLD,
            extractor=extractor,
        )

    def stages(self) -> list[Stage]:
        """Return all stages; those of one size of image for the first camera alone."""
        found = [*self._from_raw(), *self._extractors(), *self._images()]
        return [*found, *self._sizes()] if self.camera.name == "lst" else found

    def _from_raw(self) -> Iterator[Stage]:
        cuts = {
            "picture": self.cuts.picture,
            "boundary": self.cuts.boundary,
            "min_picture_neighbors": MIN_NEIGHBORS,
        }
        raw = {"of": ["waveforms"]}
        functions = "functions; of the parameters those of Hillas alone"
        yield Stage(
            "r0_to_charge",
            self.extract_raw,
            self.n_events,
            "one pass from raw waveforms: gain, calibration, charge and time, written to memory",
            {"do": "extract_raw", **raw},
            "the same by apply_simtel_r1_calibration and extract_around_peak",
        )
        local = partial(self.chain(kernels.LocalPeak()), self.waveforms, keep_images=False)
        by_neighbors = self.chain(kernels.NeighborPeak())
        yield Stage(
            "r0_to_hillas", local, self.n_events, PASS, {"do": "chain", "with": cuts, **raw},
            functions,
        )  # fmt: skip
        yield Stage(
            "r0_to_hillas_neighbor_peak",
            partial(by_neighbors, self.waveforms, keep_images=False),
            self.n_events,
            PASS,
            {"do": "chain", "with": cuts | {"method": "NeighborPeakWindowSum"}, **raw},
            functions + "; the extractor as a component",
        )
        yield Stage(
            "all_parameters",
            local,
            self.n_events,
            PASS + "; r0_to_hillas measured again",
            {"do": "components", "with": cuts | {"method": "LocalPeakWindowSum"}, **raw},
            "CameraCalibrator and ImageProcessor: the same parameters, images kept in memory",
        )

    def _extractors(self) -> Iterator[Stage]:
        gain = kernels.select_gain(self.waveforms, GAIN_THRESHOLD)
        self.arrays |= {"r1": self._calibrated(gain), "gain": gain}
        rate = self.camera.sampling_rate
        for name, method, extractor in self._methods():
            more: dict[str, Any] = {"geometry": self.geometry}
            included, options = CALIBRATED, {"apply_integration_correction": False}
            if method in WITHOUT_CORRECTION:
                options = {}
            if isinstance(extractor, kernels.FlashCam):
                pulse = self.camera.reference_pulse()
                more["correction"] = kernels.pulse_correction(pulse, PULSE_STEP, rate, extractor)
                included += " but that of the deconvolution"
            yield Stage(
                f"extract_{name}",
                partial(kernels.extract, self.arrays["r1"], extractor, sampling_rate=rate, **more),
                self.n_events,
                included,
                {
                    "do": "extract",
                    "of": ["r1", "gain"],
                    "with": {"method": method, "options": options},
                },
                "the component, of the same arrays",
            )

    def _calibrated(self, gain: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return p.e. per sample of the chosen gain."""
        pixels = np.arange(self.geometry.n_pixels)
        pedestal, dc_to_pe = self.constants.values()
        r1 = np.empty((*gain.shape, self.camera.n_samples), np.float32)
        for event, chosen in enumerate(gain):
            counts = self.waveforms[event, chosen, pixels].astype(np.float32)
            r1[event] = (counts - pedestal[chosen, pixels, None]) * dc_to_pe[chosen, pixels, None]
        return r1

    def _methods(self) -> list[tuple[str, str, kernels.Extractor]]:
        two_pass = kernels.TwoPass(core_threshold=CORE_THRESHOLD[self.camera.telescope])
        known: list[tuple[str, str, kernels.Extractor]]
        known = [*EXTRACTORS, ("two_pass", "TwoPassWindowSum", two_pass)]
        if self.camera.name == "flashcam":
            known.append(("flashcam", "FlashCamExtractor", kernels.FlashCam()))
        return known

    def _images(self) -> Iterator[Stage]:
        images, times, geometry = self.pulses.charge, self.pulses.peak_time, self.geometry
        masks = kernels.clean(images, geometry.neighbors, self.cuts)
        self.arrays |= {"image": images, "peak_time": times, "mask": masks}
        thresholds = {"picture": self.cuts.picture, "boundary": self.cuts.boundary}
        mars = kernels.Mars(**thresholds, min_picture_neighbors=MIN_NEIGHBORS)
        options = {
            "picture_thresh": self.cuts.picture,
            "boundary_thresh": self.cuts.boundary,
            "min_number_picture_neighbors": MIN_NEIGHBORS,
        }
        for name, method, way in (
            ("tailcuts", "tailcuts_clean", self.cuts),
            ("mars", "mars_cleaning_1st_pass", mars),
        ):
            job = cleaning_job(method, options, ["image", "peak_time"])
            call = partial(kernels.clean, images, geometry.neighbors, way)
            yield Stage(name, call, self.n_events, MASKS, job, f"{method}, of the same arrays")
        yield hillas_stage("hillas", images, masks, geometry, ["image", "mask"])
        yield Stage(
            "parameters",
            partial(kernels.describe, images, masks, geometry, peak_time=times),
            self.n_events,
            "all DL1 parameters of charges, times and masks in memory",
            {"do": "describe", "of": ["image", "peak_time", "mask"]},
            "the functions for each group of parameters, and the selection of the pixels",
        )

    def _sizes(self) -> Iterator[Stage]:
        """Yield what depends on the number of pixels: spots of one size in a quiet camera."""
        rng, geometry = np.random.default_rng(7), self.geometry
        for n_pixels in (30, 100, 1000):
            images, times, masks = spots(rng, geometry, n_pixels, self.n_events)
            named = [f"{name}_{n_pixels}" for name in ("image", "peak_time", "mask")]
            self.arrays |= dict(zip(named, (images, times, masks), strict=True))
            if n_pixels == 100:
                yield from self._slow_cleanings(images, times, named[:2])
            else:
                name = f"hillas_{n_pixels}"
                yield hillas_stage(name, images, masks, geometry, [named[0], named[2]])

    def _slow_cleanings(
        self, images: NDArray[Any], times: NDArray[Any], named: list[str]
    ) -> Iterator[Stage]:
        fact = kernels.Fact(picture=8.0, boundary=4.0)
        constrained = kernels.TimeConstrained(picture=8.0, boundary=4.0)
        long = {"picture_threshold": 8.0, "boundary_threshold": 4.0}
        short = {"picture_thresh": 8.0, "boundary_thresh": 4.0}
        for name, method, way, options in (
            ("fact_100", "fact_image_cleaning", fact, long),
            ("time_constrained_100", "time_constrained_clean", constrained, short),
        ):
            call = partial(kernels.clean, images, self.geometry.neighbors, way, peak_time=times)
            job = cleaning_job(method, options, named)
            yield Stage(name, call, len(images), MASKS, job, f"{method}, of the same arrays")


EXTRACTORS: tuple[tuple[str, str, kernels.Extractor], ...] = (
    ("fixed_window", "FixedWindowSum", kernels.FixedWindow()),
    ("full_waveform", "FullWaveformSum", kernels.FullWaveform()),
    ("global_peak", "GlobalPeakWindowSum", kernels.GlobalPeak()),
    ("local_peak", "LocalPeakWindowSum", kernels.LocalPeak()),
    ("neighbor_peak", "NeighborPeakWindowSum", kernels.NeighborPeak()),
    ("sliding_window", "SlidingWindowMaxSum", kernels.SlidingWindowMax()),
)
WITHOUT_CORRECTION = ("FullWaveformSum", "FlashCamExtractor")


def cleaning_job(method: str, options: dict[str, Any], of: list[str]) -> Job:
    """Return the peer's job of cleaning."""
    return {"do": "clean", "of": of, "with": {"method": method, "options": options}}


def hillas_stage(
    name: str,
    images: NDArray[Any],
    masks: NDArray[np.bool_],
    geometry: kernels.CameraGeometry,
    of: list[str],
) -> Stage:
    """Return the stage of Hillas parameters alone."""
    return Stage(
        name,
        partial(kernels.hillas, images, masks, geometry),
        len(images),
        "Hillas parameters with uncertainties, of charges and masks in memory",
        {"do": "hillas", "of": of},
        "hillas_parameters, and the selection of the pixels that it wants",
    )


def spots(
    rng: np.random.Generator, geometry: kernels.CameraGeometry, n_pixels: int, n_events: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return images, times and masks in which a round spot of so many pixels is bright."""
    images = rng.normal(0, 1, (n_events, geometry.n_pixels)).astype(np.float32)
    times = rng.uniform(0, 40, images.shape).astype(np.float32)
    masks = np.zeros(images.shape, np.bool_)
    for image, time_of, mask in zip(images, times, masks, strict=True):
        centre = rng.integers(geometry.n_pixels)
        distance = np.hypot(geometry.x - geometry.x[centre], geometry.y - geometry.y[centre])
        spot = np.argsort(distance)[:n_pixels]
        mask[spot] = True
        image[spot] = rng.uniform(10, 60, n_pixels)
        time_of[spot] = 20 + rng.normal(0, 0.7, n_pixels)
    return images, times, masks
