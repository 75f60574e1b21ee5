"""Kernels against ctapipe and against the memory: raw waveforms to image parameters, one core.

    taskset -c 0 python tests/benchmarks/bench_kernels.py [--events 200] [--repeat 7]

With AWLTA_PEER_PYTHON naming an interpreter that can import ctapipe, the peer works on the same
arrays in the same run. CPU time of one thread, median of the repetitions, batch calls of ours,
event by event for the peer, which has no batches. Prints a table, then one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.kernels import (
    CameraGeometry,
    Fact,
    PixelShape,
    Pulses,
    Showers,
    TimeConstrained,
    clean,
    describe,
    extract_raw,
    hillas,
    instruction_set,
    parametrise_raw,
    tailcuts,
)

Arrays = dict[str, NDArray[Any]]

THRESHOLD = 3500.0
PEER = Path(__file__).with_name("peer_ctapipe.py")


@dataclass(frozen=True)
class Camera:
    """A camera as its events need it; the pitch in m, the rate in GHz, the pulse width in ns."""

    name: str
    shape: PixelShape
    n_pixels: int
    n_gains: int
    n_samples: int
    sampling_rate: float
    pitch: float
    pulse: float

    def geometry(self) -> CameraGeometry:
        """Cut the camera out of its grid, round if hexagonal, without corners if square."""
        column, row = (axis.ravel() for axis in np.meshgrid(np.arange(-60, 60), np.arange(-60, 60)))
        if self.shape == "square":
            outer = np.maximum(abs(column + 0.5), abs(row + 0.5))
            inner = np.minimum(abs(column + 0.5), abs(row + 0.5))
            keep = (outer < 24) & ~((outer > 16) & (inner > 16))
            x, y = column[keep] * self.pitch, row[keep] * self.pitch
        else:
            x, y = self.pitch * (column + 0.5 * row), self.pitch * np.sqrt(0.75) * row
            keep = np.sort(np.argsort(np.hypot(x, y), kind="stable")[: self.n_pixels])
            x, y = x[keep], y[keep]
        return CameraGeometry.from_positions(x, y, self.shape)


CAMERAS = (
    Camera("lst", "hexagonal", 1855, 2, 40, 1.0, 0.05, 3.0),
    Camera("nectarcam", "hexagonal", 1855, 2, 60, 1.0, 0.05, 3.0),
    Camera("flashcam", "hexagonal", 1764, 1, 25, 0.25, 0.05, 20.0),
    Camera("sst", "square", 2048, 1, 128, 1.0, 0.0065, 8.0),
)


def synthetic_events(camera: Camera, geometry: CameraGeometry, n_events: int) -> Arrays:
    """Make showers of 60 to 4000 p.e. over a night sky of 0.2 p.e./ns, and their calibration."""
    rng = np.random.default_rng(20260)
    n_pixels, n_gains = geometry.n_pixels, camera.n_gains
    sigma = camera.pulse / 2.355
    ns = np.arange(camera.n_samples) / camera.sampling_rate
    gain = np.array([20.0, 1.2])[:n_gains, None]
    pedestal = rng.normal(300, 15, (n_gains, n_pixels)).astype(np.float32)
    area = sigma * np.sqrt(2 * np.pi) * camera.sampling_rate
    spread = rng.normal(1, 0.03, (n_gains, n_pixels))
    dc_to_pe = (spread / (gain * area)).astype(np.float32)
    waveforms = np.empty((n_events, n_gains, n_pixels, camera.n_samples), np.uint16)
    sky_kernel = np.exp(-0.5 * ((ns - ns.mean()) / sigma) ** 2)
    for event in waveforms:
        charge, delay = shower(rng, geometry)
        pulse_time = 0.45 * ns[-1] + delay
        trace = charge[:, None] * np.exp(-0.5 * ((ns - pulse_time[:, None]) / sigma) ** 2)
        sky = rng.poisson(0.2 / camera.sampling_rate, trace.shape) - 0.2 / camera.sampling_rate
        trace += np.apply_along_axis(np.convolve, 1, sky, sky_kernel, "same")
        for channel in range(n_gains):
            noise = rng.normal(0, (4.0, 1.5)[channel], trace.shape)
            counts = pedestal[channel, :, None] + gain[channel] * trace + noise
            event[channel] = np.clip(np.rint(counts), 0, 4095)
    return {"waveforms": waveforms, "pedestal": pedestal, "dc_to_pe": dc_to_pe}


def shower(rng: np.random.Generator, geometry: CameraGeometry) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return p.e. and delay in ns of each pixel for one elliptical image."""
    radius = np.hypot(geometry.x, geometry.y).max()
    distance, angle = 0.7 * radius * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
    psi = rng.uniform(0, np.pi)
    x, y = geometry.x - distance * np.cos(angle), geometry.y - distance * np.sin(angle)
    along, across = x * np.cos(psi) + y * np.sin(psi), y * np.cos(psi) - x * np.sin(psi)
    length, width = radius * rng.uniform(0.06, 0.16), radius * rng.uniform(0.025, 0.05)
    light = np.exp(-0.5 * ((along / length) ** 2 + (across / width) ** 2))
    charge = rng.poisson(light / light.sum() * 10 ** rng.uniform(1.8, 3.6))
    return charge, 6 * along / radius + rng.normal(0, 0.5, len(x))


def microseconds(call: Callable[[], object], n_events: int, repeat: int) -> float:
    """Return the median CPU time per event, microseconds."""
    call()
    times = []
    for _ in range(repeat):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return float(np.median(times)) / n_events * 1e6


def read_bandwidth(repeat: int) -> float:
    """Return what one core reads from memory, bytes/s: a sum that does little else."""
    numbers = np.ones(1 << 26)
    return numbers.nbytes / microseconds(numbers.view(np.int64).sum, 1, repeat) * 1e6


def measure(
    events: Arrays, geometry: CameraGeometry, sampling_rate: float, repeat: int
) -> tuple[dict[str, float], Arrays]:
    """Time our stages; return them and the results for the comparison."""

    def extracted(waveforms: NDArray[np.uint16]) -> Pulses:
        return extract_raw(
            waveforms,
            events["pedestal"],
            events["dc_to_pe"],
            threshold=THRESHOLD,
            sampling_rate=sampling_rate,
        )

    def fused(waveforms: NDArray[np.uint16]) -> Showers:
        return parametrise_raw(
            waveforms,
            events["pedestal"],
            events["dc_to_pe"],
            geometry,
            picture,
            boundary,
            threshold=THRESHOLD,
            sampling_rate=sampling_rate,
            keep_images=False,
        )

    waveforms = events["waveforms"]
    n_events = len(waveforms)
    pulses = extracted(waveforms)
    picture = float(np.median(pulses.charge) + 6)
    boundary = picture - 3
    masks = tailcuts(pulses.charge, geometry.neighbors, picture, boundary)
    fact, in_time = Fact(picture, boundary), TimeConstrained(picture, boundary)
    neighbors = geometry.neighbors
    stages: dict[str, Callable[[], object]] = {
        "r0_to_charge": lambda: extracted(waveforms),
        "tailcuts": lambda: tailcuts(pulses.charge, neighbors, picture, boundary),
        "fact": lambda: clean(pulses.charge, neighbors, fact, peak_time=pulses.peak_time),
        "in_time": lambda: clean(pulses.charge, neighbors, in_time, peak_time=pulses.peak_time),
        "hillas": lambda: hillas(pulses.charge, masks, geometry),
        "parameters": lambda: describe(pulses.charge, masks, geometry),
        "r0_to_hillas": lambda: fused(waveforms),
    }
    times = {name: microseconds(call, n_events, repeat) for name, call in stages.items()}
    times["one_event_call"] = microseconds(lambda: fused(waveforms[:1]), 1, 200)
    results: Arrays = {
        "gain": pulses.selected_gain,
        "charge": pulses.charge,
        "peak_time": pulses.peak_time,
        "masks": masks,
        "parameters": describe(pulses.charge, masks, geometry),
        "thresholds": np.array([picture, boundary]),
    }
    return times, results


def ask_peer(
    camera: Camera, geometry: CameraGeometry, events: Arrays, results: Arrays,
    repeat: int,
) -> dict[str, Any]:  # fmt: skip
    """Run the peer on the same arrays; return its times and how far we are apart, or nothing."""
    python = os.environ.get("AWLTA_PEER_PYTHON")
    if not python:
        return {}
    single = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as directory:
        pixels = {"x": geometry.x, "y": geometry.y, "area": geometry.area}
        for name, array in (pixels | events | results).items():
            np.save(Path(directory) / f"{name}.npy", array)
        command = [
            python,
            str(PEER),
            directory,
            camera.shape,
            str(camera.sampling_rate),
            str(repeat),
        ]
        answer = subprocess.run(
            command, capture_output=True, text=True, check=True,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | single,
        )  # fmt: skip
    return dict(json.loads(answer.stdout))


def figures(
    camera: Camera, times: dict[str, float], peer: dict[str, Any], limit: float
) -> list[dict[str, Any]]:
    """Turn times into rates, with the peer and the limit where they apply."""
    lines = []
    for stage, ours in times.items():
        line: dict[str, Any] = {
            "figure": f"{camera.name}_{stage}", "value": round(1e6 / ours), "unit": "events/s",
        }  # fmt: skip
        if stage in peer:
            line |= {
                "peer": f"ctapipe {peer['version']} functions",
                "peer_value": round(1e6 / peer[stage]),
                "ratio": round(peer[stage] / ours, 1),
            }
        if stage in ("r0_to_charge", "r0_to_hillas"):
            line |= {
                "limit": "read bandwidth, all bytes",
                "limit_value": round(limit),
                "limit_share": round(1e6 / ours / limit, 3),
            }
        lines.append(line)
    apart = {name: value for name, value in peer.items() if name.startswith("apart_")}
    for name, value in apart.items():
        lines.append({"figure": f"{camera.name}_{name}", "value": value, "unit": "worst case"})
    return lines


def main() -> None:
    """Measure every camera and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--camera", choices=[camera.name for camera in CAMERAS])
    chosen = parser.parse_args()
    bandwidth = read_bandwidth(chosen.repeat)
    print(f"with {instruction_set()}; one core reads {bandwidth / 1e9:.1f} GB/s")
    print("r0_to_hillas: gain, calibration, local peak charge and time, tail cuts, all parameters;")
    print("fused, masks and parameters written to memory, images not")
    if "AWLTA_PEER_PYTHON" not in os.environ:
        print("ours only: AWLTA_PEER_PYTHON names no interpreter with ctapipe")
    print(f"{'':32}{'events/s':>12}{'us/event':>10}{'peer':>10}{'ratio':>8}{'of limit':>10}")
    lines: list[dict[str, Any]] = []
    for camera in CAMERAS:
        if chosen.camera in (None, camera.name):
            geometry = camera.geometry()
            events = synthetic_events(camera, geometry, chosen.events)
            times, results = measure(events, geometry, camera.sampling_rate, chosen.repeat)
            peer = ask_peer(camera, geometry, events, results, chosen.repeat)
            limit = bandwidth * chosen.events / events["waveforms"].nbytes
            lines += figures(camera, times, peer, limit)
    for line in lines:
        if line["unit"] == "events/s":
            cells = (line.get("peer_value", ""), line.get("ratio", ""), line.get("limit_share", ""))
            print(
                f"{line['figure']:32}{line['value']:12}{1e6 / line['value']:10.1f}"
                + "".join(f"{cell:>{n}}" for cell, n in zip(cells, (10, 8, 10), strict=True))
            )
        else:
            print(f"{line['figure']:32}{line['value']:12.1e}")
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
