"""Chunks: rows come back from the bytes of any writer, and bad bytes end in one error."""

import contextlib
import struct

import h5py
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadInput
from awlta_recipes.eventdata import blosc, chunks
from awlta_recipes.eventdata.chunks import Filter
from awlta_recipes.eventdata.table_reader import TableReader


def made_up(n_rows, size, seed):
    random = np.random.default_rng(seed)
    return random.choice(np.array([0, 0, 0, 1, 17, 255], np.uint8), (n_rows, size))


@given(
    st.integers(1, 9),
    st.sampled_from([1, 3, 29, 255, 256, 311, 4095, 4096, 4097, 4099, 9000]),
    st.sampled_from([-5, -1, 1, 5]),
    st.booleans(),
)
def test_rows_come_back(n_rows, size, level, shuffle):
    rows = made_up(n_rows, size, n_rows * size)
    chunk = blosc.Encoder(size, level, shuffle=shuffle)(rows)
    np.testing.assert_array_equal(blosc.decode(chunk, rows.size), rows.ravel())


def test_noise_is_stored_as_it_is():
    rows = np.random.default_rng(0).integers(0, 256, (3, 5000)).astype(np.uint8)
    chunk = blosc.Encoder(5000, 1)(rows)
    assert len(chunk) == 16 + rows.size
    np.testing.assert_array_equal(blosc.decode(chunk, rows.size), rows.ravel())


def test_sorting_by_rank_makes_charges_smaller():
    charges = np.random.default_rng(0).exponential(1, (8, 2000)).astype(np.float32)
    rows = charges.view(np.uint8)
    sizes = [len(blosc.Encoder(8000, -1, shuffle=s)(rows)) for s in (True, False)]
    assert sizes[0] < 0.95 * sizes[1]


def test_streams_of_other_writers_are_joined():
    """Elements of two bytes, one stream for the first bytes, one for the second."""
    values = np.array([258, 259, 260, 261], "<u2")
    streams = values.view(np.uint8).reshape(-1, 2).T.copy()
    body = b""
    for stream in streams:
        part = zstandard.ZstdCompressor().compress(stream.tobytes())
        body += struct.pack("<I", len(part)) + part
    head = struct.pack("<BBBBIII", 2, 1, 4 << 5 | 1, 2, 8, 8, 20 + len(body))
    found = blosc.decode(head + struct.pack("<I", 20) + body, 8)
    np.testing.assert_array_equal(found.view("<u2"), values)


@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_bytes_end_in_rows_or_one_error(raw, n_bytes):
    for chunk in (raw, struct.pack("<BBBB", 2, 1, 4 << 5 | 17, 4) + raw):
        with contextlib.suppress(BadInput):
            assert len(blosc.decode(chunk, n_bytes)) == n_bytes


@given(st.data())
def test_a_flipped_byte_ends_in_rows_or_one_error(data):
    rows = made_up(4, 4100, 1)
    chunk = bytearray(blosc.Encoder(4100, 1)(rows))
    place = data.draw(st.integers(0, len(chunk) - 1))
    chunk[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(BadInput):
        assert len(blosc.decode(bytes(chunk), rows.size)) == rows.size


@pytest.mark.parametrize("told", [10**12, 17])
def test_a_frame_that_tells_of_more_bytes_than_the_block_has_is_refused(told):
    frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", told) + b"\x01\x00\x00"
    body = struct.pack("<I", len(frame)) + frame
    head = struct.pack("<BBBBIII", 2, 1, 4 << 5 | 16, 1, 99, 99, 20 + len(body))
    with pytest.raises(BadInput, match="where 99 should be"):
        blosc.decode(head + struct.pack("<I", 20) + body, 99)


def test_another_codec_is_named():
    head = struct.pack("<BBBBIII", 2, 1, 1 << 5 | 16, 1, 99, 99, 20)
    with pytest.raises(BadInput, match="blosc:lz4"):
        blosc.decode(head + bytes(4), 99)


@pytest.mark.parametrize("n_bytes", [0, 1, 2, 361, 720, 99999])
@pytest.mark.parametrize("fill", [0, 255, None])
def test_checksums_are_those_of_hdf5(tmp_path, n_bytes, fill):
    raw = np.random.default_rng(n_bytes).integers(0, 256, n_bytes + 4).astype(np.uint8)
    raw[:] = raw if fill is None else fill
    with h5py.File(tmp_path / "sum.h5", "w") as file:
        table = file.create_dataset("t", data=raw, chunks=raw.shape, fletcher32=True)
        _, stored = table.id.read_direct_chunk((0,))
    assert int.from_bytes(stored[-4:], "little") == chunks.fletcher32(raw)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (7,)},
        {"chunks": (7,), "compression": "gzip"},
        {"chunks": (7,), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (30,), "shuffle": True},
    ],
)
def test_tables_of_other_writers_are_read(tmp_path, options):
    rows = np.zeros(30, [("a", ">f8"), ("b", "<i2", (3,)), ("c", "S4")])
    rows["a"], rows["b"], rows["c"] = np.arange(30), np.arange(90).reshape(30, 3), b"text"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("t", data=rows, **options)
        found = TableReader(file, "t").read()
    for name in rows.dtype.names:
        np.testing.assert_array_equal(found[name], rows[name])


def test_a_wrong_checksum_and_an_unknown_filter_are_refused():
    with pytest.raises(BadInput, match="checksum"):
        chunks.inverse(bytes(8) + b"abcd", [Filter(3, "fletcher32", ())], 0, 8)
    with pytest.raises(BadInput, match=r"filter 32015 \(zstd\)"):
        chunks.inverse(bytes(8), [Filter(32015, "zstd", ())], 0, 8)
    assert len(chunks.inverse(bytes(8), [Filter(32015, "zstd", ())], 1, 8)) == 8


def test_scaled_integers_become_numbers(tmp_path):
    with h5py.File(tmp_path / "scaled.h5", "w") as file:
        rows = np.array([(15,), (-32767,), (32767,), (-32768,)], [("peak_time", "<i2")])
        table = file.create_dataset("t", data=rows)
        told = {"SCALE": 10.0, "OFFSET": 5}
        for key, value in told.items():
            table.attrs[f"CTAFIELD_0_TRANSFORM_{key}"] = value
        for key, value in {"NAN": -32767, "POSINF": 32767, "NEGINF": -32768}.items():
            table.attrs[f"CTAFIELD_0_{key}_VALUE"] = value
        table.attrs["CTAFIELD_0_TRANSFORM"] = "fixed_point"
        found = TableReader(file, "t").read()["peak_time"]
        np.testing.assert_array_equal(found, np.float32([1.0, np.nan, np.inf, -np.inf]))
        table.attrs["CTAFIELD_0_TRANSFORM_SCALE"] = 0.0
        with pytest.raises(BadInput, match="without a scale"):
            TableReader(file, "t")
