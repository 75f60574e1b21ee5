import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import Neighbors


def lists(neighbors):
    return [row.tolist() for row in np.split(neighbors.indices, neighbors.indptr[1:-1])]


def square_grid(n_columns, n_rows):
    row, column = np.divmod(np.arange(n_columns * n_rows), n_columns)
    return column.astype(float), row.astype(float)


def by_all_distances(x, y, reach):
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    return [np.flatnonzero(row < reach).tolist() for row in distance]


def test_the_middle_of_a_hexagon_touches_all_and_the_rest_three(hexagon):
    found = lists(hexagon.neighbors)
    assert found[0] == [1, 2, 3, 4, 5, 6]
    assert found[1] == [0, 2, 6]
    assert found[6] == [0, 1, 5]


def test_square_pixels_do_not_touch_at_corners():
    found = lists(Neighbors.from_positions(*square_grid(3, 3), "square"))
    assert found == [[1, 3], [0, 2, 4], [1, 5], [0, 4, 6], [1, 3, 5, 7], [2, 4, 8], [3, 7],
                     [4, 6, 8], [5, 7]]  # fmt: skip


def test_a_gap_between_modules_does_not_part_neighbours():
    x, y = square_grid(8, 8)
    gapped = Neighbors.from_positions(x + 0.3 * (x > 3), y + 0.3 * (y > 3), "square")
    assert lists(gapped) == lists(Neighbors.from_positions(x, y, "square"))


def test_one_misplaced_pixel_does_not_shrink_the_grid():
    x, y = square_grid(8, 8)
    x[0] = 0.3
    assert len(Neighbors.from_positions(x, y, "square").indices) >= 2 * 2 * 7 * 8 - 2


def test_a_camera_of_one_pixel_has_no_neighbours():
    alone = Neighbors.from_positions(np.zeros(1), np.zeros(1), "hexagonal")
    assert (alone.n_pixels, alone.indptr.tolist(), alone.indices.tolist()) == (1, [0, 0], [])


def test_two_pixels_are_neighbours_at_any_distance():
    pair = Neighbors.from_positions(np.array([0.0, 7e5]), np.zeros(2), "square")
    assert lists(pair) == [[1], [0]]


def test_a_row_of_pixels_is_a_camera():
    row = Neighbors.from_positions(np.arange(3000.0), np.zeros(3000), "square")
    assert lists(row)[:3] == [[1], [0, 2], [1, 3]]
    assert len(row.indices) == 2 * 2999


def test_a_camera_of_12000_pixels_is_found():
    x, y = square_grid(120, 100)
    large = Neighbors.from_positions(0.006 * x, 0.006 * y, "square")
    assert len(large.indices) == 2 * (119 * 100 + 120 * 99)


def test_a_pixel_far_off_has_no_neighbours():
    x, y = square_grid(50, 50)
    far = Neighbors.from_positions(np.append(x, 1e9), np.append(y, 0.0), "square")
    assert lists(far)[-1] == []
    assert len(far.indices) == 2 * (49 * 50 * 2)


@given(
    st.sets(st.integers(0, 143), min_size=60, max_size=140),
    st.floats(0, 6.3),
    st.sampled_from([0.006, 1.0, 50.0]),
)
def test_any_camera_cut_from_a_grid_and_turned_has_the_neighbours_of_the_grid(cells, turn, pitch):
    cells = np.array(sorted(cells))
    column, row = cells % 12, cells // 12
    grid = by_all_distances(column, row, 1.2)
    assume(all(grid))  # or the spacing of the cut is not that of the grid
    x = pitch * (column * np.cos(turn) - row * np.sin(turn))
    y = pitch * (column * np.sin(turn) + row * np.cos(turn))
    assert lists(Neighbors.from_positions(x, y, "square")) == grid


def test_the_lists_are_copied_and_cannot_be_written():
    indptr, indices = np.array([0, 1, 2], np.int32), np.array([1, 0], np.int32)
    neighbors = Neighbors(indptr, indices)
    indices[0] = 99
    assert lists(neighbors) == [[1], [0]]
    with pytest.raises(ValueError, match="read-only"):
        neighbors.indices[0] = 99


@pytest.mark.parametrize(
    ("indptr", "indices"),
    [
        ([0, 1, 2], [1, 2]),
        ([0, 1, 2], [1, -1]),
        ([0, 1, 3], [1, 0]),
        ([1, 1, 2], [1, 0]),
        ([0, 2, 1, 2], [1, 0]),
        ([0, 2**31 - 1, -2, 2], [1, 0]),  # the second step wraps around to a rise
        ([0], []),
        ([], []),
        ([0] * 32769, []),
    ],
)
def test_lists_that_lead_out_of_the_camera_are_refused(indptr, indices):
    with pytest.raises(BadValue):
        Neighbors(np.array(indptr, np.int32), np.array(indices, np.int32))


def test_lists_of_another_type_are_refused():
    with pytest.raises(BadValue, match="int64"):
        Neighbors(np.array([0, 0]), np.zeros(0, np.int32))


def test_positions_that_are_no_camera_are_refused():
    x, y = square_grid(2, 2)
    with pytest.raises(BadValue, match="pixels 1 and 3 are at one place"):
        Neighbors.from_positions(np.array([0.0, 1.0, 2.0, 1.0]), np.zeros(4), "square")
    with pytest.raises(BadValue, match="pixel 2 is at"):
        Neighbors.from_positions(np.where(x + y == 1, np.nan, x)[[0, 3, 1]], y[:3], "square")
    with pytest.raises(BadValue, match="round"):
        Neighbors.from_positions(x, y, "round")
    with pytest.raises(BadValue, match="y has shape"):
        Neighbors.from_positions(x, y[:2], "square")
    with pytest.raises(BadValue, match="float32"):
        Neighbors.from_positions(x.astype(np.float32), y, "square")


@pytest.mark.data
@pytest.mark.parametrize(
    ("camera", "shape", "n_pairs"),
    [("LSTCam", "hexagonal", 10788), ("FlashCam", "hexagonal", 10248), ("CHEC", "square", 8000)],
)
def test_real_cameras_have_no_gaps_in_their_neighbours(camera, shape, n_pairs):
    if "AWLTA_TEST_DATA" not in os.environ:
        pytest.skip("AWLTA_TEST_DATA names no directory of test data")
    fits = pytest.importorskip("astropy.io.fits")
    path = Path(os.environ["AWLTA_TEST_DATA"]) / "camgeom" / f"{camera}.camgeom.fits.gz"
    with fits.open(path) as hdus:
        pixels = hdus[1].data
        x, y = (pixels[name].astype(np.float64) for name in ("pix_x", "pix_y"))
    assert len(Neighbors.from_positions(x, y, shape).indices) == n_pairs
