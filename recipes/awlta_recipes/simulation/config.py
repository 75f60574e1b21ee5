"""What is simulated: the toy array, its sky, and the runs of a demonstration.

The simulator is parametric and made to exercise a data chain with a known truth. It is
not for science: no sensitivity, energy scale or response to real data follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from ..events import EventKind

ORIGIN = "parametric simulation"
TELESCOP = "CTA-SIMTOY"
SITE = "CTAO-North"


@dataclass(frozen=True)
class SimulationConfig:
    """Everything that decides the bytes of a simulated run, beside its plan.

    Attributes
    ----------
    seed : int
        Two configurations that differ in the seed have other cameras and other showers.
    source_ra, source_dec : float, deg
        The one gamma-ray source, a point.
    wobble_offset : float, deg
        Between source and centre of the camera.
    alt, az : float, deg
        Where the telescopes stand still in the toy's sky; camera axes are equatorial.
    array_side : float, m
        The four telescopes stand on a square.
    focal_length : float, m
    pixel_pitch : float, deg
    n_pixels, n_samples : int
    gain : float, ADC counts per p.e. (integral of a pulse)
    gain_ratio : float
        High to low gain.
    gain_spread, ratio_spread : float
        Relative, from pixel to pixel.
    pedestal, pedestal_spread : float, ADC counts
    time_spread : float, ns
        Spread of the pixels' time offsets.
    noise_high, noise_low : float, ADC counts
        Electronics, per sample.
    nsb_rate : float, p.e./ns
        Light of the night sky, per pixel.
    pulse_fwhm : float, ns
    spe_sigma : float
        Relative width of the single p.e.; the excess noise factor is ``1 + spe_sigma**2``.
    n_dead_pixels : int
        Per camera.
    mirror_area : float, m2
    efficiency : float
        Photons (300 to 600 nm) to p.e., all losses.
    psf : float, deg
    trigger_pe : float, p.e.
        Least charge in each of three neighbouring pixels.
    energy_min, energy_max : float, TeV
    gamma_index, hadron_index : float
        Of the power laws, positive.
    core_radius : float, m
    hadron_cone : float, deg
        Hadrons come uniformly from within this distance of the camera centre.
    n_gammas, n_hadrons : int
        Showers thrown per observation run; fewer trigger.
    n_pedestals, n_flashes : int
        Events of a pedestal and of a flat-field run.
    flash_pe : float, p.e.
        Mean light of a flat-field flash in a pixel.
    duration : float, s
        Of a run.
    """

    seed: int = 1
    source_ra: float = 83.633
    source_dec: float = 22.014
    wobble_offset: float = 0.5
    alt: float = 70.0
    az: float = 180.0
    array_side: float = 110.0
    focal_length: float = 28.0
    pixel_pitch: float = 0.1
    n_pixels: int = 1855
    n_samples: int = 40
    gain: float = 20.0
    gain_ratio: float = 17.0
    gain_spread: float = 0.05
    ratio_spread: float = 0.03
    pedestal: float = 400.0
    pedestal_spread: float = 10.0
    time_spread: float = 0.6
    noise_high: float = 4.0
    noise_low: float = 0.8
    nsb_rate: float = 0.25
    pulse_fwhm: float = 3.0
    spe_sigma: float = 0.35
    n_dead_pixels: int = 3
    mirror_area: float = 370.0
    efficiency: float = 0.17
    psf: float = 0.035
    trigger_pe: float = 8.0
    energy_min: float = 0.1
    energy_max: float = 3.0
    gamma_index: float = 2.0
    hadron_index: float = 2.0
    core_radius: float = 150.0
    hadron_cone: float = 1.8
    n_gammas: int = 36
    n_hadrons: int = 60
    n_pedestals: int = 200
    n_flashes: int = 200
    flash_pe: float = 75.0
    duration: float = 1200.0


@dataclass(frozen=True)
class RunPlan:
    """One run to be simulated.

    Attributes
    ----------
    run : int
        Also enters the random numbers.
    kind : EventKind
        ``OBSERVATION``, ``PEDESTAL`` or ``FLATFIELD``.
    start : datetime, UTC
    wobble_angle : float, deg
        Direction from the source to the camera centre, from north through east.
    """

    run: int
    kind: EventKind
    start: datetime = field(default=datetime(2026, 1, 15, 22, 0, tzinfo=UTC))
    wobble_angle: float = 0.0


def demonstration(config: SimulationConfig) -> tuple[RunPlan, ...]:
    """Return the runs of a short night: pedestal, flat field, three wobble positions."""
    kinds = (EventKind.PEDESTAL, EventKind.FLATFIELD, *3 * (EventKind.OBSERVATION,))
    angles = (0.0, 0.0, 0.0, 120.0, 240.0)
    first = RunPlan(1, EventKind.PEDESTAL).start
    step = timedelta(seconds=config.duration + 120.0)
    return tuple(
        RunPlan(i + 1, kind, first + i * step, angle)
        for i, (kind, angle) in enumerate(zip(kinds, angles, strict=True))
    )


def random_numbers(seed: int, *stream: int) -> np.random.Generator:
    """Return a generator that depends on the seed and the stream only.

    Every event has a stream of its own, so neither the order nor the number of
    processes in which events are made changes them.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *stream))))
