"""Every raw event file of the test data, and our own, through one face."""

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from awlta.errors import BadInput, BadValue, NameTaken, NotFound
from awlta_recipes.events import (
    CalibrationState,
    CameraDescription,
    EventFileWriter,
    EventKind,
    Pointing,
    RunHeader,
    TelescopeDescription,
    calibration_of,
    identify,
    iterate,
    iterate_all,
    read_header,
    read_triggers,
    read_truth,
)
from awlta_recipes.events.blocks import BLOCK_BYTES, SingleEvent, events_in_block, gather
from awlta_recipes.events.model import datetime_of, seconds_since

START = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)

# file: format, telescopes, array events, then of one telescope: id, name, shape, events
FILES = {
    "aux_traces_2029.simtel.zst": ("simtel", 1, 1, 1, "FlashCam-1", (1, 1764, 25), 1),
    "aux_traces_2030.simtel.zst": ("simtel", 1, 1, 1, "LSTCam-1", (2, 1855, 40), 1),
    "calib_events.simtel.gz": ("simtel", 7, 1, 4, "ASTRICam-4", (2, 2368, 1), 1),
    "calib_true_pe.simtel.zst": ("simtel", 1, 2, 1, "FlashCam-1", (1, 1764, 25), 2),
    "camsettings_v6.simtel.zst": ("simtel", 19, 1, 9, "NectarCam-9", (2, 1855, 60), 1),
    "example_9evts_NectarCAM.fits.fz": ("zfits", 1, 9, 0, "NectarCam-84-0", (2, 84, 60), 9),
    "example_SST1M_20180822.fits.fz": ("zfits", 1, 32, 22, "DigiCam-22", (1, 1296, 50), 32),
    "extracted_pedestals.simtel.zst": ("simtel", 1, 5, 1, "LSTCam-1", (2, 1855, 40), 5),
    "gamma_with_obslevel_particles.simtel.zst": ("simtel", 1, 1, 1, "Camera960-1", (2, 960, 40), 1),
    "history_meta_75.simtel.zst": ("simtel", 19, 1, 4, "LSTCam-4", (2, 1855, 40), 1),
    "lst_muons.simtel.zst": ("simtel", 1, 30, 1, "LSTCam-1", (2, 1855, 30), 30),
    "lst_muons_with_true_photons.simtel.zst": ("simtel", 1, 3, 1, "LSTCam-1", (2, 1855, 30), 3),
    "prod4_pixelsettings_v3.gz": ("simtel", 1, 10, 1, "LSTCam-1", (2, 1855, 40), 10),
    "simtel_test_file.simtel.gz": ("simtel", 1, 9, 1, "DigiCam-1", (1, 1296, 50), 9),
}


def data(name):
    root = os.environ.get("AWLTA_TEST_DATA")
    if not root:
        pytest.skip("AWLTA_TEST_DATA is not set")
    return Path(root) / name


@pytest.mark.data
@pytest.mark.parametrize("name", FILES)
def test_every_raw_file_is_read_to_its_end(name):
    form, n_telescopes, n_array_events, tel_id, telescope, shape, n_events = FILES[name]
    path = data(name)
    assert identify(path) == form
    header = read_header(path)
    assert (len(header.telescopes), header.n_events) == (n_telescopes, n_array_events)
    assert header.telescope(tel_id).name == telescope
    assert header.telescope(tel_id).camera.event_shape == shape
    blocks = list(iterate(path, tel_id, block=4))
    assert sum(len(b) for b in blocks) == n_events
    assert all(b.waveforms.shape[1:] == shape and not b.flagged for b in blocks)


@pytest.mark.data
def test_the_size_of_a_block_does_not_change_the_events():
    path = data("lst_muons.simtel.zst")
    one = list(iterate(path, 1, block=1))
    seven = list(iterate(path, 1, block=7))
    assert [len(b) for b in seven] == [7, 7, 7, 7, 2]
    for name in ("event_id", "time", "waveforms", "pointing"):
        parts = [np.concatenate([getattr(b, name) for b in blocks]) for blocks in (one, seven)]
        assert np.array_equal(*parts)


@pytest.mark.data
def test_simtel_pedestals_are_per_sample():
    calibration = calibration_of(data("lst_muons.simtel.zst"), 1)
    assert calibration.pedestal.shape == calibration.dc_to_pe.shape == (2, 1855)
    assert calibration.pedestal.mean() == pytest.approx(300, abs=1)
    high, low = calibration.dc_to_pe.mean(axis=1)
    assert low / high == pytest.approx(18.2, abs=0.1)


@pytest.mark.data
def test_a_telescope_without_data_in_an_event_is_no_fault():
    path = data("history_meta_75.simtel.zst")
    assert list(iterate(path, 15)) == []
    assert calibration_of(path, 15) is None or calibration_of(path, 15).pedestal.size


@pytest.mark.data
def test_zfits_rows_are_put_into_pixel_order():
    path = data("example_SST1M_20180822.fits.fz")
    block = next(iterate(path, 22))
    pedestal = calibration_of(path, 22)
    assert pedestal.dc_to_pe is None
    level = np.median(block.waveforms[:, 0], axis=(0, 2))
    assert np.corrcoef(level, pedestal.pedestal[0])[0, 1] > 0.99


@pytest.mark.data
def test_zfits_times_are_the_cameras():
    nectar = next(iterate(data("example_9evts_NectarCAM.fits.fz"), 0))
    # events came once a second
    assert np.diff(nectar.time) == pytest.approx(np.ones(8), abs=0.01)
    assert (
        read_header(data("example_SST1M_20180822.fits.fz"))
        .start.isoformat()
        .startswith("2018-08-23T00:00:01.673508")
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lst_muons.simtel.zst", EventKind.SIMULATION),
        ("calib_events.simtel.gz", EventKind.PEDESTAL),
        ("calib_true_pe.simtel.zst", EventKind.FLATFIELD),
        ("extracted_pedestals.simtel.zst", EventKind.CALIBRATION),
        ("example_SST1M_20180822.fits.fz", EventKind.UNKNOWN),
    ],
)
def test_the_kind_of_a_run_is_what_its_file_tells(name, kind):
    assert read_header(data(name)).event_kind is kind


@pytest.mark.data
def test_pixels_of_a_simtel_camera_are_a_tenth_of_a_degree_apart():
    lon, lat = read_header(data("history_meta_75.simtel.zst")).telescope(1).pixel_directions()
    distance = np.hypot(lon - lon[0], lat - lat[0])
    assert np.sort(distance)[1:7] == pytest.approx(np.full(6, 0.0977), abs=1e-3)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("fact_testDataFile.fits.fz", "not protobuf"),
        ("README.txt", "begins with"),
        ("camgeom/LSTCam.camgeom.fits.gz", "begins with"),
    ],
)
def test_foreign_files_are_refused_by_what_they_hold(name, found):
    with pytest.raises(BadInput, match=found):
        read_header(data(name))


@pytest.mark.data
def test_an_unknown_telescope_is_named_with_those_there_are():
    with pytest.raises(NotFound, match=r"no telescope 9.*\[1\]"):
        iterate(data("lst_muons.simtel.zst"), 9)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        read_header(tmp_path / "nothing")


def test_an_empty_file_is_refused_as_empty(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    with pytest.raises(BadInput, match="is empty"):
        read_header(path)


def small_camera(n_gains=2):
    place = np.array([0.0, 0.1, 0.2])
    return CameraDescription("Three", 3, n_gains, 4, 1.0, place, place, place**2, "hexagonal")


def small_header(**changes):
    telescope = TelescopeDescription(2, "Three-2", small_camera(), 1.0, 2.0, 3.0, 28.0, 370.0)
    facts = {
        "run": 7,
        "start": START,
        "stop": None,
        "format": "awlta-hdf5",
        "telescopes": (telescope,),
        "n_events": 0,
        "event_kind": EventKind.OBSERVATION,
        "calibration_state": CalibrationState.RAW2,
        "pointing": Pointing(70.0, 180.0, 83.5, 22.0),
        "facts": {"origin": "test", "source_ra": 83.6},
    }
    return RunHeader(**{**facts, **changes})


def write(path, n_events=5, **changes):
    waveforms = np.arange(n_events * 24, dtype=np.uint16).reshape(n_events, 2, 3, 4)
    times = 0.5 * np.arange(n_events)
    with EventFileWriter(path, small_header(**changes)) as writer:
        writer.add_events(2, np.arange(n_events) + 10, times, waveforms)
        writer.add_triggers(np.arange(n_events) + 10, times, np.ones((n_events, 1), bool))
        writer.add_truth({"energy": np.ones(n_events)})
    return waveforms


def test_what_is_written_is_read_again(tmp_path):
    waveforms = write(tmp_path / "run.h5")
    header = read_header(tmp_path / "run.h5")
    assert (header.run, header.n_events, header.start) == (7, 5, START)
    assert (header.stop - header.start).total_seconds() == 2.0
    assert header.pointing == Pointing(70.0, 180.0, 83.5, 22.0)
    assert header.facts == {"origin": "test", "source_ra": 83.6}
    telescope = header.telescope(2)
    assert (telescope.x, telescope.y, telescope.z) == (1.0, 2.0, 3.0)
    assert telescope.camera.pixel_x.tolist() == [0.0, 0.1, 0.2]
    blocks = list(iterate(tmp_path / "run.h5", 2, block=2))
    assert [b.event_id.tolist() for b in blocks] == [[10, 11], [12, 13], [14]]
    assert np.array_equal(np.concatenate([b.waveforms for b in blocks]), waveforms)
    assert blocks[0].pointing.tolist() == [[70.0, 180.0], [70.0, 180.0]]
    assert read_truth(tmp_path / "run.h5")["energy"].tolist() == [1.0] * 5
    assert calibration_of(tmp_path / "run.h5", 2) is None


def test_the_same_run_gives_the_same_bytes(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_first_16_kib_are_free_for_an_identity_block(tmp_path):
    path = tmp_path / "run.h5"
    waveforms = write(path)
    with open(path, "r+b") as stream:
        assert stream.read(16384) == bytes(16384)
        stream.seek(0)
        stream.write(b"identity" * 2048)
    assert np.array_equal(next(iterate(path, 2)).waveforms, waveforms)


def test_waveforms_in_photoelectrons_have_no_gain_axis(tmp_path):
    path = tmp_path / "pe.h5"
    charge = np.full((2, 3, 4), 0.5, np.float32)
    with EventFileWriter(path, small_header(calibration_state=CalibrationState.PE)) as writer:
        writer.add_events(2, [1, 2], [0.0, 0.1], charge)
        writer.add_triggers([1, 2], [0.0, 0.1], np.ones((2, 1), bool))
    block = next(iterate(path, 2))
    assert block.waveforms.dtype == np.float32
    assert np.array_equal(block.waveforms, charge)


def test_an_unfinished_file_is_refused(tmp_path):
    with pytest.raises(RuntimeError), EventFileWriter(tmp_path / "run.h5", small_header()):
        raise RuntimeError("the power went")
    with pytest.raises(BadInput, match="did not finish"):
        read_header(tmp_path / "run.h5")


def test_a_file_is_never_overwritten(tmp_path):
    write(tmp_path / "run.h5")
    with pytest.raises(NameTaken), EventFileWriter(tmp_path / "run.h5", small_header()):
        pass


def test_waveforms_of_another_shape_are_refused_by_the_writer(tmp_path):
    wrong = np.zeros((1, 1, 3, 4), np.uint16)
    with (
        pytest.raises(BadValue, match=r"shape \(n_events, 2, 3, 4\)"),
        EventFileWriter(tmp_path / "run.h5", small_header()) as writer,
    ):
        writer.add_events(2, [1], [0.0], wrong)


def test_odd_events_are_flagged_and_the_rest_goes_on():
    good = np.ones((2, 3, 4), np.uint16)
    events = [
        SingleEvent(1, good),
        SingleEvent(2, good[:, :, :3]),
        SingleEvent(3, good.astype(np.int16) - 2),
        SingleEvent(4, good, time=1.5, alt=70.0, az=180.0),
        SingleEvent(5, good.astype(np.float32)),
        SingleEvent(6, good.astype(np.uint32) << 16),
    ]
    (block,) = gather(events, {0: small_camera()}, 10, lambda _: np.ones(3, bool))
    assert block.event_id.tolist() == [1, 4]
    assert [f.event_id for f in block.flagged] == [2, 3, 5, 6]
    assert "shape (2, 3, 3), expected (2, 3, 4)" in block.flagged[0].reason
    assert "from -1 to -1" in block.flagged[1].reason
    assert "float32, expected whole counts" in block.flagged[2].reason
    assert "from 65536 to 65536" in block.flagged[3].reason
    assert np.isnan(block.time[0])
    assert block.time[1] == 1.5


def test_events_of_several_telescopes_go_into_blocks_of_their_own():
    cameras = {1: small_camera(1), 2: small_camera(2)}
    shapes = {1: (1, 3, 4), 2: (2, 3, 4)}
    events = [SingleEvent(i, np.full(shapes[t], i, np.uint16), tel_id=t) for i, t in
              enumerate([1, 2, 2, 1, 2, 2])]  # fmt: skip
    blocks = list(gather(events, cameras, 2, lambda tel_id: np.full(3, tel_id == 1)))
    assert [(b.tel_id, b.event_id.tolist()) for b in blocks] == [(2, [1, 2]), (1, [0, 3]),
                                                                 (2, [4, 5])]  # fmt: skip
    assert [b.waveforms[0].max() for b in blocks] == [1, 0, 4]
    assert [b.pixel_ok.all() for b in blocks] == [False, True, False]


def test_blocks_are_bounded_in_bytes():
    lst, small = CameraDescription("LST", 1855, 2, 40), CameraDescription("one", 1, 1, 1)
    assert lst.event_size == 296_800
    assert events_in_block(lst, None) == 56
    assert events_in_block(lst, None, n_telescopes=19) == 2
    assert events_in_block(lst, None, n_telescopes=1000) == 1
    assert events_in_block(small, None) == BLOCK_BYTES // 2
    assert events_in_block(lst, 7) == 7


def test_a_block_must_hold_an_event(tmp_path):
    with pytest.raises(BadValue):
        iterate(tmp_path, 1, block=0)


def test_a_camera_without_geometry_says_so():
    telescope = TelescopeDescription(1, "bare", CameraDescription("bare", 3, 1, 4))
    with pytest.raises(BadValue, match="no pixel positions"):
        telescope.pixel_directions()


def test_times_keep_their_nanoseconds():
    nanoseconds = 1_534_982_401_673_508_228
    start = datetime_of(nanoseconds)
    assert start.microsecond == 673508
    assert seconds_since(start, nanoseconds + 1_000_000_001) == pytest.approx(
        1.000000229, abs=1e-12
    )
    assert np.isnan(seconds_since(start, 0))


def test_a_flipped_bit_in_our_own_file_is_refused_or_without_effect(tmp_path):
    waveforms = write(tmp_path / "run.h5", n_events=40)
    whole = (tmp_path / "run.h5").read_bytes()
    n_refused = 0
    for place in range(16384, len(whole), 331):
        raw = bytearray(whole)
        raw[place] ^= 1
        (tmp_path / "flipped.h5").write_bytes(raw)
        try:
            read = np.concatenate([b.waveforms for b in iterate(tmp_path / "flipped.h5", 2)])
        except BadInput:
            n_refused += 1
        else:
            assert np.array_equal(read, waveforms)
    assert n_refused > 20


def test_our_own_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "run.h5"
    write(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(BadInput, match=r"run\.h5: cannot be read"):
        read_header(path)


def test_our_own_file_tells_its_triggers(tmp_path):
    write(tmp_path / "run.h5", n_events=3)
    triggers = read_triggers(tmp_path / "run.h5")
    assert triggers.event_id.tolist() == [10, 11, 12]
    assert triggers.time.tolist() == [0.0, 0.5, 1.0]
    assert triggers.tel_ids.tolist() == [2]
    assert triggers.triggered.all()
    assert len(triggers) == 3


def test_the_telescopes_of_our_own_file_come_table_after_table(tmp_path):
    header = small_header()
    (telescope,) = header.telescopes
    two = tuple(type(telescope)(i, f"Three-{i}", telescope.camera) for i in (1, 2))
    samples = np.arange(48, dtype=np.uint16).reshape(2, 2, 3, 4)
    with EventFileWriter(tmp_path / "run.h5", small_header(telescopes=two)) as writer:
        for tel_id in (1, 2):
            writer.add_events(tel_id, [1, 2], [0.0, 1.0], samples + tel_id)
        writer.add_triggers([1, 2], [0.0, 1.0], np.ones((2, 2), bool))
    blocks = list(iterate_all(tmp_path / "run.h5", block=1))
    assert [(b.tel_id, b.event_id.tolist()) for b in blocks] == [
        (1, [1]), (1, [2]), (2, [1]), (2, [2]),
    ]  # fmt: skip
    assert np.array_equal(blocks[3].waveforms[0], samples[1] + 2)


def test_a_pulse_is_written_and_read_again(tmp_path):
    (telescope,) = small_header().telescopes
    camera = telescope.camera
    pulse = np.array([[0.0, 1.0, 0.5]])
    with_pulse = type(camera)(
        camera.name, 3, 2, 4, pulse_shape=pulse, pulse_step=0.2, pixel_x=camera.pixel_x
    )
    header = small_header(telescopes=(type(telescope)(2, "Three-2", with_pulse),), start=START)
    with EventFileWriter(tmp_path / "run.h5", header):
        pass
    read = read_header(tmp_path / "run.h5").telescope(2).camera
    assert read.pulse_shape.tolist() == pulse.tolist()
    assert read.pulse_step == 0.2
