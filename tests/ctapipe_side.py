"""What ctapipe says of the same arrays: its side of tests and benchmarks.

    PYTHON ctapipe_side.py FOLDER

run by an interpreter that has ctapipe and nothing of ours. FOLDER has ``task.json`` (a camera,
jobs, repetitions) and ``arrays.npz``; answers go to ``answers.npz``, and CPU times of one thread,
microseconds an event, to ``times.json``. Events go one by one, as ctapipe takes them. What turns
its answers into arrays is not timed.
"""

import json
import sys
import time
import warnings
from functools import cached_property
from pathlib import Path

import astropy.units as u
import ctapipe
import numpy as np
from astropy.coordinates import EarthLocation
from ctapipe.calib.camera.calibrator import CameraCalibrator
from ctapipe.calib.camera.gainselection import ThresholdGainSelector
from ctapipe.containers import ArrayEventContainer, R1CameraContainer
from ctapipe.coordinates import CameraFrame
from ctapipe.image import (
    ImageProcessor,
    cleaning,
    concentration_parameters,
    descriptive_statistics,
    hillas_parameters,
    leakage_parameters,
    morphology_parameters,
    number_of_islands,
    tailcuts_clean,
    timing_parameters,
)
from ctapipe.image.extractor import ImageExtractor, extract_around_peak
from ctapipe.instrument import (
    CameraDescription,
    CameraGeometry,
    CameraReadout,
    OpticsDescription,
    ReflectorShape,
    SizeType,
    SubarrayDescription,
    TelescopeDescription,
)
from ctapipe.io.simteleventsource import apply_simtel_r1_calibration
from traitlets.config import Config

CACHE = np.zeros(1 << 24)
"""128 MiB, larger than the last cache; as in benchmarks/clocks.py."""

PREFIXES = {
    "hillas": "",
    "timing": "timing_",
    "leakage": "leakage_",
    "concentration": "concentration_",
    "morphology": "",
    "intensity_statistics": "intensity_",
    "peak_time_statistics": "peak_time_",
}


def number(value):
    """Strip the unit of a quantity or an angle; angles in rad."""
    if isinstance(value, u.Quantity):
        return value.to_value(u.rad) if value.unit.is_equivalent(u.rad) else value.value
    return value


def flat(groups):
    """Put groups of parameters into one row."""
    return {
        PREFIXES[name] + key: float(number(value))
        for name, group in groups.items()
        if name in PREFIXES
        for key, value in group.items()
        if key != "likelihood"
    }


class Peer:
    """A camera as ctapipe describes it, and what ctapipe does with an event of it."""

    def __init__(self, camera, arrays):
        self.camera, self.arrays = camera, arrays
        frame = CameraFrame(focal_length=camera["focal_length"] * u.m)
        self.geometry = CameraGeometry(
            name=camera["name"],
            pix_id=np.arange(len(arrays["x"])),
            pix_x=arrays["x"] * u.m,
            pix_y=arrays["y"] * u.m,
            pix_area=arrays["area"] * u.m**2,
            pix_type="hexagonal" if camera["shape"] == "hexagonal" else "rectangular",
            frame=frame,
        )
        self.selector = ThresholdGainSelector(threshold=camera["gain_threshold"])
        self.broken = np.zeros((camera["n_gains"], len(arrays["x"])), bool)

    @cached_property
    def subarray(self):
        """One telescope."""
        camera, focal_length = self.camera, self.camera["focal_length"] * u.m
        readout = CameraReadout(
            name=camera["name"],
            sampling_rate=camera["sampling_rate"] * u.GHz,
            n_pixels=len(self.arrays["x"]),
            n_channels=camera["n_gains"],
            n_samples=camera["n_samples"],
            reference_pulse_shape=self.arrays["pulse"],
            reference_pulse_sample_width=camera["pulse_step"] * u.ns,
        )
        optics = OpticsDescription(
            name=camera["type"],
            size_type=SizeType[camera["type"]],
            reflector_shape=ReflectorShape.PARABOLIC,
            n_mirrors=1,
            n_mirror_tiles=100,
            equivalent_focal_length=focal_length,
            effective_focal_length=focal_length,
            mirror_area=100 * u.m**2,
        )
        described = CameraDescription(camera["name"], self.geometry, readout)
        telescope = TelescopeDescription(camera["type"], optics, described)
        return SubarrayDescription(
            "one",
            tel_positions={1: np.zeros(3) * u.m},
            tel_descriptions={1: telescope},
            reference_location=EarthLocation.from_geodetic(-17.9 * u.deg, 28.8 * u.deg),
        )

    def calibrate(self, waveform, pedestal=None, dc_to_pe=None):
        """Return p.e. per sample of the chosen gain, and the gain."""
        constants = pedestal, dc_to_pe
        if pedestal is None:
            constants = self.arrays["pedestal"], self.arrays["dc_to_pe"]
        r1, gain = apply_simtel_r1_calibration(waveform, *constants, self.selector)
        return np.asarray(r1, np.float32), gain

    def extractor(self, method, options):
        """Return a function of a calibrated event."""
        if method is None:  # the function alone, without a component
            rate = self.camera["sampling_rate"]

            def local_peak(r1, _gain):
                charge, peak_time = extract_around_peak(r1, r1.argmax(axis=-1), 7, 3, rate)
                return {"charge": charge[0], "peak_time": peak_time[0]}

            return local_peak
        way = ImageExtractor.from_name(method, subarray=self.subarray, **options)

        def extracted(r1, gain):
            found = way(r1, tel_id=1, selected_gain_channel=gain, broken_pixels=self.broken)
            answer = {"charge": found.image, "is_valid": found.is_valid}
            return answer if found.peak_time is None else answer | {"peak_time": found.peak_time}

        return extracted

    def extract(self, method=None, options=None):
        """Return a function of a calibrated event, its gain taken from the arrays."""
        way = self.extractor(method, options or {})
        return lambda r1, gain: way(r1[None], gain)

    def extract_raw(self, method=None, options=None):
        """Return a function of a raw event."""
        way = self.extractor(method, options or {})

        def extracted(*raw):
            r1, gain = self.calibrate(*raw)
            return way(r1, gain) | {"gain": gain}

        return extracted

    def clean(self, method="tailcuts_clean", options=None):
        """Return a function of an image and its times."""
        call, options = getattr(cleaning, method), options or {}
        if method in ("tailcuts_clean", "mars_cleaning_1st_pass"):
            return lambda image, _: {"mask": call(self.geometry, image, **options)}
        if method == "nsb_image_cleaning":
            return lambda image, t: {"mask": call(self.geometry, image, arrival_times=t, **options)}
        return lambda image, t: {"mask": call(self.geometry, image, t, **options)}

    def islands(self):
        """Return a function of a mask."""

        def labelled(mask):
            n_islands, labels = number_of_islands(self.geometry, mask)
            return {"labels": labels, "n_islands": n_islands}

        return labelled

    def hillas(self):
        """Return a function of an image and its mask: Hillas parameters alone."""

        def moments(image, mask):
            if image[mask].sum() > 0 and mask.sum() > 1:
                hillas_parameters(self.geometry[mask], image[mask])
            return {}

        return moments

    def describe(self):
        """Return a function of an image, its times and its mask: all parameters of DL1."""

        def described(image, peak_time, mask):
            charge = image[mask]
            if not (charge.sum() > 0 and mask.sum() > 1):
                return {"is_described": False}
            small = self.geometry[mask]
            hillas = hillas_parameters(small, charge)
            times = peak_time[mask]
            groups = {
                "hillas": hillas,
                "leakage": leakage_parameters(self.geometry, image, mask),
                "concentration": concentration_parameters(small, charge, hillas),
                "morphology": morphology_parameters(self.geometry, mask),
                "intensity_statistics": descriptive_statistics(charge),
                "peak_time_statistics": descriptive_statistics(times),
                "timing": timing_parameters(small, charge, times, hillas),
            }
            return {"is_described": True, "groups": groups}

        return described

    def chain(self, picture, boundary, method=None, min_picture_neighbors=0):
        """Return a function of a raw event: functions to Hillas parameters."""
        way = self.extractor(method, {"apply_integration_correction": False})

        def parametrised(waveform):
            image = way(*self.calibrate(waveform))["charge"]
            mask = tailcuts_clean(
                self.geometry, image, picture, boundary, False, min_picture_neighbors
            )
            charge = image[mask]
            if charge.sum() > 0 and mask.sum() > 1:
                hillas_parameters(self.geometry[mask], charge)
            return {}

        return parametrised

    def components(self, picture, boundary, method, min_picture_neighbors=0):
        """Return a function of a raw event: components to all parameters of DL1."""
        extractor = ImageExtractor.from_name(
            method, subarray=self.subarray, apply_integration_correction=False
        )
        calibrator = CameraCalibrator(self.subarray, image_extractor=extractor)
        cuts = {
            "picture_threshold_pe": picture,
            "boundary_threshold_pe": boundary,
            "min_picture_neighbors": min_picture_neighbors,
        }
        config = Config({"ImageProcessor": {"TailcutsImageCleaner": cuts}})
        processor = ImageProcessor(self.subarray, config=config, use_telescope_frame=False)
        status = np.zeros(len(self.arrays["x"]), np.uint8)

        def processed(waveform):
            r1, gain = self.calibrate(waveform)
            event = ArrayEventContainer()
            event.r1.tel[1] = R1CameraContainer(
                waveform=r1, selected_gain_channel=gain, pixel_status=status
            )
            event.monitoring.tel[1].camera.coefficients.outlier_mask = self.broken
            calibrator(event)
            processor(event)
            return {"groups": event.dl1.tel[1].parameters}

        return processed


def row(answer):
    """Return an answer with its groups of parameters flat."""
    return {k: v for k, v in answer.items() if k != "groups"} | flat(answer.get("groups", {}))


def stacked(answers):
    """Turn a row an event into an array a name; what an event lacks is NaN."""
    answers = [row(answer) for answer in answers]
    names = {name for answer in answers for name in answer}
    return {name: np.array([answer.get(name, np.nan) for answer in answers]) for name in names}


def cpu_time(call, events, repeat):
    """Return the median CPU time per event, microseconds; no event is in a cache."""
    for event in events:
        call(*event)
    times = []
    for _ in range(repeat):
        np.add(CACHE, 1.0, out=CACHE)
        start = time.thread_time()
        for event in events:
            call(*event)
        times.append(time.thread_time() - start)
    return float(np.median(times)) / len(events) * 1e6


def main(folder):
    """Do the jobs of a task."""
    task = json.loads((folder / "task.json").read_text())
    arrays = dict(np.load(folder / "arrays.npz"))
    peer = Peer(task["camera"], arrays)
    answers, times = {}, {"version": ctapipe.__version__}
    for job in task["jobs"]:
        call = getattr(peer, job["do"])(**job.get("with", {}))
        events = list(zip(*(arrays[name] for name in job["of"]), strict=True))
        if job.get("repeat"):
            times[job["name"]] = cpu_time(call, events, job["repeat"])
        if job.get("answers", True):
            found = stacked([call(*event) for event in events])
            answers |= {f"{job['name']}.{name}": value for name, value in found.items()}
    np.savez(folder / "answers.npz", **answers)
    (folder / "times.json").write_text(json.dumps(times))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main(Path(sys.argv[1]))
