"""What simulated files tell beside their waveforms: truth, pulses, constants."""

import os
from pathlib import Path

import numpy as np
import pytest

from awlta_recipes.events import (
    calibration_of,
    iterate,
    iterate_all,
    read_header,
    read_truth,
)

LST, STEREO = "lst_muons.simtel.zst", "history_meta_75.simtel.zst"
SST, FLATFIELD = "example_SST1M_20180822.fits.fz", "calib_true_pe.simtel.zst"


def data(name):
    root = os.environ.get("AWLTA_TEST_DATA")
    if not root:
        pytest.skip("AWLTA_TEST_DATA is not set")
    return Path(root) / name


@pytest.mark.data
def test_the_showers_of_a_simulation_are_told_in_the_units_of_the_field():
    truth = read_truth(data(STEREO))
    assert {name: values.tolist() for name, values in truth.items()} == {
        "event_id": [100],
        "true_shower_primary_id": [0],
        "true_energy": [pytest.approx(1.29636633)],
        "true_alt": [pytest.approx(69.8438274)],
        "true_az": [pytest.approx(358.2554431)],
        "true_core_x": [pytest.approx(43.45166397)],
        "true_core_y": [pytest.approx(-51.33005524)],
        "true_h_first_int": [pytest.approx(41758.8555)],
        "true_x_max": [pytest.approx(281.578949)],
        "true_starting_grammage": [0.0],
    }


@pytest.mark.data
def test_showers_have_the_events_of_the_waveforms():
    event_ids = np.concatenate([block.event_id for block in iterate(data(LST), 1)])
    assert np.array_equal(read_truth(data(LST))["event_id"], event_ids)


@pytest.mark.data
@pytest.mark.parametrize("name", [SST, FLATFIELD])
def test_a_run_without_showers_tells_none(name):
    assert read_truth(data(name)) == {}


@pytest.mark.data
def test_true_images_come_with_their_events_if_asked_for():
    (block,) = iterate(data(LST), 1, true_images=True)
    assert block.true_image.dtype == np.int32
    assert block.true_image.sum(axis=1)[:5].tolist() == [2688, 3847, 3183, 3215, 4032]
    (block,) = iterate(data(LST), 1)
    assert block.true_image is None


@pytest.mark.data
def test_true_light_of_a_calibration_event_is_its_own():
    (block,) = iterate(data(FLATFIELD), 1, true_images=True)
    assert block.true_image.sum(axis=1).tolist() == [2995, 34013]


@pytest.mark.data
def test_an_event_without_a_true_image_has_minus_one_everywhere():
    (block,) = iterate(data("extracted_pedestals.simtel.zst"), 1, true_images=True)
    assert (block.true_image == -1).all()


@pytest.mark.data
def test_the_pulse_of_a_camera_is_told_with_its_step():
    camera = read_header(data(LST)).telescope(1).camera
    assert camera.pulse_shape.shape == (2, 250)
    assert camera.pulse_step == pytest.approx(0.1)
    assert camera.pulse_shape.argmax(axis=1).tolist() == [90, 90]
    assert read_header(data(SST)).telescope(22).camera.pulse_shape is None


@pytest.mark.data
def test_constants_bring_time_shifts_and_broken_pixels():
    constants = calibration_of(data(FLATFIELD), 1)
    assert constants.time_shift.shape == (1, 1764)
    assert constants.time_shift[0, :2].tolist() == pytest.approx([0.6246789, -0.07202222])
    (block,) = iterate(data(FLATFIELD), 1)
    assert np.flatnonzero(~constants.pixel_ok).tolist() == np.flatnonzero(~block.pixel_ok).tolist()
    assert (~constants.pixel_ok).sum() == 6


@pytest.mark.data
def test_all_telescopes_are_read_in_one_pass_as_each_for_itself():
    blocks = list(iterate_all(data(STEREO)))
    assert sorted(b.tel_id for b in blocks) == [*range(1, 15), 19]
    for block in blocks:
        (alone,) = iterate(data(STEREO), block.tel_id)
        assert np.array_equal(block.waveforms, alone.waveforms)
        assert np.array_equal(block.event_id, alone.event_id)


@pytest.mark.data
def test_chosen_telescopes_are_read_in_one_pass():
    blocks = list(iterate_all(data(STEREO), [9, 2, 2, 16]))
    assert sorted(b.tel_id for b in blocks) == [2, 9]
