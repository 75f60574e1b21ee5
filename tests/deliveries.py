"""Raw event files as a site delivers them, small enough to be made at once, and their SIPs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from awlta.archive import sip
from awlta.archive.announcement import write_document
from awlta.digest import digest_file
from awlta.lineage import Workspace
from awlta_recipes.events import (
    CalibrationState,
    CameraDescription,
    EventFileWriter,
    EventKind,
    Pointing,
    RunHeader,
    TelescopeDescription,
)
from awlta_recipes.raw_file import RawFile

START = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
N_PIXELS, N_SAMPLES = 7, 12

# a flower of seven pixels, 0.1 m apart
ANGLES = np.radians(60 * np.arange(6))
PIXEL_X = np.concatenate([[0], 0.1 * np.cos(ANGLES)])
PIXEL_Y = np.concatenate([[0], 0.1 * np.sin(ANGLES)])

PULSE_STEP = 0.1
PULSE = np.exp(-0.5 * ((np.arange(0, N_SAMPLES, PULSE_STEP) - 6) / 1.2) ** 2)


def deliver(
    folder: Path,
    name: str = "run7.h5",
    *,
    run: int = 7,
    kind: EventKind = EventKind.OBSERVATION,
    state: CalibrationState = CalibrationState.RAW2,
    start: datetime = START,
    n_events: int = 3,
    has_pulse: bool = False,
    late: Any = 0.0,
    bright: Any = 1.0,
    noisy: Any = 1.0,
) -> Path:
    """Write the file of a run of one telescope; equal arguments give equal bytes.

    ``late`` (samples), ``bright`` and ``noisy`` (relative) may have a number for each pixel, or
    for each event and pixel.
    """
    camera = CameraDescription(
        "Flower",
        N_PIXELS,
        2,
        N_SAMPLES,
        1.0,
        PIXEL_X,
        PIXEL_Y,
        np.full(N_PIXELS, 0.0087),
        "hexagonal",
        pulse_shape=np.stack([PULSE, PULSE]) if has_pulse else None,
        pulse_step=PULSE_STEP if has_pulse else float("nan"),
    )
    header = RunHeader(
        run=run,
        start=start,
        stop=None,
        format="awlta-hdf5",
        telescopes=(TelescopeDescription(1, "T-1", camera, 0.0, 0.0, 0.0, 10.0, 100.0),),
        n_events=n_events,
        event_kind=kind,
        calibration_state=state,
        pointing=Pointing(70.0, 180.0, 83.0, 22.0),
        facts={"origin": "test", "site": "CTAO-North"},
    )
    ids, times = np.arange(n_events), 0.5 * np.arange(n_events)
    path = folder / name
    with EventFileWriter(path, header) as writer:
        writer.add_events(
            1, ids, times, _waveforms(run, kind, state, n_events, late, bright, noisy)
        )
        writer.add_triggers(ids, times, np.ones((n_events, 1), bool))
    return path


def _waveforms(
    run: int,
    kind: EventKind,
    state: CalibrationState,
    n_events: int,
    late: Any,
    bright: Any,
    noisy: Any,
) -> Any:
    """Return noise around 400 counts; light, where there is any, comes as a pulse."""
    random = np.random.default_rng(run)
    light = {EventKind.PEDESTAL: 0.0, EventKind.FLATFIELD: 50.0}.get(kind, 30.0)
    late, noisy = (np.broadcast_to(a, (n_events, N_PIXELS)) for a in (late, noisy))
    since = np.arange(N_SAMPLES) - 6 - late[:, None, :, None]
    pulse = np.exp(-0.5 * (since / 1.2) ** 2) / 3.0
    charge = random.poisson(light * np.asarray(bright), (n_events, N_PIXELS)) * 1.0
    counts = charge[:, None, :, None] * pulse * np.array([20.0, 20.0 / 17])[None, :, None, None]
    if state is CalibrationState.PE:
        return (counts[:, 0] / 20.0).astype(np.float32)
    noise = random.normal(400, [[[4.0]], [[0.8]]] * noisy[:, None, :, None], counts.shape)
    return (counts + noise).clip(0).round().astype(np.uint16)


def announce(
    workspace: Workspace, path: Path, change: Callable[[sip.Sip], sip.Sip] = lambda s: s
) -> bytes:
    """Return a SIP as the sender of a file would write it, with a new object_id, and changed."""
    product = RawFile.from_file(path)
    told = sip.read_sip(write_document(workspace, product, digest_file(path), path.name))
    return sip.write_sip(change(told))
