import numpy as np
import pytest

from awlta.errors import BadValue
from awlta.kernels import CameraGeometry


def test_pixels_fill_the_grid_unless_told_otherwise(hexagon):
    assert hexagon.width == pytest.approx(np.ones(7))
    assert hexagon.area == pytest.approx(np.full(7, np.sqrt(3) / 2))


def test_a_square_pixel_of_area_four_is_two_wide():
    x = np.array([0.0, 2.5])
    assert CameraGeometry.from_positions(x, x * 0, "square", area=4.0).width.tolist() == [2.0, 2.0]


def test_a_hexagon_has_six_pixels_at_its_edge_and_all_within_two_rows(hexagon):
    assert (hexagon.border & 1).tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert (hexagon.border & 2).tolist() == [2] * 7


def test_a_camera_of_one_pixel_needs_an_area_and_has_no_edge():
    origin = np.zeros(1)
    with pytest.raises(BadValue, match="without an area"):
        CameraGeometry.from_positions(origin, origin, "square")
    assert CameraGeometry.from_positions(origin, origin, "square", area=1.0).border.tolist() == [0]


def test_the_arrays_cannot_be_written(hexagon):
    for name in ("x", "area", "border", "pixels"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(hexagon, name)[0] = 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"area": np.zeros(7)},
        {"width": np.full(7, np.nan)},
        {"area": np.ones(6)},
        {"x": np.zeros(7), "y": np.zeros(7)},
        {"x": np.full(7, np.inf)},
    ],
)
def test_pixels_without_place_or_size_are_refused(hexagon, wrong):
    names = ("x", "y", "area", "width", "neighbors")
    with pytest.raises(BadValue):
        CameraGeometry(**({name: getattr(hexagon, name) for name in names} | wrong))


def test_the_radius_of_a_camera_is_that_of_its_outermost_pixels(hexagon):
    assert hexagon.radius == pytest.approx(1.0)
    # two pixels have one neighbour each: none is farther out than the other
    pair = CameraGeometry.from_positions(np.array([0.0, 5.0]), np.zeros(2), "square")
    assert pair.radius == 0.0
