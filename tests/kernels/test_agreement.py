"""Event by event, the kernels find what ctapipe finds: on telescope files and on made-up events."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cameras import CAMERAS, GAIN_THRESHOLD, PULSE_STEP, Arrays, synthetic_events
from peers import ABSENT, Answers, ask_ctapipe, ctapipe_python

from awlta import kernels
from awlta_recipes import events

EXTRACTORS: dict[str, kernels.Extractor] = {
    "FixedWindowSum": kernels.FixedWindow(peak_index=10),
    "FullWaveformSum": kernels.FullWaveform(),
    "GlobalPeakWindowSum": kernels.GlobalPeak(),
    "LocalPeakWindowSum": kernels.LocalPeak(),
    "NeighborPeakWindowSum": kernels.NeighborPeak(),
    "BaselineSubtractedNeighborPeakWindowSum": kernels.BaselineSubtractedNeighborPeak(),
    "SlidingWindowMaxSum": kernels.SlidingWindowMax(),
    "TwoPassWindowSum": kernels.TwoPass(),
    "VarianceExtractor": kernels.Variance(),
}
OPTIONS: dict[str, dict[str, Any]] = {
    **{name: {"apply_integration_correction": False} for name in EXTRACTORS},
    "FixedWindowSum": {"apply_integration_correction": False, "peak_index": 10},
    "FullWaveformSum": {},
    "VarianceExtractor": {},
}
PLAIN = {"picture_thresh": 7.0, "boundary_thresh": 4.0}
CLEANINGS: dict[str, tuple[str, dict[str, Any], kernels.Cleaning]] = {
    "tailcuts": (
        "tailcuts_clean",
        PLAIN,
        kernels.TailCuts(7.0, 4.0, min_picture_neighbors=0),
    ),
    "strict": (
        "tailcuts_clean",
        PLAIN | {"min_number_picture_neighbors": 2},
        kernels.TailCuts(7.0, 4.0, min_picture_neighbors=2),
    ),
    "isolated": (
        "tailcuts_clean",
        PLAIN | {"keep_isolated_pixels": True},
        kernels.TailCuts(7.0, 4.0, keep_isolated=True, min_picture_neighbors=0),
    ),
    "mars": (
        "mars_cleaning_1st_pass",
        PLAIN,
        kernels.Mars(7.0, 4.0, min_picture_neighbors=0),
    ),
    "fact": (
        "fact_image_cleaning",
        {"picture_threshold": 7.0, "boundary_threshold": 4.0},
        kernels.Fact(7.0, 4.0),
    ),
    "time": ("time_constrained_clean", PLAIN, kernels.TimeConstrained(7.0, 4.0)),
    "sky": (
        "nsb_image_cleaning",
        {
            "picture_thresh_min": 7.0,
            "boundary_thresh": 4.0,
            "time_limit": 5.0,
            "bright_cleaning_threshold": 267,
        },
        kernels.NightSky(7.0, 4.0, time_limit=5.0),
    ),
}
CORES = {"LST": 6.0, "MST": 8.0, "SST": 4.0}
"""p.e., what ctapipe takes between two passes."""

IN_FLOAT32 = (
    *("intensity_skewness", "intensity_kurtosis"),
    *("peak_time_skewness", "peak_time_kurtosis"),
)
"""Moments that ctapipe sums in float32, which small ones of many pixels show."""


def telescope_files() -> dict[str, Path]:
    """Return the simulated raw files of the test data by name."""
    folder = os.environ.get("AWLTA_TEST_DATA")
    return {} if folder is None else {p.name: p for p in sorted(Path(folder).glob("*.simtel.*"))}


@dataclass(eq=False)
class Sample:
    """Events of one camera, with constants for each."""

    camera: dict[str, Any]
    geometry: kernels.CameraGeometry
    arrays: Arrays


def synthetic() -> list[Sample]:
    """Return forty events of each camera."""
    samples = []
    for camera in CAMERAS:
        geometry = camera.geometry()
        made = synthetic_events(camera, geometry, 40)
        arrays = {"waveforms": made["waveforms"], "pulse": camera.reference_pulse()}
        for name in ("pedestal", "dc_to_pe"):
            arrays[name] = np.repeat(made[name][None], 40, axis=0)
        samples.append(Sample(camera.described(), geometry, arrays))
    return samples


def of_file(path: Any) -> list[Sample]:
    """Return all events of a file, camera by camera."""
    header = events.read_header(path)
    cameras: dict[Any, list[Any]] = {}
    for telescope in header.telescopes:
        camera = telescope.camera
        if camera.pixel_x is not None:
            key = (camera.name, camera.event_shape, camera.pixel_x.tobytes())
            cameras.setdefault(key, []).append(telescope)
    return [s for group in cameras.values() if (s := _sample(path, group)) is not None]


def _sample(path: Any, telescopes: list[Any]) -> Sample | None:
    camera = telescopes[0].camera
    geometry = kernels.CameraGeometry.from_positions(
        camera.pixel_x, camera.pixel_y, camera.pixel_shape
    )
    found: list[Arrays] = []
    for telescope in telescopes:
        brought = events.calibration_of(path, telescope.tel_id)
        if brought is None or brought.dc_to_pe is None:
            continue
        for block in events.iterate(path, telescope.tel_id):
            for waveforms in block.waveforms:
                found.append(
                    {
                        "waveforms": waveforms.astype(np.uint16),
                        "pedestal": brought.pedestal,
                        "dc_to_pe": brought.dc_to_pe,
                    }
                )
    if not found:
        return None
    arrays = {name: np.stack([event[name] for event in found]) for name in found[0]}
    size = "LST" if camera.name.startswith("LST") else "MST"
    described = {
        "name": camera.name,
        "type": size,
        "shape": camera.pixel_shape,
        "n_gains": camera.n_gains,
        "n_samples": camera.n_samples,
        "sampling_rate": camera.sampling_rate,
        "focal_length": 28.0,
        "gain_threshold": GAIN_THRESHOLD,
        "pulse_step": PULSE_STEP,
    }
    arrays["pulse"] = np.ones((camera.n_gains, 50))
    return Sample(described, geometry, arrays)


@cache
def asked(name: str) -> tuple[tuple[Sample, Answers], ...]:
    """Have ctapipe look at a file, or at the made-up events, once."""
    python = ctapipe_python()
    if python is None:
        pytest.skip(ABSENT)
    samples = synthetic() if name == "synthetic" else of_file(telescope_files()[name])
    return tuple((sample, _ask(python, sample)) for sample in samples)


def _ask(python: str, sample: Sample) -> Answers:
    pulses = extracted(sample, kernels.NeighborPeak())
    masks = kernels.clean(pulses.charge, sample.geometry.neighbors, CLEANINGS["tailcuts"][2])
    sample.arrays |= {"image": pulses.charge, "peak_time": pulses.peak_time, "mask": masks}
    geometry = sample.geometry
    pixels = {"x": geometry.x, "y": geometry.y, "area": geometry.area}
    raw = ["waveforms", "pedestal", "dc_to_pe"]
    jobs = [
        {"name": m, "do": "extract_raw", "of": raw, "with": {"method": m, "options": OPTIONS[m]}}
        for m in methods(sample)
    ]
    images = ["image", "peak_time"]
    jobs += [
        {"name": name, "do": "clean", "of": images, "with": {"method": method, "options": options}}
        for name, (method, options, _) in CLEANINGS.items()
    ]
    jobs.append({"name": "islands", "do": "islands", "of": ["mask"]})
    jobs.append({"name": "parameters", "do": "describe", "of": ["image", "peak_time", "mask"]})
    return ask_ctapipe(python, sample.camera, pixels | sample.arrays, jobs)


def methods(sample: Sample) -> list[str]:
    """Return the extractors that take waveforms of this length."""
    return [m for m in EXTRACTORS if sample.camera["n_samples"] > 10 or m == "LocalPeakWindowSum"]


def extracted(sample: Sample, extractor: kernels.Extractor) -> kernels.Pulses:
    """Extract, each event with its own constants."""
    arrays = sample.arrays
    found = [
        kernels.extract_raw(
            arrays["waveforms"][n : n + 1],
            arrays["pedestal"][n],
            arrays["dc_to_pe"][n],
            extractor,
            threshold=GAIN_THRESHOLD,
            sampling_rate=sample.camera["sampling_rate"],
            geometry=sample.geometry,
        )
        for n in range(len(arrays["waveforms"]))
    ]
    names = ("charge", "peak_time", "selected_gain", "is_valid")
    return kernels.Pulses(*(np.concatenate([getattr(f, name) for f in found]) for name in names))


def _alike(ours: Any, theirs: Any) -> Any:
    """Tell in which events all charges are equal."""
    return np.isclose(ours, theirs, 1e-6, 1e-5).all(axis=1)


SOURCES = ["synthetic", *telescope_files()]
pytestmark = pytest.mark.parametrize("source", SOURCES)


def test_gain_charge_and_time_are_those_of_ctapipe(source):
    for sample, answers in asked(source):
        for method in methods(sample):
            extractor = EXTRACTORS[method]
            if method == "TwoPassWindowSum":
                extractor = kernels.TwoPass(CORES[sample.camera["type"]])
            pulses = extracted(sample, extractor)
            theirs = {name: answers.arrays[f"{method}.{name}"] for name in ("charge", "gain")}
            np.testing.assert_array_equal(pulses.selected_gain, theirs["gain"])
            charge = theirs["charge"].reshape(pulses.charge.shape)
            times = answers.arrays.get(f"{method}.peak_time", pulses.peak_time)
            events = slice(None)
            if method == "TwoPassWindowSum":
                # its line is fitted from random starts, which ctapipe draws anew for each event
                found = _alike(pulses.charge, charge)
                assert (~found).sum() <= max(2, 0.15 * len(found))
                events = found
            np.testing.assert_allclose(
                pulses.charge[events], charge[events], 1e-6, 1e-5, err_msg=method
            )
            np.testing.assert_allclose(
                pulses.peak_time[events], times[events], 0, 1e-3, err_msg=method
            )


def test_masks_and_labels_are_those_of_ctapipe(source):
    for sample, answers in asked(source):
        images, times = sample.arrays["image"], sample.arrays["peak_time"]
        for name, (_, _, cleaning) in CLEANINGS.items():
            masks = kernels.clean(images, sample.geometry.neighbors, cleaning, peak_time=times)
            np.testing.assert_array_equal(masks, answers.arrays[f"{name}.mask"], err_msg=name)
        labels, n_islands = kernels.islands(sample.arrays["mask"], sample.geometry.neighbors)
        np.testing.assert_array_equal(labels, answers.arrays["islands.labels"])
        np.testing.assert_array_equal(n_islands, answers.arrays["islands.n_islands"])


def test_parameters_are_those_of_ctapipe(source):
    for sample, answers in asked(source):
        rows = kernels.describe(
            sample.arrays["image"],
            sample.arrays["mask"],
            sample.geometry,
            peak_time=sample.arrays["peak_time"],
        )
        described = answers.arrays["parameters.is_described"].astype(bool)
        np.testing.assert_array_equal(np.isfinite(rows["intensity"]), described)
        for name in kernels.PARAMETERS.names:
            if not described.any():
                continue
            ours, theirs = rows[name][described], answers.arrays[f"parameters.{name}"][described]
            if name.startswith("n_"):
                np.testing.assert_array_equal(ours, theirs, err_msg=name)
            elif name in IN_FLOAT32:
                np.testing.assert_allclose(ours, theirs, 1e-3, 1e-3, err_msg=name)
            elif name.startswith("timing_"):
                # both begin at random, and some lines have several ends
                apart = ~np.isclose(ours, theirs, 0.05, 1e-3, equal_nan=True)
                assert apart.sum() <= max(2, 0.2 * len(apart)), name
            else:
                np.testing.assert_allclose(ours, theirs, 1e-5, 1e-6, err_msg=name)
