"""From simulated waveforms to the source in a sky map, with the compiled kernels between."""

from dataclasses import replace

import numpy as np
import pytest

from awlta import kernels
from awlta_recipes.events import EventKind, iterate, read_header, read_truth
from awlta_recipes.science import (
    Events,
    MapGeometry,
    Region,
    flatfield,
    from_offsets,
    peak_position,
    pedestal,
    reconstruct,
    reflected,
    ring_map,
    separation,
    tilted_positions,
)
from awlta_recipes.science.stereo import FIELDS
from awlta_recipes.simulation import SimulationConfig, camera_truth, demonstration, simulate_run

pytestmark = pytest.mark.long

CONFIG = replace(
    SimulationConfig(seed=11), n_pedestals=50, n_flashes=100, n_gammas=14, n_hadrons=24
)
SAME_NAME = ("intensity", "length", "width", "n_pixels")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    plans = demonstration(CONFIG)
    for plan in plans:
        simulate_run(folder / f"{plan.run}.h5", CONFIG, plan)
    return {plan: folder / f"{plan.run}.h5" for plan in plans}


@pytest.fixture(scope="module")
def calibrations(runs):
    paths = {plan.kind: path for plan, path in runs.items()}
    found = {}
    for tel_id in (1, 2, 3, 4):
        dark = (b.waveforms for b in iterate(paths[EventKind.PEDESTAL], tel_id))
        level = pedestal.measure(dark)
        light = (b.waveforms for b in iterate(paths[EventKind.FLATFIELD], tel_id))
        found[tel_id] = level, flatfield.measure(light, level, excess_noise=1.1225)
    return found


@pytest.fixture(scope="module")
def night(runs, calibrations):
    """Reconstructed and true showers, and the pointing of each, over the observation runs."""
    parts = []
    for plan, path in runs.items():
        if plan.kind is not EventKind.OBSERVATION:
            continue
        header = read_header(path)
        images = {t: images_of(path, header.telescope(t), c) for t, c in calibrations.items()}
        places = zip(
            *tilted_positions(
                *np.array([(t.x, t.y, t.z) for t in header.telescopes]).T,
                header.pointing.alt,
                header.pointing.az,
                is_equatorial=header.pointing.is_equatorial,
            ),
            strict=True,
        )
        showers = reconstruct(images, dict(zip(images, places, strict=True)))
        truth = read_truth(path)
        row = np.searchsorted(truth["event_id"], showers["event_id"])
        pointing = np.tile([header.pointing.ra, header.pointing.dec], (len(showers), 1))
        parts.append((showers, {k: v[row] for k, v in truth.items()}, pointing))
    showers = np.concatenate([p[0] for p in parts])
    truth = {k: np.concatenate([p[1][k] for p in parts]) for k in parts[0][1]}
    return showers, truth, np.concatenate([p[2] for p in parts])


def images_of(path, telescope, calibration):
    level, flat = calibration
    lon, lat = telescope.pixel_directions()
    geometry = kernels.CameraGeometry.from_positions(lon, lat, telescope.camera.pixel_shape)
    tables = []
    for block in iterate(path, telescope.tel_id):
        pulses = kernels.extract_raw(
            block.waveforms, level.mean, flat.dc_to_pe, unusable=flat.is_bad
        )
        cleaned = kernels.image_parameters(pulses.charge, geometry, kernels.TailCuts(8.0, 4.0))
        found = cleaned.parameters
        table = np.zeros(len(found), [(f, "i8" if f == "event_id" else "f8") for f in FIELDS])
        table["event_id"] = block.event_id
        for name in SAME_NAME:
            table[name] = found[name]
        table["fov_lon"], table["fov_lat"] = found["x"], found["y"]
        table["psi"] = np.degrees(found["psi"])
        table["leakage"] = found["leakage_intensity_width_1"]
        tables.append(table)
    return np.concatenate(tables)


def test_calibration_finds_the_true_camera(calibrations):
    for tel_id, (level, flat) in calibrations.items():
        truth = camera_truth(CONFIG, tel_id)
        assert np.array_equal(flat.is_bad, truth.is_dead)
        good = ~truth.is_dead
        assert np.abs(level.mean - truth.pedestal)[:, good].max() < 1.5
        unity = flat.dc_to_pe[:, good] * truth.gain[:, good]
        assert unity == pytest.approx(np.ones_like(unity), abs=0.12)
        assert np.std(flat.time_shift[0, good] - truth.time_offset[good]) < 0.05


def test_gammas_are_found_where_they_came_from(night):
    showers, truth, pointing = night
    ra, dec = from_offsets(showers["fov_lon"], showers["fov_lat"], *pointing.T)
    chosen = showers["is_valid"] & truth["is_gamma"]
    assert chosen.sum() > 35
    error = separation(ra, dec, truth["true_ra"], truth["true_dec"])[chosen]
    assert np.quantile(error, 0.68) < 0.12
    core = np.hypot(
        showers["core_lon"] - truth["true_core_lon"], showers["core_lat"] - truth["true_core_lat"]
    )
    assert np.median(core[chosen]) < 10.0
    assert 4000 < np.median(showers["distance_max"][chosen]) < 9000


def test_hadrons_have_wider_images(night):
    showers, truth, _ = night
    valid, is_gamma = showers["is_valid"], truth["is_gamma"]
    gamma = showers["mean_width"][valid & is_gamma]
    hadron = showers["mean_width"][valid & ~is_gamma]
    assert np.quantile(hadron, 0.8) > np.quantile(gamma, 0.8)


def test_the_source_stands_in_the_sky_map(night):
    showers, _, pointing = night
    valid = showers["is_valid"]
    ra, dec = from_offsets(showers["fov_lon"][valid], showers["fov_lat"][valid], *pointing[valid].T)
    events = Events(ra, dec, *pointing[valid].T)
    place = (CONFIG.source_ra, CONFIG.source_dec)
    assert reflected(events, Region(*place, 0.2)).significance > 5
    sky = ring_map(MapGeometry(*place), events, exclusion=Region(*place, 0.35))
    assert np.nanmax(sky.significance) > 5
    assert separation(*peak_position(sky), *place) < 0.1
