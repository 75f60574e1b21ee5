"""ctapipe reads our event files, and we read its; peers.py tells where it is."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from peers import ABSENT, ask_of_files, ctapipe_python, run_peer

from awlta.lineage.files.block import seal
from awlta_recipes.eventdata import EventDataReader
from awlta_recipes.events import EventType

PEER = ctapipe_python()
pytestmark = pytest.mark.skipif(PEER is None, reason=ABSENT)
IMAGES = "dl1/event/telescope/images/tel_001"
RECORD = {"object_id": "1f", "class": "CameraImages", "inputs": {}, "parameters": {}}


def ask(*arguments):
    """Return what the peer prints."""
    return ask_of_files(PEER, *arguments)


@pytest.fixture(scope="module")
def told(tmp_path_factory, subarray, observation, make_rows, write_events):
    """What the peer finds in an event file of ours."""
    path = tmp_path_factory.mktemp("told") / "events.h5"
    return ask("read", write_events(path, subarray, observation, make_rows(subarray)))


def test_ctapipe_reads_each_table_with_units_and_times(told, rows, subarray):
    mask = rows["trigger"]["tels_with_trigger"]
    assert told["tables"]["/dl1/event/subarray/trigger"] == 300
    assert told["tables"]["/dl1/event/telescope/trigger"] == mask.sum()
    assert told["units"]["/dl2/event/subarray/energy/Forest"]["Forest_energy"] == "TeV"
    parameters = told["units"]["/dl1/event/telescope/parameters/tel_002"]
    assert parameters["timing_slope"] == "1 / deg"
    assert parameters["hillas_psi"] == "deg"
    assert told["times"][:2] == ["2026-11-21T22:00:00.000000125", "2026-11-21T22:00:00.001000125"]
    assert told["start"] == "2026-11-21T22:00:00.000"
    np.testing.assert_allclose(told["energy"], 1000 * rows["energy"]["energy"])
    for number, tel_id in enumerate(subarray.tel_ids):
        found, images = told["telescopes"][str(tel_id)], rows["images", tel_id]
        order = np.argsort(found["event_id"])
        assert np.array(found["event_id"])[order].tolist() == images["event_id"].tolist()
        sums = images["image"].sum(axis=1, dtype=float)
        np.testing.assert_allclose(np.array(found["image_sum"])[order], sums)
        kept = images["image_mask"].sum(axis=1)
        np.testing.assert_array_equal(np.array(found["n_kept"])[order], kept)
        length = rows["parameters", tel_id]["hillas_length"]
        np.testing.assert_array_equal(np.array(found["length"])[order], length)
        alt = rows["geometry"]["alt"][mask[:, number]]
        np.testing.assert_array_equal(np.array(found["alt"])[order], alt)


def test_ctapipe_understands_the_subarray_as_it_was_described(told, subarray):
    told = told["subarray"]
    assert told["name"] == subarray.name
    assert told["location"] == list(subarray.location)
    for telescope in subarray.telescopes:
        found, camera = told["telescopes"][str(telescope.tel_id)], telescope.camera
        assert found["name"] == telescope.name
        assert found["position"] == [telescope.x, telescope.y, telescope.z]
        assert found["size"] == telescope.optics.size_type
        assert found["shape"] == telescope.optics.reflector_shape
        assert found["focal_length"] == telescope.optics.effective_focal_length
        assert found["area"] == telescope.optics.mirror_area
        assert found["camera"] == camera.name
        assert found["pixel_x"] == camera.pixel_x.tolist()
        assert found["pixel_shape"] == camera.pixel_shape
        assert found["pixel_rotation"] == pytest.approx(camera.pixel_rotation)
        assert found["rate"] == camera.sampling_rate
        assert found["pulse"] == camera.pulse.tolist()
        assert min(found["n_neighbors"]) == 2


def test_ctapipe_goes_through_the_events(told, rows, subarray):
    mask = rows["trigger"]["tels_with_trigger"]
    assert [e["event_id"] for e in told["events"]] == rows["trigger"]["event_id"].tolist()
    assert {e["kind"] for e in told["events"]} == {"SUBARRAY"}
    assert {e["obs_id"] for e in told["events"]} == {4711}
    assert {round(e["ra"], 9) for e in told["events"]} == {83.63}
    seen = dict.fromkeys(subarray.tel_ids, 0)
    for number, event in enumerate(told["events"]):
        assert event["tel_ids"] == np.array(subarray.tel_ids)[mask[number]].tolist()
        assert event["alt"] == rows["geometry"]["alt"][number]
        for tel_id in event["tel_ids"]:
            row = seen[tel_id]
            image = rows["images", tel_id]["image"][row].sum(dtype=float)
            assert event["image_sum"][str(tel_id)] == pytest.approx(image)
            assert event["length"][str(tel_id)] == rows["parameters", tel_id]["hillas_length"][row]
            seen[tel_id] = row + 1


def test_the_types_of_events_have_ctapipe_s_codes():
    assert ask("types") == {kind.name: kind.value for kind in EventType}


def test_ctapipe_process_takes_the_file_of_a_product_as_it_is(event_file, tmp_path, rows):
    seal(event_file, RECORD)
    assert ask("tell", event_file)
    assert ask("process", event_file, tmp_path / "again.h5") == 0
    with EventDataReader(tmp_path / "again.h5") as file:
        found = file.read(IMAGES)
    np.testing.assert_array_equal(found["event_id"], rows["images", 1]["event_id"])


def test_ctapipe_merges_two_of_our_files(
    event_file, tmp_path, subarray, observation, rows, make_rows, write_events
):
    more_rows = make_rows(subarray, 5000)
    other = dataclasses.replace(observation, obs_id=4712)
    other_file = write_events(tmp_path / "other.h5", subarray, other, more_rows)
    assert ask("merge", event_file, other_file, tmp_path / "merged.h5") == 0
    with EventDataReader(tmp_path / "merged.h5") as file:
        found = file.read(IMAGES)
        assert file.subarray().tel_ids == (1, 2, 12)
        assert list(file.observations()["obs_id"]) == [4711, 4712]
    both = [rows["images", 1], more_rows["images", 1]]
    for name in ("event_id", "image", "peak_time", "image_mask"):
        np.testing.assert_array_equal(found[name], np.concatenate([r[name] for r in both]))
    assert len(ask("read", tmp_path / "merged.h5")["events"]) == 600


def test_we_read_what_ctapipe_writes(event_file, tmp_path, rows, subarray):
    ask("copy", event_file, tmp_path / "peer.h5")
    with EventDataReader(event_file) as ours, EventDataReader(tmp_path / "peer.h5") as theirs:
        assert theirs.subarray().tel_ids == ours.subarray().tel_ids
        for place in theirs.places():
            found, expected = theirs.read(place), ours.read(place)
            assert len(found) == len(expected), place
            assert set(found.dtype.names) <= set(expected.dtype.names), place
            for name in found.dtype.names:
                # images and times as integers, in steps of 0.1 p.e. and 0.01 ns
                step = {"image": 0.051, "peak_time": 0.0051}.get(name, 0)
                if found[name].dtype.kind == "f":
                    np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=step)
                elif found[name].dtype.kind != "S":
                    np.testing.assert_array_equal(found[name], expected[name])
                assert theirs.unit(place, name) == ours.unit(place, name), (place, name)


@pytest.mark.data
def test_we_read_what_ctapipe_makes_of_a_simulated_run(tmp_path, subarray):
    root = os.environ.get("AWLTA_TEST_DATA")
    if not root:
        pytest.skip("AWLTA_TEST_DATA is not set")
    tool = Path(PEER).with_name("ctapipe-process")
    made = tmp_path / "made.h5"
    command = [
        *(tool, "--input", Path(root) / "lst_muons.simtel.zst", "--output", made),
        *("--write-images", "--write-parameters", f"--provenance-log={tmp_path / 'log'}"),
        "--SimTelEventSource.focal_length_choice=EQUIVALENT",
    ]
    try:
        run_peer(command)
    except RuntimeError as error:
        if "eventio" in str(error):
            pytest.skip("the peer has no eventio")
        raise
    with EventDataReader(made) as file:
        places = file.places()
        assert "simulation/event/subarray/shower" in places
        assert {
            len(file.read(p)) for p in places if p.endswith("event/telescope/images/tel_001")
        } == {30}
        images, parameters = next(file.images(1)), next(file.parameters(1))
        assert file.subarray().telescopes[0].camera.n_pixels == 1855
    kept = images["image_mask"].sum(axis=1)
    light = np.where(images["image_mask"], images["image"], 0).sum(axis=1, dtype=float)
    has_shape = np.isfinite(parameters["hillas_intensity"])
    np.testing.assert_array_equal(kept[has_shape], parameters["morphology_n_pixels"][has_shape])
    intensity = parameters["hillas_intensity"][has_shape]
    np.testing.assert_allclose(light[has_shape], intensity, rtol=1e-6)
