from __future__ import annotations

import hashlib

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta_dataserver.ranges import parse_range

CONTENT = bytes(hashlib.sha256(b"%d" % n).digest()[0] for n in range(100_000))
POSITION = st.integers(0, len(CONTENT) + 10)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", range(0, 1)),
        ("bytes=2-4", range(2, 5)),
        ("bytes=5-", range(5, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(0, 10)),
        ("bytes=8-99", range(8, 10)),
        ("bytes=0-1,4-5", None),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
        ("pages=1-2", None),
    ],
)
def test_a_range_header_reads_as_the_rfc_says(header, expected):
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=-1", 0)])
def test_a_range_without_a_byte_is_refused(header, size):
    with pytest.raises(BadValue, match="No byte of the file"):
        parse_range(header, size)


@pytest.fixture(scope="module")
def stored(server, tmp_path_factory):
    path = tmp_path_factory.mktemp("ranges") / "content"
    path.write_bytes(CONTENT)
    server.client.store(path, "ranges.bin", object_id="o-1")
    return server


@given(start=POSITION, length=st.integers(1, len(CONTENT)))
def test_a_range_is_the_slice_of_the_file(stored, start, length):
    if start >= len(CONTENT):
        with pytest.raises(BadValue):
            stored.client.read_range("ranges.bin", start, start + length)
    else:
        found = stored.client.read_range("ranges.bin", start, start + length)
        assert found == CONTENT[start : start + length]


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=20))
def test_no_range_header_breaks_the_dataserver(stored, text):
    reply = urllib3.request(
        "GET", f"{stored.url}/ranges.bin", headers={"Range": f"bytes={text}"}, retries=False
    )
    assert reply.status in (200, 206, 416)
    if reply.status == 200:
        assert reply.data == CONTENT
    elif reply.status == 206:
        first, last = reply.headers["Content-Range"].split()[1].split("/")[0].split("-")
        assert reply.data == CONTENT[int(first) : int(last) + 1]
