"""The parametric simulator: reproducible bytes, and geometry that stereo can undo."""

from dataclasses import replace

import numpy as np
import pytest

from awlta.errors import BadValue
from awlta_recipes.events import EventKind, iterate, read_header, read_truth
from awlta_recipes.simulation import (
    RunPlan,
    SimulationConfig,
    camera_truth,
    demonstration,
    run_header,
    simulate_run,
)
from awlta_recipes.simulation.camera import Electronics, HexGrid
from awlta_recipes.simulation.config import random_numbers
from awlta_recipes.simulation.shower import Shower, draw_shower, photons_of

SMALL = SimulationConfig(n_pedestals=20, n_flashes=20, n_gammas=4, n_hadrons=4)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    kinds = (EventKind.PEDESTAL, EventKind.FLATFIELD, EventKind.OBSERVATION)
    plans = {kind: RunPlan(i + 1, kind) for i, kind in enumerate(kinds)}
    paths = {kind: folder / f"{kind.value}.h5" for kind in kinds}
    for kind, plan in plans.items():
        simulate_run(paths[kind], SMALL, plan)
    return paths


def test_a_camera_of_seven_pixels_is_one_ring():
    grid = HexGrid.build(7, 0.1)
    assert np.hypot(grid.lon, grid.lat) == pytest.approx([0.0, *6 * [0.1]])
    assert sorted(grid.neighbours()[0]) == [1, 2, 3, 4, 5, 6]
    assert (grid.neighbours()[1:] == -1).sum() == 6 * 3


def test_each_pixel_holds_its_own_centre_and_what_is_near():
    grid = HexGrid.build(1855, 0.1)
    assert np.array_equal(grid.pixel_of(grid.lon + 0.02, grid.lat - 0.02), np.arange(1855))
    assert grid.pixel_of(np.array([30.0]), np.array([0.0])).tolist() == [-1]


def test_a_pulse_of_one_photoelectron_has_unit_integral():
    electronics = Electronics(replace(SMALL, spe_sigma=0.0, nsb_rate=0.0))
    hit, light = electronics.light_of_photons(
        np.array([5, 5, 9]), np.array([20.0, 20.0, 20.0]), random_numbers(1)
    )
    assert hit.tolist() == [5, 9]
    assert light.sum(axis=1) == pytest.approx([2.0, 1.0], abs=1e-3)
    assert light[1].argmax() == 20


def test_dead_pixels_have_no_gain():
    truth = camera_truth(SMALL, 1)
    assert truth.is_dead.sum() == 3
    assert (truth.gain[:, truth.is_dead] == 0).all()
    assert not np.array_equal(truth.pedestal, camera_truth(SMALL, 2).pedestal)


def test_gammas_come_from_the_source():
    shower = draw_shower(SMALL, random_numbers(1), is_gamma=True, source=(0.3, -0.4))
    assert (shower.lon, shower.lat) == (0.3, -0.4)


def test_the_image_lies_on_the_line_from_the_source_along_the_core():
    # core 100 m towards lon: the image is displaced towards lon only
    shower = Shower(1.0, True, 0.5, 0.2, 100.0, 0.0)
    place = np.array([0.0])
    (image,) = photons_of(SMALL, shower, place, place, random_numbers(3))
    assert np.median(image.lat) == pytest.approx(0.2, abs=0.1)
    assert 0.9 < np.median(image.lon) < 2.0
    assert np.std(image.lon) > 2 * np.std(image.lat)


def test_the_light_pool_of_one_tev_is_of_the_published_size():
    # photons per m2 between 300 and 600 nm, within a factor of two of full simulations
    place = np.array([0.0])
    density = {}
    for distance in (120.0, 300.0):
        shower = Shower(1.0, True, 0.0, 0.0, distance, 0.0)
        n_pe = [
            len(photons_of(SMALL, shower, place, place, random_numbers(i))[0].lon)
            for i in range(20)
        ]
        density[distance] = np.mean(n_pe) / (SMALL.mirror_area * SMALL.efficiency)
    assert density[120.0] == pytest.approx(246, rel=0.5)
    assert density[300.0] == pytest.approx(25, rel=1.0)


def test_the_same_seed_gives_the_same_bytes(tmp_path, runs):
    again = tmp_path / "again.h5"
    simulate_run(again, SMALL, RunPlan(3, EventKind.OBSERVATION))
    assert again.read_bytes() == runs[EventKind.OBSERVATION].read_bytes()


def test_another_seed_gives_other_cameras_and_showers(tmp_path, runs):
    other = tmp_path / "other.h5"
    simulate_run(other, replace(SMALL, seed=2), RunPlan(3, EventKind.OBSERVATION))
    energies = [read_truth(p)["true_energy"] for p in (other, runs[EventKind.OBSERVATION])]
    assert not set(energies[0]) & set(energies[1])


def test_an_event_does_not_depend_on_those_before_it(tmp_path, runs):
    short = tmp_path / "short.h5"
    simulate_run(short, replace(SMALL, n_pedestals=2), RunPlan(1, EventKind.PEDESTAL))
    few = next(iterate(short, 3)).waveforms
    many = next(iterate(runs[EventKind.PEDESTAL], 3)).waveforms
    assert np.array_equal(few, many[:2])


def test_the_file_says_that_it_is_no_real_observation(runs):
    header = read_header(runs[EventKind.OBSERVATION])
    assert header.facts["origin"] == "parametric simulation"
    assert header.facts["telescop"] == "CTA-SIMTOY"
    assert (header.facts["source_ra"], header.facts["source_dec"]) == (83.633, 22.014)
    assert header.event_kind is EventKind.OBSERVATION


def test_an_observation_holds_only_telescopes_that_triggered(runs):
    path = runs[EventKind.OBSERVATION]
    n_events = read_header(path).n_events
    truth = read_truth(path)
    assert len(truth["event_id"]) == n_events > 0
    seen = [i for t in (1, 2, 3, 4) for b in iterate(path, t) for i in b.event_id]
    assert set(seen) == set(truth["event_id"])
    assert min(seen.count(i) for i in set(seen)) >= 2


def test_pedestals_stand_at_their_true_level(runs):
    waveforms = next(iterate(runs[EventKind.PEDESTAL], 1)).waveforms
    truth = camera_truth(SMALL, 1)
    assert waveforms.shape == (20, 2, 1855, 40)
    difference = waveforms.mean(axis=(0, 3)) - truth.pedestal
    assert np.abs(difference).max() < 3.0
    assert abs(difference.mean()) < 0.1


def test_flashes_are_seventeen_times_smaller_in_the_low_gain(runs):
    waveforms = next(iterate(runs[EventKind.FLATFIELD], 1)).waveforms.astype(float)
    level = camera_truth(SMALL, 1).pedestal
    high, low = np.median((waveforms - level[:, :, None]).sum(axis=3), axis=(0, 2))
    assert high == pytest.approx(75 * 20, rel=0.05)
    assert high / low == pytest.approx(17, rel=0.05)


def test_the_demonstration_wobbles_around_the_source():
    plans = demonstration(SMALL)
    assert [p.kind.value for p in plans] == ["pedestal", "flatfield", *3 * ["observation"]]
    decs = [run_header(SMALL, p).pointing.dec for p in plans[2:]]
    assert decs == pytest.approx([22.514, 21.764, 21.764], abs=0.002)


def test_a_plan_of_another_kind_is_refused(tmp_path):
    with pytest.raises(BadValue, match="unknown"):
        simulate_run(tmp_path / "run.h5", SMALL, RunPlan(1, EventKind.UNKNOWN))
    assert not (tmp_path / "run.h5").exists()
