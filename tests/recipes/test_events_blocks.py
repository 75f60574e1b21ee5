"""Single events are gathered into blocks, with times and directions of one meaning."""

import numpy as np
import pytest

from awlta.errors import BadValue
from awlta_recipes.events import CameraDescription, TelescopeDescription, iterate
from awlta_recipes.events.blocks import BLOCK_BYTES, SingleEvent, events_in_block, gather
from awlta_recipes.events.model import datetime_of, seconds_since


def small_camera(n_gains=2):
    return CameraDescription("Three", 3, n_gains, 4)


def all_ok(tel_id):
    return np.ones(3, bool)


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


def test_flagged_events_are_told_of_before_they_are_too_many():
    odd = (SingleEvent(i, np.ones((1, 3, 4), np.uint16)) for i in range(10_000))
    blocks = list(gather(odd, {0: small_camera()}, None, all_ok))
    assert [len(b.flagged) for b in blocks] == [4096, 4096, 1808]
    assert {len(b) for b in blocks} == {0}


def test_a_block_of_any_size_takes_the_memory_of_its_events(monkeypatch):
    monkeypatch.setattr("awlta_recipes.events.blocks.BLOCK_BYTES", 5 * 48)
    events = (SingleEvent(i, np.full((2, 3, 4), i, np.uint16)) for i in range(42))
    (block,) = gather(events, {0: small_camera()}, 10**15, all_ok)
    assert block.waveforms[:, 0, 0, 0].tolist() == block.event_id.tolist() == list(range(42))


@pytest.mark.parametrize(
    ("n_pixels", "n_gains", "n_samples", "x"),
    [(0, 1, 1, None), (3, -1, 4, None), (2**31, 1, 40, None), (3, 1, 4, np.zeros(2))],
)
def test_a_camera_that_cannot_be_is_refused(n_pixels, n_gains, n_samples, x):
    with pytest.raises(BadValue, match="camera odd"):
        CameraDescription("odd", n_pixels, n_gains, n_samples, pixel_x=x)
