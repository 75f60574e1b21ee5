"""Cameras small enough to draw, and one large enough to be real."""

import numpy as np
import pytest

from awlta.kernels import CameraGeometry


def hexagonal_grid(n_rows):
    """Rows of pixels one apart, every other row shifted by half a pixel."""
    row, column = np.divmod(np.arange(n_rows * n_rows), n_rows)
    return column + 0.5 * (row % 2), row * np.sqrt(3) / 2


@pytest.fixture(scope="session")
def hexagon():
    """Pixel 0 in the middle, 1 to 6 around it, one apart, from the right counter-clockwise."""
    angle = np.arange(6) * np.pi / 3
    x, y = np.append(0.0, np.cos(angle)), np.append(0.0, np.sin(angle))
    return CameraGeometry.from_positions(x, y, "hexagonal")


@pytest.fixture(scope="session")
def camera():
    """400 hexagonal pixels of 0.1 degrees."""
    x, y = hexagonal_grid(20)
    return CameraGeometry.from_positions(0.1 * x, 0.1 * y, "hexagonal")


@pytest.fixture(scope="session")
def images(camera):
    """float32 (60, 400): noise of 1 p.e., and showers of 10 to 3000 p.e. in it."""
    rng = np.random.default_rng(1906)
    images = rng.normal(0.0, 1.0, (60, camera.n_pixels))
    for image in images:
        x, y = camera.x - rng.uniform(0, 2), camera.y - rng.uniform(0, 1.7)
        psi, length, width = rng.uniform(0, np.pi), rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.1)
        along, across = x * np.cos(psi) + y * np.sin(psi), y * np.cos(psi) - x * np.sin(psi)
        light = np.exp(-0.5 * ((along / length) ** 2 + (across / width) ** 2))
        image += rng.poisson(light / light.sum() * 10 ** rng.uniform(1, 3.5))
    return images.astype(np.float32)


@pytest.fixture(scope="session")
def raw():
    """uint16 (30, 2, 50, 40) with pulses, some beyond 4000 counts, and their calibration."""
    rng = np.random.default_rng(2026)
    time = np.arange(40)
    peak = rng.uniform(0, 40, (30, 1, 50, 1))
    height = 10 ** rng.uniform(0, 4, (30, 1, 50, 1)) * np.array([1.0, 0.06])[:, None, None]
    noise = rng.normal(0, 4, (30, 2, 50, 40))
    counts = 300 + noise + height * np.exp(-0.5 * ((time - peak) / 2) ** 2)
    waveforms = np.clip(counts, 0, 4095).astype(np.uint16)
    pedestal = rng.normal(300, 5, (2, 50)).astype(np.float32)
    dc_to_pe = (rng.uniform(0.9, 1.1, (2, 50)) * [[0.01], [0.16]]).astype(np.float32)
    return waveforms, pedestal, dc_to_pe
