"""A small array, and an event file of it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from awlta_recipes import eventdata
from awlta_recipes.eventdata import times

START = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
N_EVENTS = 300


def camera(name, n_rows, **changes):
    """A square camera of n_rows x n_rows pixels."""
    y, x = (0.02 * (a.ravel() - n_rows / 2) for a in np.mgrid[:n_rows, :n_rows])
    told = {
        "name": name,
        "pixel_x": x,
        "pixel_y": y,
        "pixel_area": np.full(len(x), 4e-4),
        "pixel_shape": "square",
        "n_channels": 2,
        "n_samples": 40,
        "sampling_rate": 1.0,
        "pulse": np.array([[0.0, 1, 0.5, 0], [0, 1, 0.4, 0]]),
        "pulse_step": 0.25,
        "pixel_rotation": 7.5,
    }
    return eventdata.Camera(**told | changes)


@pytest.fixture(scope="session")
def subarray():
    big = eventdata.Optics("LST", "LST", "PARABOLIC", 386.7, 1, 198, 28.0, 29.3)
    small = eventdata.Optics("SST", "SST", "SCHWARZSCHILD_COUDER", 8.0, 2, 18, 2.15, 2.152)
    return eventdata.Subarray(
        "two of a kind, one more",
        (
            eventdata.Telescope(1, "LST-1", -70.5, -52.0, 43.25, big, camera("LSTCam", 32)),
            eventdata.Telescope(12, "SST-12", 10.5, 20.0, 30.25, small, camera("SSTCam", 4)),
            eventdata.Telescope(2, "LST-2", -35.5, 66.0, 32.75, big, camera("LSTCam", 32)),
        ),
        (5327448.5, -1718665.75, 3051566.5),
    )


@pytest.fixture(scope="session")
def observation():
    stop = START.replace(minute=20)
    return eventdata.Observation(
        4711, "CTAO-North", 83.63, 22.01, eventdata.Frame.ICRS, START, stop, {1: (70.0, 180.0)}
    )


@pytest.fixture
def rows(subarray):
    """What is written: by place, or by place and telescope."""
    return made_up(subarray)


def made_up(subarray, first=0):
    random = np.random.default_rng(first)
    event_id = np.arange(first, first + N_EVENTS) * 3 + 1
    mask = random.random((N_EVENTS, len(subarray.tel_ids))) < 0.7
    mask[:, 0] |= ~mask.any(axis=1)
    trigger = {
        "event_id": event_id,
        "time": times.since(START, np.arange(N_EVENTS) * 0.001 + 1.25e-7),
        "tels_with_trigger": mask,
    }
    told = {"trigger": trigger, "geometry": _geometry(event_id, mask, random)}
    told["energy"] = {"event_id": event_id, "energy": random.exponential(size=N_EVENTS)}
    told["classification"] = {"event_id": event_id, "prediction": random.random(N_EVENTS)}
    for number, telescope in enumerate(subarray.telescopes):
        seen, n_pixels = event_id[mask[:, number]], telescope.camera.n_pixels
        shape = (len(seen), n_pixels)
        told["images", telescope.tel_id] = {
            "event_id": seen,
            "image": random.normal(size=shape).astype(np.float32),
            "peak_time": random.uniform(0, 40, shape).astype(np.float32),
            "image_mask": random.random(shape) < 0.05,
        }
        told["parameters", telescope.tel_id] = {
            "event_id": seen,
            "hillas_intensity": random.exponential(100, len(seen)),
            "hillas_length": random.random(len(seen)),
            "timing_slope": random.normal(size=len(seen)),
            "morphology_n_pixels": random.integers(0, 99, len(seen)),
        }
        told["impact", telescope.tel_id] = {"event_id": seen, "distance": random.random(len(seen))}
    return told


def _geometry(event_id, mask, random):
    n_events = len(event_id)
    return {
        "event_id": event_id,
        "alt": random.uniform(60, 80, n_events),
        "az": random.uniform(0, 360, n_events),
        "core_x": random.normal(0, 100, n_events),
        "h_max": random.uniform(6e3, 9e3, n_events),
        "is_valid": random.random(n_events) < 0.9,
        "telescopes": mask,
    }


def write(path, subarray, observation, rows, **options):
    """Write all rows, in blocks of 70."""
    with eventdata.EventDataWriter(path, subarray, observation, **options) as out:
        for key, table in rows.items():
            for start in range(0, len(table["event_id"]), 70):
                _append(out, key, {n: a[start : start + 70] for n, a in table.items()})
    return path


def _append(out, key, part):
    if key == "trigger":
        out.append_triggers(part)
    elif key[0] == "images":
        out.append_images(key[1], part)
    elif key[0] == "parameters":
        out.append_parameters(key[1], part)
    elif key[0] == "impact":
        out.append_impacts("HillasReconstructor", key[1], part)
    else:
        name = "HillasReconstructor" if key == "geometry" else "Forest"
        out.append_dl2(key, name, part)


@pytest.fixture
def event_file(tmp_path, subarray, observation, rows):
    return write(tmp_path / "events.h5", subarray, observation, rows)


@pytest.fixture(scope="session")
def write_events():
    return write


@pytest.fixture(scope="session")
def make_rows():
    return made_up
