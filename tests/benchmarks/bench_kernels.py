"""Kernels against ctapipe and against the memory: raw waveforms to image parameters, one core.

    python tests/benchmarks/bench_kernels.py [--events 200] [--rounds 3] [--camera NAME] [--no-peer]

ctapipe works on the same arrays in the same run if it is there (scripts/peers kernels). CPU time
of one thread on one core, median of the repetitions; batch calls of ours, event by event for the
peer, which has no batches. Prints a table, then one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from cameras import CAMERAS, GAIN_THRESHOLD, PULSE_STEP, Arrays, Camera, synthetic_events
from peers import ABSENT, Job, ask_ctapipe, ctapipe_python

from awlta import kernels

ALL_CORES = os.sched_getaffinity(0)
ONE_CORE = {min(ALL_CORES)}

FUSED = "gain, calibration, charge and time, tail cuts, all parameters with timing and statistics"
BETWEEN = "; one pass, masks and rows written to memory, images not"
INCLUDED = {
    "r0_to_charge": "gain, calibration, local peak charge and time, written to memory",
    "r0_to_hillas": FUSED + BETWEEN + " (peer: functions, Hillas parameters alone)",
    "r0_to_hillas_neighbor_peak": "the same by the peaks of the neighbours",
    "all_parameters": FUSED + BETWEEN + " (peer: CameraCalibrator and ImageProcessor)",
    "one_event_call": "what a call with one event costs more than an event of a batch",
    "two_threads": "how many times one thread, by the clock",
}


def cpu_time(call: Callable[[], object], n_events: int, repeat: int) -> float:
    """Return the median CPU time per event, microseconds."""
    call()
    times = []
    for _ in range(repeat):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return float(np.median(times)) / n_events * 1e6


def clock_time(call: Callable[[], object], repeat: int) -> float:
    """Return the shortest time by the clock, microseconds."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e6


def read_bandwidth(repeat: int) -> float:
    """Return what one core reads from memory, bytes/s: a sum that does little else."""
    numbers = np.ones(1 << 26)
    return numbers.nbytes / cpu_time(numbers.view(np.int64).sum, 1, repeat) * 1e6


class Bench:
    """One camera, its events, and what is timed with them."""

    def __init__(self, camera: Camera, n_events: int, repeat: int) -> None:
        self.camera, self.repeat = camera, repeat
        self.geometry = camera.geometry()
        self.events = synthetic_events(camera, self.geometry, n_events)
        self.n_events = n_events
        self.times: dict[str, float] = {}
        self.jobs: list[Job] = []
        self.arrays: Arrays = {
            "x": self.geometry.x,
            "y": self.geometry.y,
            "area": self.geometry.area,
            "pulse": camera.reference_pulse(),
            **self.events,
        }

    def time(
        self, name: str, ours: Callable[[], object], n_events: int | None = None, **job: Any
    ) -> None:
        """Time ours now, and have the peer do its job later."""
        self.times[name] = cpu_time(ours, n_events or self.n_events, self.repeat)
        if job:
            self.jobs.append({"name": name, "repeat": self.repeat, "answers": False, **job})

    def chain(self, extractor: kernels.Extractor, cleaning: kernels.Cleaning) -> kernels.Chain:
        """Return the chain from raw events to parameters."""
        return kernels.Chain(
            self.geometry,
            pedestal=self.events["pedestal"],
            dc_to_pe=self.events["dc_to_pe"],
            sampling_rate=self.camera.sampling_rate,
            gain_threshold=GAIN_THRESHOLD,
            extractor=extractor,
            cleaning=cleaning,
        )

    def run(self) -> None:
        """Time all stages of a camera."""
        raw = {"of": ["waveforms"]}
        waveforms = self.events["waveforms"]
        pulses = self._extract_raw()
        picture = float(np.median(pulses.charge) + 6)
        cuts = {"picture": picture, "boundary": picture - 3}
        cleaning = kernels.TailCuts(**cuts)
        chain = self.chain(kernels.LocalPeak(), cleaning)
        self.time("r0_to_charge", self._extract_raw, do="extract_raw", **raw)
        fused = lambda: chain(waveforms, keep_images=False)  # noqa: E731
        self.time("r0_to_hillas", fused, do="chain", **{"with": cuts}, **raw)
        by_neighbors = self.chain(kernels.NeighborPeak(), cleaning)
        method = {"method": "NeighborPeakWindowSum"}
        self.time(
            "r0_to_hillas_neighbor_peak",
            lambda: by_neighbors(waveforms, keep_images=False),
            do="chain",
            **{"with": cuts | method},
            **raw,
        )
        by_peak = {"method": "LocalPeakWindowSum"}
        self.time("all_parameters", fused, do="components", **{"with": cuts | by_peak}, **raw)
        self._time_calls(chain)
        self._time_extractors()
        self._time_images(pulses, cleaning)
        if self.camera.name == "lst":
            self._time_sizes()

    def _extract_raw(self) -> kernels.Pulses:
        return kernels.extract_raw(
            self.events["waveforms"],
            self.events["pedestal"],
            self.events["dc_to_pe"],
            threshold=GAIN_THRESHOLD,
            sampling_rate=self.camera.sampling_rate,
        )

    def _time_calls(self, chain: kernels.Chain) -> None:
        waveforms, repeat = self.events["waveforms"], self.repeat
        ones = [waveforms[n : n + 1] for n in range(self.n_events)]
        one_by_one = lambda: [chain(one, keep_images=False) for one in ones]  # noqa: E731
        share = self.times["r0_to_hillas"]
        self.times["one_event_call"] = cpu_time(one_by_one, self.n_events, repeat) - share
        os.sched_setaffinity(0, ALL_CORES)
        both = [
            clock_time(lambda: chain(waveforms, threads=n, keep_images=False), repeat)  # noqa: B023
            for n in (1, 2)
        ]
        self.times["two_threads"] = both[0] / both[1]
        os.sched_setaffinity(0, ONE_CORE)

    def _time_extractors(self) -> None:
        events, camera = self.events, self.camera
        gain = kernels.select_gain(events["waveforms"], GAIN_THRESHOLD)
        pixels = np.arange(self.geometry.n_pixels)
        r1 = np.empty((*gain.shape, camera.n_samples), np.float32)
        for event, chosen in enumerate(gain):
            counts = events["waveforms"][event, chosen, pixels].astype(np.float32)
            r1[event] = counts - events["pedestal"][chosen, pixels, None]
            r1[event] *= events["dc_to_pe"][chosen, pixels, None]
        self.arrays |= {"r1": r1, "gain": gain}
        for name, method, extractor in self._extractors():
            off = {} if method in NO_CORRECTION else {"apply_integration_correction": False}
            self.time(
                f"extract_{name}",
                lambda: kernels.extract(
                    r1,
                    extractor,  # noqa: B023
                    sampling_rate=camera.sampling_rate,
                    geometry=self.geometry,
                    correction=self._deconvolution(extractor),  # noqa: B023
                ),
                do="extract",
                of=["r1", "gain"],
                **{"with": {"method": method, "options": off}},
            )

    def _deconvolution(self, extractor: kernels.Extractor) -> kernels.Correction | None:
        if not isinstance(extractor, kernels.FlashCam):
            return None
        pulse, rate = self.camera.reference_pulse(), self.camera.sampling_rate
        return kernels.pulse_correction(pulse, PULSE_STEP, rate, extractor)

    def _extractors(self) -> list[tuple[str, str, kernels.Extractor]]:
        known = EXTRACTORS
        if self.camera.name == "flashcam":
            known = (*known, ("flashcam", "FlashCamExtractor", kernels.FlashCam()))
        return list(known)

    def _time_images(self, pulses: kernels.Pulses, cleaning: kernels.TailCuts) -> None:
        images, times, geometry = pulses.charge, pulses.peak_time, self.geometry
        masks = kernels.clean(images, geometry.neighbors, cleaning)
        self.arrays |= {"image": images, "peak_time": times, "mask": masks}
        cuts = {"picture_thresh": cleaning.picture, "boundary_thresh": cleaning.boundary}
        thresholds = {"picture": cleaning.picture, "boundary": cleaning.boundary}
        of = ["image", "peak_time"]
        for name, method, way in (
            ("tailcuts", "tailcuts_clean", cleaning),
            ("mars", "mars_cleaning_1st_pass", kernels.Mars(**thresholds)),
        ):
            self.time(
                name,
                lambda: kernels.clean(images, geometry.neighbors, way),  # noqa: B023
                do="clean",
                of=of,
                **{"with": {"method": method, "options": cuts}},
            )
        self.time(
            "hillas",
            lambda: kernels.hillas(images, masks, geometry),
            do="hillas",
            of=["image", "mask"],
        )
        self.time(
            "parameters",
            lambda: kernels.describe(images, masks, geometry, peak_time=times),
            do="describe",
            of=["image", "peak_time", "mask"],
        )

    def _time_sizes(self) -> None:
        """Time what depends on the number of pixels: showers of one size in a quiet camera."""
        rng, geometry = np.random.default_rng(7), self.geometry
        for n_pixels in (30, 100, 1000):
            images, times, masks = _images_of(rng, geometry, n_pixels, 200)
            self.arrays |= {
                f"image_{n_pixels}": images,
                f"peak_time_{n_pixels}": times,
                f"mask_{n_pixels}": masks,
            }
            if n_pixels == 100:
                self._time_slow_cleanings(images, times)
            else:
                self.time(
                    f"hillas_{n_pixels}",
                    lambda: kernels.hillas(images, masks, geometry),  # noqa: B023
                    len(images),
                    do="hillas",
                    of=[f"image_{n_pixels}", f"mask_{n_pixels}"],
                )

    def _time_slow_cleanings(self, images: NDArray[Any], times: NDArray[Any]) -> None:
        cuts = {"picture_threshold": 8.0, "boundary_threshold": 4.0}
        named = {"picture_thresh": 8.0, "boundary_thresh": 4.0}
        for name, method, way, options in (
            ("fact_100", "fact_image_cleaning", kernels.Fact(picture=8.0, boundary=4.0), cuts),
            (
                "time_constrained_100",
                "time_constrained_clean",
                kernels.TimeConstrained(picture=8.0, boundary=4.0),
                named,
            ),
        ):
            self.time(
                name,
                lambda: kernels.clean(images, self.geometry.neighbors, way, peak_time=times),  # noqa: B023
                len(images),
                do="clean",
                of=["image_100", "peak_time_100"],
                **{"with": {"method": method, "options": options}},
            )


EXTRACTORS: tuple[tuple[str, str, kernels.Extractor], ...] = (
    ("fixed_window", "FixedWindowSum", kernels.FixedWindow()),
    ("full_waveform", "FullWaveformSum", kernels.FullWaveform()),
    ("global_peak", "GlobalPeakWindowSum", kernels.GlobalPeak()),
    ("local_peak", "LocalPeakWindowSum", kernels.LocalPeak()),
    ("neighbor_peak", "NeighborPeakWindowSum", kernels.NeighborPeak()),
    ("sliding_window", "SlidingWindowMaxSum", kernels.SlidingWindowMax()),
    ("two_pass", "TwoPassWindowSum", kernels.TwoPass()),
)
NO_CORRECTION = ("FullWaveformSum", "FlashCamExtractor")


def _images_of(
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


Round = tuple[dict[str, float], dict[str, Any]]
"""Times of ours and of the peer."""


def one_round(bench: Bench, python: str | None) -> Round:
    """Time ours, and the peer right after it: the machine is not equally fast all the time."""
    bench.times, bench.jobs = {}, []
    bench.run()
    if python is None:
        return bench.times, {}
    peer = ask_ctapipe(python, bench.camera.described(), bench.arrays, bench.jobs)
    return bench.times, peer.times


def figures(bench: Bench, rounds: list[Round], bandwidth: float) -> list[dict[str, Any]]:
    """Turn times into rates, with the peer and the limit where they apply; medians of rounds."""
    lines = []
    limit = bandwidth * bench.n_events / bench.events["waveforms"].nbytes
    for stage in rounds[0][0]:
        ours = float(np.median([times[stage] for times, _ in rounds]))
        line: dict[str, Any] = {"figure": f"{bench.camera.name}_{stage}"}
        if stage == "two_threads":
            line |= {"value": round(ours, 2), "unit": "times one thread"}
        elif stage == "one_event_call":
            line |= {"value": round(ours, 1), "unit": "us"}
        else:
            line |= {"value": round(1e6 / ours), "unit": "events/s"}
        if stage in INCLUDED:
            line["includes"] = INCLUDED[stage]
        if stage in rounds[0][1]:
            theirs = float(np.median([peer[stage] for _, peer in rounds]))
            ratio = float(np.median([peer[stage] / times[stage] for times, peer in rounds]))
            kind = "components" if stage == "all_parameters" else "functions"
            line |= {
                "peer": f"ctapipe {rounds[0][1]['version']} {kind}",
                "peer_value": round(1e6 / theirs),
                "ratio": round(ratio, 1),
            }
        if stage.startswith("r0_to") or stage == "all_parameters":
            line |= {
                "limit": "read bandwidth, all bytes",
                "limit_value": round(limit),
                "limit_share": round(1e6 / ours / limit, 3),
            }
        lines.append(line)
    return lines


def show(lines: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'':40}{'events/s':>10}{'us/event':>10}{'peer':>9}{'ratio':>8}{'of limit':>10}")
    for line in lines:
        if line["unit"] == "events/s":
            cells = [line.get(key, "") for key in ("peer_value", "ratio", "limit_share")]
            print(
                f"{line['figure']:40}{line['value']:10}{1e6 / line['value']:10.1f}"
                + "".join(f"{cell:>{n}}" for cell, n in zip(cells, (9, 8, 10), strict=True))
            )
        else:
            print(f"{line['figure']:40}{line['value']:10} {line['unit']}")
    for name, text in INCLUDED.items():
        print(f"{name}: {text}")


def main() -> None:
    """Measure every camera and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3, help="of ours and the peer, by turns")
    parser.add_argument("--camera", choices=[camera.name for camera in CAMERAS])
    parser.add_argument("--no-peer", action="store_true")
    chosen = parser.parse_args()
    python = None if chosen.no_peer else ctapipe_python()
    if python is None and not chosen.no_peer:
        print(f"Ours only: {ABSENT}")
    os.sched_setaffinity(0, ONE_CORE)
    lines: list[dict[str, Any]] = []
    bandwidth = read_bandwidth(chosen.repeat)
    print(f"{kernels.instruction_set()}; one core reads {bandwidth / 1e9:.1f} GB/s")
    for camera in CAMERAS:
        if chosen.camera in (None, camera.name):
            bench = Bench(camera, chosen.events, chosen.repeat)
            rounds = [one_round(bench, python) for _ in range(chosen.rounds)]
            share = read_bandwidth(chosen.repeat)
            lines += figures(bench, rounds, share)
    show(lines)
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
