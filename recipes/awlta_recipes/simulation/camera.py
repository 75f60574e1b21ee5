"""The toy camera: hexagonal pixels, their true constants, noise and digitisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..events import CameraDescription
from .config import SimulationConfig, random_numbers

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

_CAMERA_STREAM, _NOISE_STREAM = 1_000_000_001, 1_000_000_002
_BANK = 1 << 21
_FINE = 8
_ADC_MAX = 4095
_FWHM_TO_SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))


@dataclass(frozen=True, eq=False)
class HexGrid:
    """Hexagonal pixels, numbered from the centre outwards.

    Attributes
    ----------
    lon, lat : float64 (n_pixels,), deg
    pitch : float, deg
    """

    lon: Float
    lat: Float
    pitch: float
    _lookup: NDArray[np.int32]

    @classmethod
    def build(cls, n_pixels: int, pitch: float) -> HexGrid:
        """Take the ``n_pixels`` places of a hexagonal lattice that are nearest to the centre."""
        reach = int(np.ceil(np.sqrt(n_pixels))) + 2
        q, r = (a.ravel() for a in np.mgrid[-reach : reach + 1, -reach : reach + 1])
        distance = q * q + q * r + r * r
        order = np.lexsort((q, r, distance))[:n_pixels]
        lookup = np.full((2 * reach + 1, 2 * reach + 1), -1, np.int32)
        lookup[q[order] + reach, r[order] + reach] = np.arange(n_pixels)
        lon = pitch * (q[order] + 0.5 * r[order])
        lat = pitch * np.sqrt(0.75) * r[order]
        return cls(lon, lat, pitch, lookup)

    def pixel_of(self, lon: Float, lat: Float) -> NDArray[np.int32]:
        """Return the pixel that holds a direction, -1 outside the camera."""
        r = lat / (self.pitch * np.sqrt(0.75))
        q = lon / self.pitch - 0.5 * r
        return self._at(*_round_hexagonal(q, r))

    def neighbours(self) -> NDArray[np.int32]:
        """Return int32 (n_pixels, 6), the neighbours of each pixel, -1 where there is none."""
        r = np.rint(self.lat / (self.pitch * np.sqrt(0.75)))
        q = np.rint(self.lon / self.pitch - 0.5 * r)
        steps = ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1))
        return np.stack([self._at(q + dq, r + dr) for dq, dr in steps], axis=1)

    def _at(self, q: Float, r: Float) -> NDArray[np.int32]:
        reach = len(self._lookup) // 2
        inside = (np.abs(q) <= reach) & (np.abs(r) <= reach)
        column = np.where(inside, q, 0).astype(np.intp) + reach
        row = np.where(inside, r, 0).astype(np.intp) + reach
        found: NDArray[np.int32] = np.where(inside, self._lookup[column, row], -1).astype(np.int32)
        return found


def _round_hexagonal(q: Float, r: Float) -> tuple[Float, Float]:
    """Round axial coordinates to the lattice, correcting the one that was rounded furthest."""
    s = -q - r
    nq, nr, ns = np.rint(q), np.rint(r), np.rint(s)
    dq, dr, ds = np.abs(nq - q), np.abs(nr - r), np.abs(ns - s)
    fix_q = (dq > dr) & (dq > ds)
    fix_r = ~fix_q & (dr > ds)
    return np.where(fix_q, -nr - ns, nq), np.where(fix_r, -nq - ns, nr)


def describe(config: SimulationConfig, grid: HexGrid) -> CameraDescription:
    """Return the toy camera as a file describes it."""
    metres = np.radians(1.0) * config.focal_length
    area = np.sqrt(0.75) * (config.pixel_pitch * metres) ** 2
    return CameraDescription(
        name="SimToyCam",
        n_pixels=config.n_pixels,
        n_gains=2,
        n_samples=config.n_samples,
        sampling_rate=1.0,
        pixel_x=grid.lon * metres,
        pixel_y=grid.lat * metres,
        pixel_area=np.full(config.n_pixels, area),
        pixel_shape="hexagonal",
    )


@dataclass(frozen=True, eq=False)
class CameraTruth:
    """True constants of one camera, which calibration has to find.

    Attributes
    ----------
    pedestal : float64 (2, n_pixels), ADC counts per sample
    gain : float64 (2, n_pixels), ADC counts per p.e.; 0 for dead pixels
    time_offset : float64 (n_pixels,), ns
    noise : float64 (2, n_pixels), ADC counts per sample
    is_dead : bool (n_pixels,)
    """

    pedestal: Float
    gain: Float
    time_offset: Float
    noise: Float
    is_dead: NDArray[np.bool_]


def camera_truth(config: SimulationConfig, tel_id: int) -> CameraTruth:
    """Draw the constants of the camera of a telescope."""
    rng = random_numbers(config.seed, _CAMERA_STREAM, tel_id)
    n = config.n_pixels
    high = config.gain * (1.0 + config.gain_spread * rng.standard_normal(n))
    ratio = config.gain_ratio * (1.0 + config.ratio_spread * rng.standard_normal(n))
    gain = np.stack([high, high / ratio])
    noise = np.repeat([[config.noise_high], [config.noise_low]], n, axis=1)
    is_dead = np.zeros(n, np.bool_)
    is_dead[rng.choice(n, config.n_dead_pixels, replace=False)] = True
    gain[:, is_dead] = 0.0
    noise[:, is_dead] *= 0.25
    return CameraTruth(
        pedestal=config.pedestal + config.pedestal_spread * rng.standard_normal((2, n)),
        gain=gain,
        time_offset=config.time_spread * rng.standard_normal(n),
        noise=noise,
        is_dead=is_dead,
    )


class Electronics:
    """Turn light into samples: pulses, night sky, noise, two gains, 12 bits.

    Noise is cut from two long traces at random places, since drawing it for every pixel
    and sample would take most of the time.
    """

    def __init__(self, config: SimulationConfig) -> None:
        self._config = config
        self._sigma = config.pulse_fwhm * _FWHM_TO_SIGMA
        rng = random_numbers(config.seed, _NOISE_STREAM)
        window = np.lib.stride_tricks.sliding_window_view
        self._sky = window(self._sky_trace(rng), config.n_samples)
        self._white = window(rng.standard_normal(_BANK, np.float32), config.n_samples)
        edges = (np.arange(config.n_samples * _FINE) + 0.5) / _FINE
        self._pulses = self._pulse(np.arange(config.n_samples) - edges[:, np.newaxis])

    def _pulse(self, t: Float) -> Float32:
        """Return the pulse of unit integral at times ``t`` (ns), p.e. per ns."""
        height = 1.0 / (np.sqrt(2.0 * np.pi) * self._sigma)
        return np.asarray(height * np.exp(-0.5 * (t / self._sigma) ** 2), np.float32)

    def _sky_trace(self, rng: np.random.Generator) -> Float32:
        config = self._config
        n_pe = rng.poisson(0.5 * config.nsb_rate, 2 * _BANK)
        charge = n_pe + config.spe_sigma * np.sqrt(n_pe) * rng.standard_normal(2 * _BANK)
        reach = int(4 * self._sigma) + 1
        pulse = self._pulse(np.arange(-reach, reach + 0.25, 0.5))
        trace = np.convolve(charge.astype(np.float32), pulse, "same")[::2]
        return np.asarray(trace - trace.mean(), np.float32)

    def light_of_photons(
        self, pixel: NDArray[np.int32], time: Float, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Float32]:
        """Sum the pulses of single p.e.

        Parameters
        ----------
        pixel : int32 (n_pe,)
        time : float64 (n_pe,), ns since the first sample

        Returns
        -------
        tuple
            The pixels hit, int (n_hit,), and their light, float32 (n_hit, n_samples), p.e./ns.
        """
        hit, row = np.unique(pixel, return_inverse=True)
        n_bins = self._config.n_samples * _FINE
        charge = 1.0 + self._config.spe_sigma * rng.standard_normal(len(pixel))
        place = np.floor(time * _FINE).astype(np.intp)
        inside = (place >= 0) & (place < n_bins)
        index = row[inside] * n_bins + place[inside]
        fine = np.bincount(index, weights=charge[inside], minlength=len(hit) * n_bins)
        light = fine.reshape(len(hit), n_bins).astype(np.float32) @ self._pulses
        return hit.astype(np.intp), light

    def light_of_flash(self, time: Float, rng: np.random.Generator) -> Float32:
        """Return the light of a flat-field flash, float32 (n_pixels, n_samples), p.e./ns."""
        config = self._config
        n_pe = rng.poisson(config.flash_pe, config.n_pixels)
        charge = n_pe + config.spe_sigma * np.sqrt(n_pe) * rng.standard_normal(config.n_pixels)
        samples = np.arange(config.n_samples)
        return charge.astype(np.float32)[:, np.newaxis] * self._pulse(samples - time[:, np.newaxis])

    def digitise(
        self,
        truth: CameraTruth,
        rng: np.random.Generator,
        light: Float32 | None = None,
        pixels: NDArray[np.intp] | None = None,
    ) -> NDArray[np.uint16]:
        """Add night sky and noise and sample in both gains.

        Parameters
        ----------
        truth : CameraTruth
        rng : numpy.random.Generator
        light : float32 (n_pixels or len(pixels), n_samples), p.e./ns, optional
        pixels : int (n_hit,), optional
            The pixels that ``light`` belongs to; all if not given.

        Returns
        -------
        uint16 (2, n_pixels, n_samples), ADC counts
        """
        n_pixels = self._config.n_pixels
        current = self._sky[rng.integers(0, len(self._sky), n_pixels)]
        if light is not None:
            current[slice(None) if pixels is None else pixels] += light
        samples = np.empty((2, n_pixels, self._config.n_samples), np.uint16)
        for gain in range(2):
            noise = self._white[rng.integers(0, len(self._white), n_pixels)]
            noise *= truth.noise[gain, :, np.newaxis].astype(np.float32)
            noise += truth.gain[gain, :, np.newaxis].astype(np.float32) * current
            noise += truth.pedestal[gain, :, np.newaxis].astype(np.float32)
            np.clip(np.rint(noise, out=noise), 0, _ADC_MAX, out=noise)
            samples[gain] = noise
        return samples
