"""The peer's side of bench_kernels.py: run by an interpreter that has ctapipe, prints one JSON.

Takes the arrays and our results, times ctapipe's functions event by event, and says how far the
two are apart: fraction of different gains and mask pixels, worst relative or absolute difference.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import astropy.units as u
import ctapipe
import numpy as np
from ctapipe.calib.camera.gainselection import ThresholdGainSelector
from ctapipe.coordinates import CameraFrame
from ctapipe.image import (
    concentration_parameters,
    fact_image_cleaning,
    hillas_parameters,
    leakage_parameters,
    morphology_parameters,
    tailcuts_clean,
    time_constrained_clean,
)
from ctapipe.image.extractor import extract_around_peak
from ctapipe.instrument import CameraGeometry
from ctapipe.io.simteleventsource import apply_simtel_r1_calibration


def microseconds(call, inputs, repeat):
    """Return the median CPU time per event, microseconds."""
    for values in inputs[:5]:
        call(*values)
    times = []
    for _ in range(repeat):
        start = time.thread_time()
        for values in inputs:
            call(*values)
        times.append(time.thread_time() - start)
    return float(np.median(times)) / len(inputs) * 1e6


def number(value):
    """Strip the unit of a quantity or an angle; angles in rad."""
    if isinstance(value, u.Quantity):
        return value.to_value(u.rad) if value.unit.is_equivalent(u.rad) else value.value
    return value


def worst(ours, theirs):
    """Return the largest relative difference of values above 1e-6, with NaN equal to NaN."""
    if (np.isnan(ours) != np.isnan(theirs)).any():
        return float("inf")
    differences = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-6)
    return float(np.nanmax(differences, initial=0.0))


def main(directory, shape, sampling_rate, repeat):
    """Time and compare."""
    arrays = {file.stem: np.load(file) for file in Path(directory).glob("*.npy")}
    geometry = CameraGeometry(
        name="bench",
        pix_id=np.arange(len(arrays["x"])),
        pix_x=arrays["x"] * u.m,
        pix_y=arrays["y"] * u.m,
        pix_area=arrays["area"] * u.m**2,
        pix_type="hexagonal" if shape == "hexagonal" else "rectangular",
        frame=CameraFrame(focal_length=10 * u.m),
    )
    selector = ThresholdGainSelector(threshold=3500)
    picture, boundary = arrays["thresholds"].tolist()

    def charge(waveform):
        r1, gain = apply_simtel_r1_calibration(
            waveform, arrays["pedestal"], arrays["dc_to_pe"], selector
        )
        r1 = np.asarray(r1, np.float32)
        found, peak_time = extract_around_peak(r1, r1.argmax(axis=-1), 7, 3, sampling_rate)
        return found[0], peak_time[0], gain

    def clean(image):
        return tailcuts_clean(geometry, image, picture, boundary)

    def fact(image, peak_time):
        return fact_image_cleaning(geometry, image, peak_time, picture, boundary)

    def in_time(image, peak_time):
        return time_constrained_clean(geometry, image, peak_time, picture, boundary)

    def moments(image, mask):
        if image[mask].sum() > 0 and mask.sum() > 1:
            return hillas_parameters(geometry[mask], image[mask])
        return None

    def parameters(image, mask):
        found = moments(image, mask)
        if found is None:
            return None
        small = geometry[mask]
        groups = {
            "": found,
            "leakage_": leakage_parameters(geometry, image, mask),
            "concentration_": concentration_parameters(small, image[mask], found),
        }
        values = {p + k: number(v) for p, group in groups.items() for k, v in group.items()}
        return values | dict(morphology_parameters(geometry, mask).items())

    def chain(waveform):
        image = charge(waveform)[0]
        return moments(image, clean(image))

    waveforms = [(waveform,) for waveform in arrays["waveforms"]]
    images = [(image,) for image in arrays["charge"]]
    timed = list(zip(arrays["charge"], arrays["peak_time"], strict=True))
    cleaned = list(zip(arrays["charge"], arrays["masks"], strict=True))
    answer = {"version": ctapipe.__version__.rsplit(".", 1)[0]}
    for stage, call, inputs in (
        ("r0_to_charge", charge, waveforms),
        ("tailcuts", clean, images),
        ("fact", fact, timed),
        ("in_time", in_time, timed),
        ("hillas", moments, cleaned),
        ("parameters", parameters, cleaned),
        ("r0_to_hillas", chain, waveforms),
    ):
        answer[stage] = microseconds(call, inputs, repeat)

    found = [charge(*waveform) for waveform in waveforms]
    charges, times, gains = (np.array(part) for part in zip(*found, strict=True))
    answer["apart_gain"] = float((gains != arrays["gain"]).mean())
    answer["apart_charge"] = worst(arrays["charge"], charges)
    answer["apart_time_ns"] = float(np.abs(arrays["peak_time"] - times).max())
    masks = np.array([clean(*image) for image in images])
    answer["apart_masks"] = float((masks != arrays["masks"]).mean())
    rows = [parameters(*both) for both in cleaned]
    for name in arrays["parameters"].dtype.names:
        missing = -1 if name.startswith("n_") else np.nan
        theirs = np.array([missing if row is None else row[name] for row in rows], float)
        group = name.split("_")[0] if name.split("_")[0] in ("leakage", "concentration") else None
        key = "apart_" + (group or ("counts" if name.startswith("n_") else "hillas"))
        apart = worst(arrays["parameters"][name].astype(float), theirs)
        answer[key] = max(answer.get(key, 0.0), apart)
    print(json.dumps(answer))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
