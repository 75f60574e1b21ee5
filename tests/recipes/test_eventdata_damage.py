"""Event files of unknown origin: each fault is told, nothing in them is run or followed."""

import random

import h5py
import numpy as np
import pytest

from awlta.errors import AwltaError, BadInput, NotFound
from awlta_recipes.eventdata import EventDataReader
from awlta_recipes.eventdata.table_reader import TableReader

VERSION = "CTA PRODUCT DATA MODEL VERSION"
IMAGES = "dl1/event/telescope/images/tel_012"


def read_all(path):
    with EventDataReader(path) as file:
        file.subarray()
        return [len(file.read(place)) for place in file.places()]


@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.9, 0.9999])
def test_a_cut_file_is_refused(event_file, share):
    raw = event_file.read_bytes()
    event_file.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(BadInput, match="cannot be opened as HDF5") as refused:
        read_all(event_file)
    assert refused.value.facts["file"] == "events.h5"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v6.0.0", "is of data model v6.0.0"),
        ("7", "is of data model 7"),
        (None, "tells no version"),
    ],
)
def test_another_data_model_is_refused(event_file, version, said):
    with h5py.File(event_file, "r+") as file:
        del file.attrs[VERSION]
        if version is not None:
            file.attrs[VERSION] = version
    with pytest.raises(BadInput, match=said):
        EventDataReader(event_file)


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bytes_end_in_rows_or_in_one_error(event_file, seed):
    """Half of the seeds hit the first kilobytes of HDF5's own structures."""
    raw = bytearray(event_file.read_bytes())
    chance = random.Random(seed)
    begin = 20480
    end = begin + 60000 if seed % 2 else len(raw)
    for _ in range(20):
        raw[chance.randrange(begin, end)] = chance.randrange(256)
    event_file.write_bytes(raw)
    try:
        read_all(event_file)
    except AwltaError as error:
        told = str(error)
    else:
        told = "events.h5"
    assert "events.h5" in told


def test_a_missing_table_is_named(event_file):
    with h5py.File(event_file, "r+") as file:
        del file[IMAGES], file["configuration/instrument/telescope/optics"]
    with EventDataReader(event_file) as file:
        with pytest.raises(NotFound, match=f"has no table {IMAGES}"):
            next(file.images(12))
        with pytest.raises(
            BadInput, match="has no table configuration/instrument/telescope/optics"
        ):
            file.subarray()
        with pytest.raises(NotFound, match="has no column hillas_colour"):
            file.unit("dl1/event/telescope/parameters/tel_012", "hillas_colour")


def test_a_camera_that_the_layout_names_must_be_there(event_file):
    with h5py.File(event_file, "r+") as file:
        del file["configuration/instrument/telescope/camera/geometry_1"]
    with EventDataReader(event_file) as file, pytest.raises(BadInput, match="geometry_1"):
        file.subarray()


def test_pickles_stay_bytes(event_file, tmp_path):
    """PyTables would call what a pickled attribute names."""
    ran = tmp_path / "ran"
    pickled = f"cos\nsystem\n(S'touch {ran}'\ntR.".encode()
    with h5py.File(event_file, "r+") as file:
        for node in (file, file[IMAGES]):
            node.attrs["TITLE"] = np.bytes_(pickled)
            node.attrs["CTAFIELD_0_ENUM"] = np.bytes_(pickled)
    read_all(event_file)
    assert not ran.exists()


def test_links_out_of_the_file_are_not_followed(event_file, tmp_path, subarray):
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as file:
        file["t"] = np.zeros(3, [("a", "i4")])
    with h5py.File(event_file, "r+") as file:
        del file[IMAGES]
        file[IMAGES] = h5py.ExternalLink(str(other), "t")
        file["soft"] = h5py.SoftLink("/dl1")
    with EventDataReader(event_file) as file:
        assert IMAGES not in file.places()
        assert not [p for p in file.places() if p.startswith("soft")]
        with pytest.raises(NotFound):
            next(file.images(12))


def test_a_group_that_holds_itself_is_not_walked_without_end(event_file):
    with h5py.File(event_file, "r+") as file:
        file["dl1/again"] = file["dl1"]
    with EventDataReader(event_file) as file:
        assert len(file.places()) < 1000


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (np.zeros(3), "rows without columns"),
        (np.zeros((3, 3), [("a", "i4")]), "several dimensions"),
        (np.zeros(3, [("a", "c16")]), "a column 'a' of complex128"),
        (np.zeros(3, [("a", [("b", "i4")])]), "a column 'a'"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(tmp_path, table, said):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["t"] = table
        with pytest.raises(BadInput, match=said):
            TableReader(file, "t")
        with pytest.raises(NotFound):
            TableReader(file, "t/more")


def test_rows_that_are_told_of_but_not_held_are_refused(tmp_path):
    dtype = np.dtype([("a", "i8")])
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("flat", (10**15,), dtype)
        file.create_dataset("chunked", (10**15,), dtype, chunks=(1000,))
        file.create_dataset("wide", (10,), [("a", "i8", (10**6,))], chunks=(1,))
        file.create_dataset("long", (10,), dtype, chunks=(10**8,), maxshape=(None,))
        with pytest.raises(BadInput, match="rows that it does not hold"):
            TableReader(file, "flat")
        with pytest.raises(BadInput, match=r"has 1000000000000000 rows .*Go through it in blocks"):
            TableReader(file, "chunked").read()
        with pytest.raises(BadInput, match="cannot be read"):
            next(TableReader(file, "chunked").blocks(10))
        with pytest.raises(BadInput, match="rows of 8000000 bytes"):
            TableReader(file, "wide")
        with pytest.raises(BadInput, match="chunks of 800000000 bytes"):
            TableReader(file, "long")


def test_data_in_another_file_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        outside = [(str(tmp_path / "secret"), 0, 80)]
        file.create_dataset("out", (10,), [("a", "i8")], external=outside)
        with pytest.raises(BadInput, match="its data elsewhere"):
            TableReader(file, "out")
