import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import Neighbors, interpolate, reference


def of(*numbers):
    return np.array([numbers], np.float32)


def bad(*pixels):
    mask = np.zeros(7, np.bool_)
    mask[list(pixels)] = True
    return mask


CHARGE, TIME = of(0, 1, 2, 3, 4, 5, 6), of(9, 10, 10, 10, 20, 20, 20)


def test_a_bad_pixel_gets_the_mean_of_its_good_neighbours(hexagon):
    charge, peak_time = interpolate(CHARGE, TIME, bad(0), hexagon.neighbors)
    assert charge.tolist() == [[3.5, 1, 2, 3, 4, 5, 6]]
    assert peak_time.tolist() == [[15, 10, 10, 10, 20, 20, 20]]
    assert CHARGE[0, 0] == 0.0  # what was given stays


def test_bad_neighbours_do_not_count_nor_what_they_got(hexagon):
    charge, _ = interpolate(CHARGE, TIME, bad(0, 1, 2, 3, 4), hexagon.neighbors)
    assert charge.tolist() == [[5.5, 6, 0, 0, 5, 5, 6]]  # 2 and 3 touch no good pixel


def test_a_pixel_without_good_neighbours_gets_nothing(hexagon):
    for found in interpolate(CHARGE, TIME, bad(*range(7)), hexagon.neighbors):
        assert found.tolist() == [[0.0] * 7]
    lonely = Neighbors(np.zeros(2, np.int32), np.zeros(0, np.int32))
    charge, peak_time = interpolate(of(np.nan), of(np.nan), np.ones(1, np.bool_), lonely)
    assert (charge.item(), peak_time.item()) == (0.0, 0.0)


def test_without_bad_pixels_nothing_changes(hexagon):
    charge, peak_time = interpolate(CHARGE, TIME, bad(), hexagon.neighbors)
    assert charge.tobytes() == CHARGE.tobytes()
    assert peak_time.tobytes() == TIME.tobytes()


def test_bad_pixels_may_differ_from_event_to_event(hexagon):
    mask = np.stack([bad(0), bad()])
    charge, _ = interpolate(np.tile(CHARGE, (2, 1)), np.tile(TIME, (2, 1)), mask, hexagon.neighbors)
    assert charge[:, 0].tolist() == [3.5, 0.0]


def test_a_bad_pixel_may_hold_anything_and_a_good_nan_spreads(hexagon):
    charge, _ = interpolate(of(np.nan, 1, 1, 1, 1, 1, 1), TIME, bad(0), hexagon.neighbors)
    assert charge[0, 0] == 1.0
    charge, _ = interpolate(of(0, np.nan, 1, 1, 1, 1, 1), TIME, bad(0, 4), hexagon.neighbors)
    assert np.isnan(charge[0, 0])
    assert charge[0, 4] == 1.0


@given(st.integers(0, 1 << 32), st.integers(0, 4), st.floats(0, 1), st.booleans())
def test_kernel_and_twin_agree(camera, seed, n_events, fraction, by_event):
    rng = np.random.default_rng(seed)
    charge, peak_time = rng.normal(3, 30, (2, n_events, camera.n_pixels)).astype(np.float32)
    mask = rng.random(charge.shape if by_event else camera.n_pixels) < fraction
    found = interpolate(charge, peak_time, mask, camera.neighbors)
    wanted = reference.interpolate(charge, peak_time, mask, camera.neighbors)
    assert [a.tobytes() for a in found] == [a.tobytes() for a in wanted]
    if n_events:
        alone = interpolate(
            charge[-1:], peak_time[-1:], mask[-1:] if by_event else mask, camera.neighbors
        )
        assert [a.tobytes() for a in alone] == [a[-1:].tobytes() for a in found]


def test_what_cannot_be_written_is_read(hexagon, tmp_path):
    for name, array in (("charge", CHARGE), ("time", TIME), ("bad", bad(0))):
        np.save(tmp_path / name, array)
    charge, peak_time, mask = (
        np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("charge", "time", "bad")
    )
    assert interpolate(charge, peak_time, mask, hexagon.neighbors)[0][0, 0] == 3.5


@pytest.mark.parametrize(
    ("charge", "peak_time", "mask", "match"),
    [
        (CHARGE[:, :6], TIME[:, :6], bad(), "charge"),
        (CHARGE, TIME[:, :6], bad(), "peak_time"),
        (CHARGE, TIME, bad()[:6], "is_bad"),
        (CHARGE, TIME, np.zeros((2, 7), np.bool_), "is_bad"),
        (CHARGE, TIME, np.zeros(7, np.uint8), "is_bad"),
        (CHARGE[0], TIME, bad(), "charge"),
    ],
)
def test_what_does_not_fit_the_camera_is_refused(hexagon, charge, peak_time, mask, match):
    with pytest.raises(BadValue, match=match):
        interpolate(charge, peak_time, mask, hexagon.neighbors)
