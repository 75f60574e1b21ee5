"""Cut and flipped files end in one clear error, whatever the libraries below make of them."""

import gzip
import os
from pathlib import Path

import pytest

from awlta.errors import BadInput
from awlta_recipes.events import iterate, read_header
from awlta_recipes.events.eventio_scan import survey

ZSTD, GZIP = "aux_traces_2029.simtel.zst", "simtel_test_file.simtel.gz"
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
def test_a_member_missing_at_the_end_of_a_gzip_stream_is_noticed(tmp_path):
    path = tmp_path / "short"
    path.write_bytes(content(GZIP)[:-4])
    with pytest.raises(BadInput, match="ends early"):
        survey(path)
