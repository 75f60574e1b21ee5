"""The fixed block of a file: identity apart from content."""

import json
import time

import h5py
import numpy as np
import pytest
from astropy.io import fits
from factories import Exposure, ExposureFactory, SummedFactory, Thresholds

from awlta.errors import BadInput, RecipeFailed
from awlta.lineage import DataProduct, new_hdf5, provenance, recipe
from awlta.lineage.files.block import (
    NAME,
    PLACE,
    SIZE,
    block_place,
    content_digest,
    read_block,
    seal,
)

RECORD = {
    "object_id": "01890a5d-ac96-7b2c-8d5e-0123456789ab",
    "class": "Exposure",
    "category": "B",
    "recipe": {
        "name": "a_long_package.a_long_module:AClassOfALongName.make",
        "version": "1",
        "digest": "ab" * 32,
    },
    "inputs": {"raw": ["one", "two"], "calibration": []},
    "parameters": {"Thresholds": {"weight": 2.0}},
}


@pytest.fixture
def hdf5(tmp_path):
    path = tmp_path / "file.h5"
    with new_hdf5(path) as file:
        file["x"] = np.arange(5)
    return path


@pytest.fixture
def fits_file(tmp_path):
    path = tmp_path / "file.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3)))]).writeto(path)
    return path


def test_a_record_is_sealed_and_read_back_and_the_content_stays(hdf5):
    before = content_digest(hdf5)
    assert read_block(hdf5) is None
    seal(hdf5, RECORD)
    assert read_block(hdf5) == RECORD
    assert (block_place(hdf5), content_digest(hdf5)) == (range(PLACE, PLACE + SIZE), before)
    with h5py.File(hdf5) as file:
        assert file["x"][:].tolist() == [0, 1, 2, 3, 4]
    seal(hdf5, RECORD | {"class": "Other"})
    assert read_block(hdf5)["class"] == "Other"
    assert content_digest(hdf5) == before


def test_a_reader_that_knows_nothing_of_hdf5_finds_the_block(hdf5):
    seal(hdf5, RECORD)
    raw = hdf5.read_bytes()
    assert raw.startswith(b"\x89HDF\r\n\x1a\n")
    text = raw[4096 : 4096 + 16384].rstrip(b"\0").decode()
    assert text.startswith("awlta block 1\n")
    assert json.loads(text.removeprefix("awlta block 1\n")) == RECORD


def test_to_hdf5_the_block_is_a_dataset_of_its_text(hdf5):
    seal(hdf5, RECORD)
    with h5py.File(hdf5) as file:
        assert file[NAME][:].tobytes() == hdf5.read_bytes()[PLACE : PLACE + SIZE]
        assert sorted(file) == [NAME, "x"]


def test_a_block_before_hdf5_s_own_bytes_is_a_block_as_well(tmp_path):
    path = tmp_path / "raw.h5"
    with h5py.File(path, "w", userblock_size=SIZE) as file:
        file["x"] = np.arange(5)
    before = content_digest(path)
    assert read_block(path) is None
    seal(path, RECORD)
    assert (block_place(path), read_block(path)) == (range(SIZE), RECORD)
    assert content_digest(path) == before
    assert path.read_bytes().startswith(b"awlta block 1\n{")


def test_the_digest_is_of_what_stands_before_the_block_too(hdf5):
    before = content_digest(hdf5)
    raw = bytearray(hdf5.read_bytes())
    for place, is_content in ((PLACE - 1, True), (PLACE + 14, False), (PLACE + SIZE, True)):
        changed = raw.copy()
        changed[place] ^= 1
        hdf5.write_bytes(changed)
        assert (content_digest(hdf5) != before) == is_content


def test_other_content_has_another_digest(hdf5):
    before = content_digest(hdf5)
    with h5py.File(hdf5, "r+") as file:
        file["x"][0] = 9
    assert content_digest(hdf5) != before


def test_a_record_that_is_too_long_leaves_out_what_the_database_has(hdf5):
    seal(hdf5, RECORD | {"inputs": {"raw": ["x" * 36] * 1000}})
    found = read_block(hdf5)
    assert found["object_id"] == RECORD["object_id"]
    assert "inputs" not in found
    assert "in the database only" in found["truncated"]


def test_a_damaged_block_is_told(hdf5):
    seal(hdf5, RECORD)
    with open(hdf5, "r+b") as file:
        file.seek(PLACE + 14)
        file.write(b"???")
    with pytest.raises(BadInput, match=r"identity block of file.h5 is damaged"):
        read_block(hdf5)


def test_a_fits_file_has_its_block_in_the_primary_header(fits_file):
    before = content_digest(fits_file)
    seal(fits_file, RECORD)
    assert content_digest(fits_file) == before
    with fits.open(fits_file) as hdus:
        header = hdus[0].header
        assert (header["AWLOBJ"], header["AWLCLASS"]) == (RECORD["object_id"], "Exposure")
        assert header["AWLRECIP"] == RECORD["recipe"]["name"]
        assert header["AWLRDIG"] == "ab" * 32
        assert [header[f"AWLI{n:04d}"] for n in range(2)] == ["raw=one", "raw=two"]
        assert hdus[1].data.shape == (3, 3)


def test_a_fits_file_with_data_in_its_primary_header_is_refused(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(path)
    with pytest.raises(BadInput, match=r"data in its primary HDU.*fits.ImageHDU"):
        seal(path, RECORD)


def test_an_hdf5_file_without_room_for_the_block_is_refused(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(BadInput, match=r"no room for its identity block.*new_hdf5\(path\)"):
        seal(path, RECORD)


@pytest.mark.parametrize("content", [b"", b"x", b"text\n" * 5000, b"\0" * 20000])
def test_any_other_file_stays_as_it_is(tmp_path, content):
    path = tmp_path / "file.dat"
    path.write_bytes(content)
    seal(path, RECORD)
    assert path.read_bytes() == content
    assert not block_place(path)


def test_products_of_equal_content_have_equal_content_digests(workspace, tmp_path):
    first, second = ExposureFactory(n=4, make=True), Exposure(n=4)
    second.make()
    other = ExposureFactory(n=5, make=True)
    assert first.object_id != second.object_id
    assert first.content_digest == second.content_digest != other.content_digest
    assert first.file().content_digest == second.file().content_digest
    assert first.file().sha256 != second.file().sha256


def test_a_stored_file_says_what_it_is_and_was_made_from(workspace, tmp_path):
    exposure = ExposureFactory(make=True)
    found = read_block(exposure.retrieve(tmp_path))
    assert found == provenance(exposure, Exposure.__recipe__.identity)
    assert (found["object_id"], found["class"], found["inputs"]) == (
        exposure.object_id,
        "Exposure",
        {},
    )
    summed = SummedFactory(exposure=exposure, thresholds=Thresholds(weight=3))
    summed.make()
    told = provenance(summed, type(summed).__recipe__.identity)
    assert told["inputs"] == {
        "exposure": [exposure.object_id],
        "thresholds": [summed.thresholds.object_id],
    }
    assert told["parameters"] == {"Thresholds": {"weight": 3.0, "note": ""}}


def test_a_recipe_that_writes_a_file_without_room_fails(workspace):
    class Roomless(DataProduct):
        """A product that opens its file by hand."""

        @recipe
        def make(self):
            """Write an HDF5 file without a user block."""
            with h5py.File(self.create(".h5"), "w") as file:
                file["x"] = 1

    with pytest.raises((BadInput, RecipeFailed), match=r"has no room for its identity block"):
        Roomless().make()


def test_a_new_file_does_not_tell_when_it_was_written(tmp_path):
    for name in ("a.h5", "b.h5"):
        with new_hdf5(tmp_path / name) as file:
            file["dl1/event/counts"] = np.arange(4)
            file["dl1"].attrs["n"] = 4
            file["dl1"].create_dataset("more/x", data=np.zeros(9), chunks=(4,), compression="gzip")
        time.sleep(1.1)  # HDF5 counts seconds
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
