"""Cameras of CTAO and events of them: showers in the light of the night sky, as raw waveforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awlta.kernels import CameraGeometry, PixelShape

Arrays = dict[str, NDArray[Any]]

GAIN_THRESHOLD = 3500.0
PULSE_STEP = 0.1
"""ns"""


@dataclass(frozen=True)
class Camera:
    """A camera as its events need it.

    Pitch and focal length in m, rate in GHz, width of the pulse in ns.
    """

    name: str
    telescope: str
    shape: PixelShape
    n_pixels: int
    n_gains: int
    n_samples: int
    sampling_rate: float
    pitch: float
    pulse: float
    focal_length: float

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

    @property
    def sigma(self) -> float:
        """Standard deviation of the pulse, ns."""
        return self.pulse / 2.355

    def reference_pulse(self) -> NDArray[np.float64]:
        """Return the pulse of a photo-electron by gain, in steps of `PULSE_STEP`."""
        time = np.arange(0, 8 * self.sigma, PULSE_STEP)
        pulse = np.exp(-0.5 * ((time - 4 * self.sigma) / self.sigma) ** 2)
        return np.tile(pulse, (self.n_gains, 1))

    def described(self) -> dict[str, Any]:
        """Return it as ctapipe_side.py takes it."""
        return {
            "name": self.name,
            "type": self.telescope,
            "shape": self.shape,
            "n_gains": self.n_gains,
            "n_samples": self.n_samples,
            "sampling_rate": self.sampling_rate,
            "focal_length": self.focal_length,
            "gain_threshold": GAIN_THRESHOLD,
            "pulse_step": PULSE_STEP,
        }


CAMERAS = (
    Camera("lst", "LST", "hexagonal", 1855, 2, 40, 1.0, 0.05, 3.0, 29.3),
    Camera("nectarcam", "MST", "hexagonal", 1855, 2, 60, 1.0, 0.05, 3.0, 16.4),
    Camera("flashcam", "MST", "hexagonal", 1764, 1, 25, 0.25, 0.05, 20.0, 16.4),
    Camera("sst", "SST", "square", 2048, 1, 128, 1.0, 0.0065, 8.0, 2.15),
)


def synthetic_events(camera: Camera, geometry: CameraGeometry, n_events: int) -> Arrays:
    """Make showers of 60 to 4000 p.e. over a night sky of 0.2 p.e./ns, and their calibration."""
    rng = np.random.default_rng(20260)
    n_pixels, n_gains = geometry.n_pixels, camera.n_gains
    sigma = camera.sigma
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
