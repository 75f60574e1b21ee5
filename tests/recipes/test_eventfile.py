"""Our own raw event file: what is written is what is read, and nothing else is believed."""

from datetime import UTC, datetime

import h5py
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
    iterate,
    iterate_all,
    read_header,
    read_truth,
)

START = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
EVENTS, TRIGGER = "r0/event/telescope/tel_002", "r0/event/subarray/trigger"


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


def test_texts_of_any_language_are_under_a_checksum(tmp_path):
    facts = {"origin": "Orélie-Antoine, \u03b3", "note": ""}
    with EventFileWriter(tmp_path / "run.h5", small_header(facts=facts)):
        pass
    assert read_header(tmp_path / "run.h5").facts == facts
    # the heap of texts of any length has no sum, and a flipped bit in it can hang HDF5
    assert b"GCOL" not in (tmp_path / "run.h5").read_bytes()


def test_texts_of_any_length_are_read_as_well(tmp_path):
    write(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        file.attrs["event_kind"] = "pedestal"
    assert read_header(tmp_path / "run.h5").event_kind is EventKind.PEDESTAL


def test_a_run_without_a_start_leaves_no_file(tmp_path):
    with (
        pytest.raises(BadValue, match="without a start"),
        EventFileWriter(tmp_path / "run.h5", small_header(start=None)),
    ):
        pass
    assert not (tmp_path / "run.h5").exists()


@pytest.mark.parametrize(
    ("event_id", "time", "waveforms"),
    [
        ([1, 2], [0.0], np.zeros((2, 2, 3, 4), np.uint16)),
        ([1], [0.0], np.full((1, 2, 3, 4), 65536)),
        ([1], [0.0], np.full((1, 2, 3, 4), -1)),
        ([1], [0.0], np.zeros((1, 2, 3, 4))),
        ([0.5], [0.0], np.zeros((1, 2, 3, 4), np.uint16)),
    ],
)
def test_what_hdf5_would_stretch_or_clip_is_refused_and_nothing_of_it_written(
    tmp_path, event_id, time, waveforms
):
    with EventFileWriter(tmp_path / "run.h5", small_header()) as writer:
        with pytest.raises(BadValue):
            writer.add_events(2, event_id, time, waveforms)
        with pytest.raises(NotFound):
            writer.add_events(3, event_id, time, waveforms)
    assert read_header(tmp_path / "run.h5").n_events == 0


def test_truth_has_the_same_columns_in_each_block(tmp_path):
    with EventFileWriter(tmp_path / "run.h5", small_header()) as writer:
        writer.add_truth({"energy": np.ones(1), "alt": np.ones(1)})
        with pytest.raises(BadValue, match="columns energy for"):
            writer.add_truth({"energy": np.ones(1)})


def test_a_run_ends_with_the_last_trigger_of_known_time(tmp_path):
    with EventFileWriter(tmp_path / "run.h5", small_header()) as writer:
        writer.add_triggers([1, 2, 3], [0.5, 2.5, np.nan], np.ones((3, 1), bool))
    header = read_header(tmp_path / "run.h5")
    assert (header.stop - START).total_seconds() == 2.5


def lie(file, what):
    """Change a file as no writer of ours does."""
    if what == "rows that are not there":
        for name in ("event_id", "time", "waveform"):
            file[EVENTS][name].resize(10**9, axis=0)
    elif what == "columns of other lengths":
        file[EVENTS]["time"].resize(3, axis=0)
    elif what == "more events than triggers":
        file.attrs["n_events"] = 10**6
    elif what == "a camera of other pixels":
        file["configuration/telescope/tel_002"].attrs["n_pixels"] = 4
    elif what == "a camera that is too large":
        file["configuration/telescope/tel_002"].attrs["n_samples"] = 2**40
    elif what == "a time beyond all calendars":
        file[TRIGGER]["time"][-1] = 1e300
    elif what == "a kind that is none":
        file.attrs["event_kind"] = "holiday"
    elif what == "no triggers":
        del file[TRIGGER]
    elif what == "a table in another file":
        del file[EVENTS]
        file[EVENTS] = h5py.ExternalLink("other.h5", EVENTS)
    elif what == "a view of another file":
        del file[EVENTS]["time"]
        layout = h5py.VirtualLayout((5,), "f8")
        layout[:] = h5py.VirtualSource("other.h5", f"{EVENTS}/time", (5,))
        file[EVENTS].create_virtual_dataset("time", layout)
    elif what == "bytes of another file":
        del file[EVENTS]["time"]
        file[EVENTS].create_dataset("time", (5,), "f8", external=[("/etc/passwd", 0, 40)])


@pytest.mark.parametrize(
    "what",
    [
        "rows that are not there",
        "columns of other lengths",
        "more events than triggers",
        "a camera of other pixels",
        "a camera that is too large",
        "a time beyond all calendars",
        "a kind that is none",
        "no triggers",
        "a table in another file",
        "a view of another file",
        "bytes of another file",
    ],
)
def test_a_file_that_lies_is_refused(tmp_path, what):
    write(tmp_path / "other.h5")
    write(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        lie(file, what)
    with pytest.raises(BadInput, match=r"run\.h5: cannot be read") as refused:
        read_header(tmp_path / "run.h5")
    assert refused.value.do.startswith("Fetch the file again")


def test_a_flipped_bit_in_the_samples_is_seen_by_who_reads_the_header(tmp_path):
    write(tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5") as file:
        chunk = file[EVENTS]["waveform"].id.get_chunk_info(2)
    raw = bytearray((tmp_path / "run.h5").read_bytes())
    raw[chunk.byte_offset + chunk.size // 2] ^= 1
    (tmp_path / "run.h5").write_bytes(raw)
    with pytest.raises(BadInput, match="cannot be read"):
        read_header(tmp_path / "run.h5")
