"""Which pixels are stored, and what is left of their waveforms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import (
    Fact,
    RingsReduction,
    Stored,
    TailCuts,
    TailCutsReduction,
    reduce_volume,
    reference,
    remove_pixels,
)

from .graphs import events, neighbors_of, thresholds

CUTS = TailCuts(8, 4, min_picture_neighbors=0)


def line(n_pixels):
    return neighbors_of(n_pixels, [(pixel, pixel + 1) for pixel in range(n_pixels - 1)])


def kept(charges, reduction):
    image = np.array([charges], np.float32)
    return np.flatnonzero(reduce_volume(image, line(len(charges)), reduction)).tolist()


def test_the_boundary_is_followed_to_its_end_and_a_ring_added():
    charges = [0, 0, 5, 5, 5, 9, 0, 5, 0]
    assert kept(charges, TailCutsReduction(CUTS)) == [1, 2, 3, 4, 5, 6]
    assert kept(charges, TailCutsReduction(CUTS, end_rings=0)) == [2, 3, 4, 5]
    assert kept(charges, TailCutsReduction(CUTS, False, 0)) == [4, 5]
    assert kept(charges, TailCutsReduction(CUTS, False, 2)) == [2, 3, 4, 5, 6, 7]


def test_a_kept_pixel_below_the_boundary_goes_when_it_is_followed():
    cuts = TailCuts(4, 8, min_picture_neighbors=0)
    assert kept([5, 9, 0], TailCutsReduction(cuts, False, 0)) == [0, 1]
    assert kept([5, 9, 0], TailCutsReduction(cuts, True, 0)) == [1]


def test_rings_are_kept_around_bright_pixels():
    charges = [0, 0, 0, 9, 0, 8, 0]
    assert kept(charges, RingsReduction(8, n_rings=0)) == [3]
    assert kept(charges, RingsReduction(8)) == [2, 3, 4]
    assert kept(charges, RingsReduction(8, n_rings=2)) == [1, 2, 3, 4, 5]


def test_the_whole_camera_is_kept_for_many_pixels():
    charges = [0, 0, 0, 9, 0, 0, 0]
    assert kept(charges, RingsReduction(8, most_pixels=3)) == [2, 3, 4]
    assert kept(charges, RingsReduction(8, most_pixels=2)) == list(range(7))


def test_a_pixel_can_be_kept_always_and_nan_is_not():
    always = np.array([8, 8, -np.inf, 8, 8], np.float32)
    assert kept([0, 0, 0, 0, np.nan], RingsReduction(always, n_rings=0)) == [2]


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_kernel_and_twin_agree_on_any_event(data):
    neighbors, images, _ = data.draw(events())
    count = st.integers(0, 4)
    charge = thresholds(neighbors)
    cuts = TailCuts(
        data.draw(charge), data.draw(charge), data.draw(st.booleans()), data.draw(count)
    )
    for reduction in (
        TailCutsReduction(cuts, data.draw(st.booleans()), data.draw(count)),
        RingsReduction(data.draw(charge), data.draw(count), data.draw(st.integers(0, 60))),
    ):
        np.testing.assert_array_equal(
            reduce_volume(images, neighbors, reduction),
            reference.reduce_volume(images, neighbors, reduction),
        )


def test_the_samples_of_removed_pixels_are_0_and_the_status_tells():
    waveforms = np.arange(1, 13, dtype=np.uint16).reshape(1, 2, 3, 2)
    masks = np.array([[True, False, True]])
    status = np.array([[0b1101, 0b1011, 0b100]], np.uint8)
    left = remove_pixels(waveforms, masks, status)
    assert left.waveforms.tolist() == [[[[1, 2], [0, 0], [5, 6]], [[7, 8], [0, 0], [11, 12]]]]
    assert left.pixel_status.tolist() == [[0b1111, 0b1000, 0b111]]
    assert status.tolist() == [[0b1101, 0b1011, 0b100]]


def test_a_neighbour_of_a_signal_is_marked_as_such():
    masks, signal = np.array([[True, True, False]]), np.array([[True, False, True]])
    left = remove_pixels(np.ones((1, 1, 3, 1), np.uint16), masks, signal=signal)
    assert left.pixel_status.tolist() == [[Stored.SIGNAL, Stored.BESIDE_SIGNAL, Stored.REMOVED]]


@settings(deadline=None)
@given(
    st.integers(0, 3),
    st.integers(1, 2),
    st.integers(1, 9),
    st.integers(1, 5),
    st.sampled_from([np.uint16, np.float32]),
    st.integers(0, 1 << 32),
)
def test_waveforms_are_left_as_the_twin_leaves_them(n_events, n_gains, n_pixels, n, dtype, seed):
    rng = np.random.default_rng(seed)
    waveforms = rng.integers(1, 9, (n_events, n_gains, n_pixels, n)).astype(dtype)
    if dtype is np.float32:
        waveforms[waveforms == 3] = np.nan
    masks, signal = rng.random((2, n_events, n_pixels)) < 0.5
    status = rng.integers(0, 256, masks.shape).astype(np.uint8)
    for how in ({}, {"signal": signal}):
        found = remove_pixels(waveforms, masks, status, **how)
        twin = reference.remove_pixels(waveforms, masks, status, **how)
        assert found.waveforms.tobytes() == twin.waveforms.tobytes()
        assert found.waveforms.dtype == dtype
        assert found.pixel_status.tobytes() == twin.pixel_status.tobytes()
        assert found.pixel_status.dtype == np.uint8


def test_a_memory_map_that_cannot_be_written_is_taken(tmp_path):
    waveforms = np.arange(24, dtype=np.uint16).reshape(2, 1, 4, 3)
    np.save(tmp_path / "raw.npy", waveforms)
    mapped = np.load(tmp_path / "raw.npy", mmap_mode="r")
    left = remove_pixels(mapped, np.ones((2, 4), np.bool_))
    assert left.waveforms.tobytes() == waveforms.tobytes()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TailCutsReduction(Fact()),
        lambda: TailCutsReduction(CUTS, end_rings=-1),
        lambda: RingsReduction(np.nan),
        lambda: RingsReduction(n_rings=-1),
        lambda: RingsReduction(most_pixels=1.5),
        lambda: reduce_volume(np.ones((1, 3), np.float32), line(3), CUTS),
        lambda: reduce_volume(np.ones((1, 3)), line(3), RingsReduction()),
        lambda: reduce_volume(np.ones((1, 3), np.float32), line(4), RingsReduction()),
        lambda: remove_pixels(np.ones((1, 1, 3, 2)), np.ones((1, 3), np.bool_)),
        lambda: remove_pixels(np.ones((1, 1, 3, 2), np.uint16), np.ones((1, 4), np.bool_)),
        lambda: remove_pixels(
            np.ones((1, 1, 3, 2), np.uint16), np.ones((1, 3), np.bool_), np.ones((1, 3), np.int64)
        ),
        lambda: remove_pixels(
            np.ones((1, 1, 3, 2), np.uint16),
            np.ones((1, 3), np.bool_),
            signal=np.ones((2, 3), np.bool_),
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(wrong):
    with pytest.raises(BadValue):
        wrong()
