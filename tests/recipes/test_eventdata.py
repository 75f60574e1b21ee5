"""Event files: what is written is what is read, in the data model and in bytes that repeat."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta import kernels
from awlta.errors import BadInput, BadValue, NotFound
from awlta.lineage.files.block import content_digest, read_block, seal
from awlta_recipes import eventdata
from awlta_recipes.eventdata import EventDataReader, EventDataWriter, times
from awlta_recipes.events import CameraDescription, EventType, TelescopeDescription

GEOMETRY = "dl2/event/subarray/geometry/HillasReconstructor"


def are_equal(one, other):
    return all(np.array_equal(a, vars(other)[n]) for n, a in vars(one).items())


@pytest.mark.parametrize("size", [1, 64, 70, 1000])
def test_images_come_back_in_blocks_of_any_size(event_file, rows, size):
    with EventDataReader(event_file) as file:
        for tel_id in (1, 2, 12):
            blocks = list(file.images(tel_id, size))
            assert {len(b) for b in blocks[:-1]} <= {size}
            found = np.concatenate(blocks)
            for name, values in rows["images", tel_id].items():
                np.testing.assert_array_equal(found[name], values)
            assert set(found["obs_id"]) == {4711}
            assert set(found["tel_id"]) == {tel_id}
            assert found["is_valid"].all()
            assert found["image_mask"].dtype == bool


def test_parameters_that_are_not_given_are_nan_or_minus_one(event_file, rows):
    with EventDataReader(event_file) as file:
        found = np.concatenate(list(file.parameters(12)))
    for name, values in rows["parameters", 12].items():
        np.testing.assert_array_equal(found[name], values)
    assert np.isnan(found["hillas_width"]).all()
    assert set(found["morphology_n_islands"]) == {-1}


def test_triggers_of_telescopes_follow_from_those_of_the_array(event_file, rows):
    with EventDataReader(event_file) as file:
        array = np.concatenate(list(file.triggers()))
        each = file.read("dl1/event/telescope/trigger")
    mask = rows["trigger"]["tels_with_trigger"]
    np.testing.assert_array_equal(array["tels_with_trigger"], mask)
    assert len(each) == mask.sum()
    first = each[each["event_id"] == array["event_id"][0]]
    np.testing.assert_array_equal(first["tel_id"], np.array([1, 2, 12])[mask[0]])
    np.testing.assert_array_equal(first["time"], np.repeat(array["time"][:1], mask[0].sum(), 0))
    assert set(array["event_type"]) == {EventType.SUBARRAY}


def test_reconstructed_showers_have_the_name_of_the_method(event_file, rows):
    with EventDataReader(event_file) as file:
        geometry = next(file.dl2("geometry", "HillasReconstructor"))
        energy = next(file.dl2("energy", "Forest"))
        impact = file.read("dl2/event/telescope/impact/HillasReconstructor/tel_012")
        assert file.unit(GEOMETRY, "HillasReconstructor_alt") == "deg"
        assert file.unit(GEOMETRY, "HillasReconstructor_is_valid") == ""
    for name in ("alt", "az", "core_x", "is_valid", "telescopes"):
        found = geometry[f"HillasReconstructor_{name}"]
        np.testing.assert_array_equal(found, rows["geometry"][name])
    np.testing.assert_array_equal(energy["Forest_energy"], rows["energy"]["energy"])
    distance = impact["HillasReconstructor_tel_impact_distance"]
    np.testing.assert_array_equal(distance, rows["impact", 12]["distance"])


def test_the_subarray_comes_back(event_file, subarray):
    with EventDataReader(event_file) as file:
        found = file.subarray()
    assert found.name == subarray.name
    assert found.location == subarray.location
    assert found.tel_ids == (1, 2, 12)
    assert found.telescopes[0].camera is found.telescopes[1].camera
    for one, other in zip(found.telescopes, subarray.telescopes, strict=True):
        assert (one.name, one.x, one.y, one.z) == (other.name, other.x, other.y, other.z)
        assert one.optics == other.optics
        assert are_equal(one.camera, other.camera)


def test_the_observation_is_told(event_file):
    with EventDataReader(event_file) as file:
        (row,) = file.observations()
        (at,) = file.read("configuration/telescope/pointing/tel_001")
        assert file.tel_ids == (1, 2, 12)
    assert row["obs_id"] == 4711
    assert row["producer_id"] == b"CTAO-North"
    assert row["actual_duration"] == 20
    # 22:00:37 TAI of 21 November 2026
    assert row["actual_start_time"] == pytest.approx(61365 + (22 * 3600 + 37) / 86400, abs=1e-9)
    assert at["telescope_pointing_altitude"] == pytest.approx(np.radians(70))


def test_equal_events_give_equal_bytes(tmp_path, subarray, observation, rows, write_events):
    one = write_events(tmp_path / "one.h5", subarray, observation, rows)
    other = write_events(tmp_path / "other.h5", subarray, observation, rows)
    assert one.read_bytes() == other.read_bytes()


def test_blocks_of_other_sizes_give_equal_bytes(tmp_path, subarray, observation, rows):
    written = []
    for size in (7, 300):
        path = tmp_path / f"{size}.h5"
        with EventDataWriter(path, subarray, observation) as out:
            images = rows["images", 1]
            for start in range(0, len(images["event_id"]), size):
                out.append_images(1, {n: a[start : start + size] for n, a in images.items()})
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_the_fixed_block_of_a_product_does_not_touch_the_content(event_file):
    before = content_digest(event_file)
    record = {"object_id": "1f", "class": "CameraImages", "inputs": {}, "parameters": {}}
    seal(event_file, record)
    assert read_block(event_file) == record
    assert content_digest(event_file) == before
    with EventDataReader(event_file) as file:
        assert file.tel_ids == (1, 2, 12)


def test_the_file_says_what_it_is_in_words_that_hdf5_keeps(event_file):
    with h5py.File(event_file) as file:
        told = {key: file.attrs[key].decode() for key in file.attrs}
        table = file["dl1/event/telescope/parameters/tel_001"]
        columns = {key: table.attrs[key] for key in table.attrs}
        n_rows = len(table)
        kind = file["dl1/event/telescope/images/tel_001"].id.get_type()
        assert [k for k in told if "TIME" in k or k == "CTA PRODUCT ID"] == []
    assert told["CTA PRODUCT DATA MODEL VERSION"] == "v7.1.0"
    assert told["CTA PRODUCT DATA LEVELS"] == "DL1_IMAGES,DL1_PARAMETERS,DL2"
    assert told["CTA PROCESS ID"] == "4711"
    assert columns["CTAFIELD_10_NAME"] == b"length"
    assert columns["CTAFIELD_10_UNIT"] == b"deg"
    assert columns["FIELD_10_NAME"] == b"hillas_length"
    assert columns["NROWS"] == n_rows
    assert isinstance(kind.get_member_type(6), h5py.h5t.TypeBitfieldID)


def test_an_empty_file_is_a_file(tmp_path, subarray, observation):
    with EventDataWriter(tmp_path / "none.h5", subarray, observation):
        pass
    with EventDataReader(tmp_path / "none.h5") as file:
        assert file.tel_ids == ()
        assert file.subarray().tel_ids == (1, 2, 12)
        with pytest.raises(NotFound, match="has no table dl1/event/subarray/trigger"):
            next(file.triggers())


def test_several_observations_need_their_number_with_each_row(tmp_path, subarray, observation):
    both = (observation, dataclasses.replace(observation, obs_id=4712))
    shower = {"event_id": [1, 1], "true_energy": [0.5, 2.0]}
    with EventDataWriter(tmp_path / "two.h5", subarray, both) as out:
        with pytest.raises(BadValue, match="no column obs_id"):
            out.append_showers(shower)
        out.append_showers(shower | {"obs_id": [4711, 4712]})
    with EventDataReader(tmp_path / "two.h5") as file:
        found = file.read("simulation/event/subarray/shower")
    assert list(found["obs_id"]) == [4711, 4712]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": None}, "no column image"),
        ({"charge": np.zeros(2)}, "columns charge"),
        ({"image": np.zeros((2, 15), np.float32)}, r"image of .* as float32 \(2, 15\)"),
        ({"image": np.full((2, 16), "x")}, "image of .* as <U1"),
        ({"event_id": np.arange(3)}, r"columns of \[2, 3\] rows"),
        ({"event_id": np.array([0.5, 1])}, "event_id of .* as float64"),
        ({"obs_id": np.array([1, 2**40])}, "obs_id of .* from 1 to 1099511627776"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, subarray, observation, changes, said):
    rows = {"event_id": np.arange(2), "image": np.zeros((2, 16)), "peak_time": np.zeros((2, 16))}
    rows = {name: values for name, values in (rows | changes).items() if values is not None}
    out = EventDataWriter(tmp_path / "bad.h5", subarray, observation)
    with out, pytest.raises(BadValue, match=said):
        out.append_images(12, rows)


def test_tables_with_other_events_than_the_triggers_are_refused(
    tmp_path, subarray, observation, rows, write_events
):
    rows["parameters", 1] = {n: a[::-1] for n, a in rows["parameters", 1].items()}
    with pytest.raises(BadValue, match="telescope 1 in dl1/event/telescope/parameters"):
        write_events(tmp_path / "mixed.h5", subarray, observation, rows)
    with pytest.raises(BadInput, match="tells no version of its data model"):
        EventDataReader(tmp_path / "mixed.h5")


def test_triggers_of_telescopes_in_another_order_are_refused(tmp_path, subarray, observation):
    trigger = {"event_id": [1], "tels_with_trigger": np.array([[True, True, False]])}
    out = EventDataWriter(tmp_path / "t.h5", subarray, observation)
    with out, pytest.raises(BadValue, match="in another order"):
        out.append_triggers(trigger, {"event_id": [1, 1], "tel_id": [2, 1]})


def test_what_the_writer_does_not_know_is_refused(tmp_path, subarray, observation):
    with EventDataWriter(tmp_path / "t.h5", subarray, observation) as out:
        with pytest.raises(NotFound, match="has no telescope 3"):
            out.append_muons(3, {"event_id": [1]})
        with pytest.raises(BadValue, match="reconstruction of 'mass'"):
            out.append_dl2("mass", "Forest", {"event_id": [1]})
        with pytest.raises(BadValue, match=r"a method named '\.\./up'"):
            out.append_dl2("energy", "../up", {"event_id": [1]})
    with pytest.raises(BadValue, match="zstd level 99"):
        EventDataWriter(tmp_path / "u.h5", subarray, observation, level=99)


def test_an_error_within_the_writer_is_not_hidden_by_its_end(tmp_path, subarray, observation):
    out = EventDataWriter(tmp_path / "t.h5", subarray, observation)
    with pytest.raises(ZeroDivisionError), out:  # noqa: PT012
        out.append_triggers({"event_id": [1], "tels_with_trigger": np.ones((1, 3), bool)})
        1 / 0  # noqa: B018
    with pytest.raises(BadInput, match="tells no version of its data model"):
        EventDataReader(tmp_path / "t.h5")


def test_a_writer_that_cannot_begin_leaves_no_file_open(tmp_path, subarray, observation):
    odd = dataclasses.replace(observation, obs_id=-1)
    with pytest.raises(BadValue, match="obs_id"):
        EventDataWriter(tmp_path / "t.h5", subarray, odd)
    with h5py.File(tmp_path / "t.h5", "r+"):  # HDF5 would refuse it
        pass


def test_truth_and_muons_stand_where_the_model_has_them(tmp_path, subarray, observation):
    with EventDataWriter(tmp_path / "t.h5", subarray, observation) as out:
        out.append_truth(
            12,
            images={"event_id": [5], "true_image": np.arange(16)[np.newaxis]},
            parameters={"event_id": [5], "true_hillas_length": [0.25]},
            impacts={"event_id": [5], "true_impact_distance": [120.0]},
        )
        out.append_muons(12, {"event_id": [5], "muonring_radius": [1.125]})
    with EventDataReader(tmp_path / "t.h5") as file:
        image = file.read("simulation/event/telescope/images/tel_012")
        parameters = file.read("simulation/event/telescope/parameters/tel_012")
        impact = file.read("simulation/event/telescope/impact/tel_012")
        muon = file.read("dl1/event/telescope/muon/tel_012")
    assert list(image["true_image"][0]) == list(range(16))
    assert parameters["true_hillas_length"] == 0.25
    assert impact["true_impact_distance"] == 120
    assert muon["muonring_radius"] == 1.125


@pytest.mark.parametrize("ids", [(), (1, 1), (-1,), (40000,)])
def test_a_subarray_has_telescopes_with_numbers_of_their_own(subarray, ids):
    one = subarray.telescopes[0]
    with pytest.raises(BadValue, match="a subarray of the telescopes"):
        eventdata.Subarray("none", tuple(dataclasses.replace(one, tel_id=i) for i in ids))


def test_a_camera_of_a_raw_file_is_turned_to_the_axes_of_the_files():
    x, y = np.array([0.0, 0.05, 0.025]), np.array([0.0, 0.0, 0.0433])
    pulse = np.array([[0.0, 1.0, 0.5]])
    camera = CameraDescription(
        *("Cam", 3, 2, 40, 1.0, x, y, None, "hexagonal"), pulse_shape=pulse, pulse_step=0.25
    )
    telescope = TelescopeDescription(4, "T4", camera, 1.0, 2.0, 3.0, 28.0, 386.0)
    found = eventdata.Telescope.of(telescope)
    np.testing.assert_array_equal(found.camera.pixel_x, y)
    np.testing.assert_array_equal(found.camera.pixel_y, x)
    np.testing.assert_allclose(found.camera.pixel_area, 0.05**2 * np.sqrt(3) / 2, rtol=1e-2)
    assert found.camera.pixel_rotation == pytest.approx(30, abs=0.1)
    assert found.optics.size_type == "LST"
    assert found.camera.pulse.tolist() == [[0, 1, 0.5], [0, 1, 0.5]]
    assert found.camera.pulse_step == 0.25
    blind = eventdata.Camera.of(dataclasses.replace(camera, pixel_x=None))
    assert blind.n_pixels == 3
    assert np.isnan(blind.pixel_x).all()


def test_parameters_of_the_kernels_get_the_names_and_units_of_the_model():
    parameters = np.zeros(1, kernels.PARAMETERS)
    parameters["x"], parameters["psi"], parameters["n_pixels"] = 1.5, np.pi / 4, 7
    found = eventdata.to_data_model(parameters)
    assert found["hillas_fov_lon"] == 1.5
    assert found["hillas_psi"] == pytest.approx(45)
    assert found["morphology_n_pixels"] == 7
    assert len(found) == len(kernels.PARAMETERS.names)


@pytest.mark.parametrize(
    ("utc", "offset"),
    [
        (datetime(1972, 1, 1, tzinfo=UTC), 10),
        (datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), 36),
        (datetime(2017, 1, 1, tzinfo=UTC), 37),
    ],
)
def test_tai_is_ahead_of_utc_by_the_leap_seconds(utc, offset):
    unix = int(utc.timestamp())
    ((seconds, quarters),) = times.from_unix([unix * 10**9 + 3])
    assert seconds == unix + offset
    assert quarters == 12


@given(st.lists(st.integers(63072000 * 10**9, 4 * 10**18), max_size=5))
def test_times_come_back_to_the_nanosecond(unix):
    np.testing.assert_array_equal(times.to_unix(times.from_unix(np.array(unix, np.int64))), unix)


def test_unknown_times_are_zero():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert times.since(start, [np.nan]).tolist() == [[0, 0]]
    assert times.since(None, [1.0]).tolist() == [[0, 0]]
    assert times.to_unix(np.zeros((1, 2), np.uint32)).tolist() == [0]
    assert times.tai_mjd(None) == 0
    with pytest.raises(BadValue, match="since 1970"):
        times.from_unix([1])


def test_a_missing_file_is_not_found():
    with pytest.raises(NotFound, match="no file"):
        EventDataReader(Path("/no/such/file.h5"))


PAGE = (Path(__file__).parents[2] / "docs" / "dl1-files.md").read_text()


def test_every_public_name_and_table_is_on_the_page(event_file):
    assert [name for name in eventdata.__all__ if name != "MODEL" and name not in PAGE] == []
    with EventDataReader(event_file) as file:
        groups = {place.rpartition("/")[0].split("/")[-1] for place in file.places()}
    assert [name for name in groups - {"HillasReconstructor"} if name not in PAGE] == []
