"""Simulate whole runs into event files, a few events in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from awlta.errors import BadValue

from ..events import (
    CalibrationState,
    EventFileWriter,
    EventKind,
    Pointing,
    RunHeader,
    TelescopeDescription,
)
from ..science.coordinates import from_offsets, tilted_positions, to_offsets
from .camera import CameraTruth, Electronics, HexGrid, camera_truth, describe
from .config import ORIGIN, SITE, TELESCOP, RunPlan, SimulationConfig, random_numbers
from .shower import Photons, Shower, draw_shower, photons_of

_BLOCK = 16
_PULSE_AT = 15.0


def simulate_run(path: Path, config: SimulationConfig, plan: RunPlan) -> int:
    """Simulate a run into a new event file.

    The same configuration and plan give the same bytes.

    Parameters
    ----------
    path : Path
        Must not exist yet.
    config : SimulationConfig
    plan : RunPlan

    Returns
    -------
    int
        Array events written: all of a calibration run, the triggered ones of an observation.

    Raises
    ------
    BadValue
        The plan is of a kind that cannot be simulated.
    NameTaken
        The file exists.
    """
    array = _Array.build(config)
    sources = {
        EventKind.OBSERVATION: _showers,
        EventKind.PEDESTAL: _pedestals,
        EventKind.FLATFIELD: _flashes,
    }
    if plan.kind not in sources:
        raise BadValue(
            f"a run of kind {plan.kind.value}",
            expected="observation, pedestal or flatfield",
            do="Choose one of these for the plan",
        )
    with EventFileWriter(path, run_header(config, plan)) as writer:
        buffer = _Buffer(writer, array.tel_ids)
        for event in sources[plan.kind](config, plan, array):
            buffer.add(event)
        buffer.flush()
    return buffer.n_events


def run_header(config: SimulationConfig, plan: RunPlan) -> RunHeader:
    """Return what the file of a run will say of it."""
    ra, dec = pointing_of(config, plan)
    is_sky = plan.kind is EventKind.OBSERVATION
    facts: dict[str, str | int | float] = {
        "origin": ORIGIN,
        "telescop": TELESCOP,
        "site": SITE,
        "seed": config.seed,
        "duration": config.duration,
    }
    if is_sky:
        facts |= {"source_ra": config.source_ra, "source_dec": config.source_dec}
    camera = describe(config, HexGrid.build(config.n_pixels, config.pixel_pitch))
    north, west = array_positions(config)
    return RunHeader(
        run=plan.run,
        start=plan.start,
        stop=None,
        format="awlta-hdf5",
        telescopes=tuple(
            TelescopeDescription(
                tel_id=i + 1,
                name=f"SimToy-{i + 1}",
                camera=camera,
                x=float(north[i]),
                y=float(west[i]),
                z=0.0,
                focal_length=config.focal_length,
                mirror_area=config.mirror_area,
            )
            for i in range(len(north))
        ),
        n_events=0,
        event_kind=plan.kind,
        calibration_state=CalibrationState.RAW2,
        pointing=Pointing(config.alt, config.az, ra, dec)
        if is_sky
        else Pointing(config.alt, config.az),
        facts=facts,
    )


def array_positions(config: SimulationConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the telescopes' places to the north and to the west, float64 (4,), m."""
    half = 0.5 * config.array_side
    return np.array([half, half, -half, -half]), np.array([half, -half, -half, half])


def pointing_of(config: SimulationConfig, plan: RunPlan) -> tuple[float, float]:
    """Return right ascension and declination of the camera centre, deg."""
    angle = np.radians(plan.wobble_angle)
    lon = config.wobble_offset * np.sin(angle)
    lat = config.wobble_offset * np.cos(angle)
    ra, dec = from_offsets(lon, lat, config.source_ra, config.source_dec)
    return float(ra), float(dec)


@dataclass(frozen=True, eq=False)
class _Array:
    """The telescopes and their electronics, made once for a run."""

    grid: HexGrid
    neighbours: NDArray[np.int32]
    truths: tuple[CameraTruth, ...]
    electronics: Electronics
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]

    @classmethod
    def build(cls, config: SimulationConfig) -> _Array:
        grid = HexGrid.build(config.n_pixels, config.pixel_pitch)
        north, west = array_positions(config)
        lon, lat = tilted_positions(
            north, west, np.zeros(len(north)), config.alt, config.az, is_equatorial=True
        )
        truths = tuple(camera_truth(config, i + 1) for i in range(len(north)))
        return cls(grid, grid.neighbours(), truths, Electronics(config), lon, lat)

    @property
    def tel_ids(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.truths) + 1))


@dataclass(frozen=True, eq=False)
class _ArrayEvent:
    event_id: int
    time: float
    waveforms: dict[int, NDArray[np.uint16]]
    shower: Shower | None = None
    source: tuple[float, float] = (0.0, 0.0)


def _pedestals(config: SimulationConfig, plan: RunPlan, array: _Array) -> Iterator[_ArrayEvent]:
    for i in range(config.n_pedestals):
        rng = random_numbers(config.seed, plan.run, i)
        waveforms = {
            tel_id: array.electronics.digitise(truth, rng)
            for tel_id, truth in zip(array.tel_ids, array.truths, strict=True)
        }
        yield _ArrayEvent(i + 1, config.duration * i / config.n_pedestals, waveforms)


def _flashes(config: SimulationConfig, plan: RunPlan, array: _Array) -> Iterator[_ArrayEvent]:
    for i in range(config.n_flashes):
        rng = random_numbers(config.seed, plan.run, i)
        waveforms = {}
        for tel_id, truth in zip(array.tel_ids, array.truths, strict=True):
            time = _PULSE_AT + rng.uniform(-0.5, 0.5) + truth.time_offset
            light = array.electronics.light_of_flash(time, rng)
            waveforms[tel_id] = array.electronics.digitise(truth, rng, light)
        yield _ArrayEvent(i + 1, config.duration * i / config.n_flashes, waveforms)


def _showers(config: SimulationConfig, plan: RunPlan, array: _Array) -> Iterator[_ArrayEvent]:
    """Yield the showers that trigger at least two telescopes; the others leave gaps in the ids."""
    ra, dec = pointing_of(config, plan)
    lon, lat = to_offsets(config.source_ra, config.source_dec, ra, dec)
    source = (float(lon), float(lat))
    n_showers = config.n_gammas + config.n_hadrons
    for i in range(n_showers):
        rng = random_numbers(config.seed, plan.run, i)
        is_gamma = (i + 1) * config.n_gammas // n_showers > i * config.n_gammas // n_showers
        shower = draw_shower(config, rng, is_gamma=is_gamma, source=source)
        time = config.duration * (i + rng.random()) / n_showers
        images = photons_of(config, shower, array.lon, array.lat, rng)
        waveforms = {}
        for tel_id, truth, photons in zip(array.tel_ids, array.truths, images, strict=True):
            samples = _read_out(config, array, truth, photons, rng)
            if samples is not None:
                waveforms[tel_id] = samples
        if len(waveforms) >= 2:
            yield _ArrayEvent(i + 1, time, waveforms, shower, (ra, dec))


def _read_out(
    config: SimulationConfig,
    array: _Array,
    truth: CameraTruth,
    photons: Photons,
    rng: np.random.Generator,
) -> NDArray[np.uint16] | None:
    """Return the samples of a camera, or None if it does not trigger."""
    pixel = array.grid.pixel_of(photons.lon, photons.lat)
    seen = pixel >= 0
    pixel = pixel[seen]
    if not _triggers(pixel, array.neighbours, config.trigger_pe):
        return None
    time = photons.time[seen]
    time = time - np.median(time) + _PULSE_AT + rng.uniform(-0.5, 0.5) + truth.time_offset[pixel]
    hit, light = array.electronics.light_of_photons(pixel, time, rng)
    return array.electronics.digitise(truth, rng, light, hit)


def _triggers(pixel: NDArray[np.int32], neighbours: NDArray[np.int32], threshold: float) -> bool:
    """Tell whether a pixel and two of its neighbours all hold the threshold."""
    charge = np.bincount(pixel, minlength=len(neighbours) + 1)
    bright = charge >= threshold
    bright[-1] = False
    return bool(np.any(bright[:-1] & (bright[neighbours].sum(axis=1) >= 2)))


class _Buffer:
    """Collect array events and write them in blocks, each telescope on its own."""

    def __init__(self, writer: EventFileWriter, tel_ids: tuple[int, ...]) -> None:
        self._writer, self._tel_ids = writer, tel_ids
        self._events: list[_ArrayEvent] = []
        self.n_events = 0

    def add(self, event: _ArrayEvent) -> None:
        self._events.append(event)
        self.n_events += 1
        if len(self._events) == _BLOCK:
            self.flush()

    def flush(self) -> None:
        if not self._events:
            return
        for tel_id in self._tel_ids:
            of_telescope = [e for e in self._events if tel_id in e.waveforms]
            if of_telescope:
                self._writer.add_events(
                    tel_id,
                    [e.event_id for e in of_telescope],
                    [e.time for e in of_telescope],
                    np.stack([e.waveforms[tel_id] for e in of_telescope]),
                )
        self._writer.add_triggers(
            [e.event_id for e in self._events],
            [e.time for e in self._events],
            np.array([[t in e.waveforms for t in self._tel_ids] for e in self._events]),
        )
        if self._events[0].shower is not None:
            self._writer.add_truth(_truth(self._events))
        self._events = []


def _truth(events: list[_ArrayEvent]) -> dict[str, NDArray[np.generic]]:
    showers = [(e, e.shower) for e in events if e.shower is not None]
    lon, lat = np.array([(s.lon, s.lat) for _, s in showers]).T
    ra, dec = from_offsets(lon, lat, *showers[0][0].source)
    return {
        "event_id": np.array([e.event_id for e, _ in showers], np.int64),
        "is_gamma": np.array([s.is_gamma for _, s in showers]),
        "true_energy": np.array([s.energy for _, s in showers]),
        "true_ra": np.asarray(ra),
        "true_dec": np.asarray(dec),
        "true_core_lon": np.array([s.core_lon for _, s in showers]),
        "true_core_lat": np.array([s.core_lat for _, s in showers]),
    }
