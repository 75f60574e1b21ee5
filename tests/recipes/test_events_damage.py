"""Cut and flipped files end in one clear error, whatever the libraries below make of them."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from awlta.errors import BadInput
from awlta_recipes.events import iterate, iterate_all, read_header
from awlta_recipes.events.eventio_scan import ARRAY_EVENT, RUN_HEADER, SYNC, survey

ZSTD, GZIP = "aux_traces_2029.simtel.zst", "simtel_test_file.simtel.gz"
CAMERA_SETTINGS = 2002
SST, NECTAR = "example_SST1M_20180822.fits.fz", "example_9evts_NectarCAM.fits.fz"


def content(name):
    root = os.environ.get("AWLTA_TEST_DATA")
    if not root:
        pytest.skip("AWLTA_TEST_DATA is not set")
    return (Path(root) / name).read_bytes()


def read_all(path):
    header = read_header(path)
    return sum(len(b) for t in header.telescopes for b in iterate(path, t.tel_id))


@pytest.mark.data
@pytest.mark.parametrize("name", [ZSTD, GZIP, SST, NECTAR])
@pytest.mark.parametrize("share", [0.0002, 0.03, 0.5, 0.999])
def test_a_cut_file_is_refused(tmp_path, name, share):
    raw = content(name)
    path = tmp_path / "cut"
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(BadInput) as refused:
        read_all(path)
    assert refused.value.facts["file"] == "cut"


@pytest.mark.data
@pytest.mark.parametrize("name", [ZSTD, GZIP, SST])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_one_flipped_bit_under_a_checksum_is_refused(tmp_path, name, share):
    raw = bytearray(content(name))
    raw[int(share * len(raw))] ^= 4
    path = tmp_path / "flipped"
    path.write_bytes(raw)
    with pytest.raises(BadInput):
        read_all(path)


@pytest.mark.data
def test_a_plain_file_reads_as_its_compressed_one(tmp_path):
    path = tmp_path / "plain"
    path.write_bytes(gzip.decompress(content(GZIP)))
    assert read_all(path) == 9


@pytest.mark.data
def test_a_plain_file_cut_inside_an_object_names_the_place(tmp_path):
    raw = gzip.decompress(content(GZIP))
    path = tmp_path / "plain"
    path.write_bytes(raw[:-100])
    with pytest.raises(BadInput, match=r"ends 100 bytes before the object .* at byte \d+"):
        read_all(path)


@pytest.mark.data
def test_bytes_between_two_objects_are_refused(tmp_path):
    raw = gzip.decompress(content(GZIP))
    path = tmp_path / "plain"
    path.write_bytes(raw + b"more")
    with pytest.raises(BadInput, match=f"found 6d6f7265 .* at byte {len(raw)}"):
        survey(path)


@pytest.mark.data
@pytest.mark.parametrize("name", [ZSTD, GZIP, SST, NECTAR])
@pytest.mark.parametrize("share", [0.5, 0.999])
def test_a_cut_file_is_refused_by_who_reads_events_only(tmp_path, name, share):
    raw = content(name)
    path = tmp_path / "cut"
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(BadInput) as refused:
        list(iterate_all(path))
    assert refused.value.facts["file"] == "cut"
    assert refused.value.facts["place"]


@pytest.mark.data
def test_events_before_the_place_of_damage_are_not_taken_for_all(tmp_path):
    raw = gzip.decompress(content(GZIP))
    path = tmp_path / "plain"
    path.write_bytes(raw[: raw.rindex(SYNC) - 10])
    got = []
    with pytest.raises(BadInput, match="ends 10 bytes before"):
        got.extend(iterate(path, 1, block=1))
    assert len(got) == 9


@pytest.mark.data
def test_a_header_that_claims_more_samples_than_its_bytes_is_refused(tmp_path):
    raw = bytearray(gzip.decompress(content(GZIP)))
    shape = struct.pack("<ihh", 1296, 1, 50)
    raw[raw.index(shape) : raw.index(shape) + 8] = struct.pack("<ihh", 1296, 1, 32000)
    path = tmp_path / "plain"
    path.write_bytes(raw)
    with pytest.raises(BadInput, match=r"cannot hold samples of shape \(1, 1296, 32000\)"):
        list(iterate(path, 1))


@pytest.mark.data
def test_an_object_that_claims_a_terabyte_takes_no_memory(tmp_path):
    raw = gzip.decompress(content(GZIP))
    extended = ARRAY_EVENT | 1 << 17
    huge = SYNC + struct.pack("<IiII", extended, 1, 0, 1 << 10)
    for path, written in (
        (tmp_path / "plain", raw + huge),
        (tmp_path / "packed", gzip.compress(raw + huge)),
    ):
        path.write_bytes(written)
        with pytest.raises(BadInput, match="an object of 1099511627776 bytes is larger than any"):
            list(iterate(path, 1))


def test_big_endian_files_are_refused_with_what_to_do(tmp_path):
    path = tmp_path / "swapped"
    path.write_bytes(SYNC[::-1] + struct.pack(">IiI", RUN_HEADER, 1, 8) + bytes(8))
    for read in (read_header, iterate_all):
        with pytest.raises(BadInput, match="the numbers are big-endian at byte 0 ") as refused:
            read(path)
        assert refused.value.expected.startswith("little-endian")
        assert refused.value.do.startswith("Convert the file to little-endian")


def test_zeros_that_were_packed_tightly_take_little_memory(tmp_path):
    path = tmp_path / "bomb"
    head = SYNC + struct.pack("<IiII", 99 | 1 << 17, 1, 0, 1 << 10)
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    with open(path, "wb") as file:
        file.write(packer.compress(head))
        for _ in range(256):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="bytes before the object"):
            survey(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 28
    finally:
        tracemalloc.stop()


@pytest.mark.data
def test_a_camera_that_no_telescope_has_is_refused(tmp_path):
    raw = bytearray(gzip.decompress(content(GZIP)))
    start = raw.index(SYNC + struct.pack("<I", CAMERA_SETTINGS)[:2]) + 16
    raw[start : start + 4] = struct.pack("<i", 2**30)
    path = tmp_path / "plain"
    path.write_bytes(raw)
    with pytest.raises(BadInput, match="cannot be parsed") as refused:
        list(iterate(path, 1))
    assert refused.value.facts["place"].startswith("byte ")


@pytest.mark.data
def test_events_before_their_telescopes_are_described_are_refused(tmp_path):
    raw = gzip.decompress(content(GZIP))
    run = raw.index(SYNC + struct.pack("<I", RUN_HEADER)[:2])
    events = raw.index(SYNC + struct.pack("<I", ARRAY_EVENT)[:2])
    path = tmp_path / "bare"
    path.write_bytes(raw[run : raw.index(SYNC, run + 4)] + raw[events:])
    with pytest.raises(BadInput, match=r"telescopes \[1\] are not described before the first"):
        list(iterate(path, 1))


@pytest.mark.data
def test_a_member_missing_at_the_end_of_a_gzip_stream_is_noticed(tmp_path):
    path = tmp_path / "short"
    path.write_bytes(content(GZIP)[:-4])
    with pytest.raises(BadInput, match="ends early"):
        survey(path)
