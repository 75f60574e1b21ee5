"""Times along the axis of an image, and the distributions of charges and times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awlta.errors import BadValue
from awlta.kernels import CameraGeometry, TailCuts, describe, image_parameters, reference
from awlta.kernels.reference.parameters import fit_line

N_ROW = 200

TIMES = st.one_of(
    st.sampled_from([0.0, 1.0, 2.0, 2.5, 30.0, np.nan, np.inf]),
    st.floats(-50, 50, width=32),
    st.floats(width=32),
)


def line_of(*times, charges=None):
    """Return the parameters of pixels side by side, one apart along x, with these times."""
    row = CameraGeometry.from_positions(np.arange(len(times)) * 1.0, np.zeros(len(times)), "square")
    image = np.ones((1, len(times)), np.float32) if charges is None else charges
    everywhere = np.ones((1, len(times)), np.bool_)
    return describe(image, everywhere, row, peak_time=np.array([times], np.float32))[0]


def timing(found):
    return [found[f"timing_{name}"] for name in ("slope", "intercept", "deviation")]


def statistics(found, what):
    names = ("max", "min", "mean", "std", "skewness", "kurtosis")
    return [found[f"{what}_{name}"] for name in names]


@pytest.fixture(scope="module")
def times(camera, images):
    """float32 (60, 400): a gradient over the camera with noise, and a tenth anywhere."""
    rng = np.random.default_rng(85)
    times = 15 + 6 * camera.x - 4 * camera.y + rng.normal(0, 0.8, images.shape)
    return np.where(rng.random(images.shape) < 0.1, rng.uniform(0, 40, images.shape), times).astype(
        np.float32
    )


def test_light_that_moves_two_ns_a_metre_has_slope_two():
    # The centre of gravity is pixel 2, at which the light passes at 14 ns.
    assert timing(line_of(10, 12, 14, 16, 18)) == [2.0, 14.0, 0.0]


def test_an_outlier_does_not_move_the_line_but_its_deviation():
    slope, intercept, deviation = timing(line_of(10, 12, 14, 16, 98, 20, 22))
    assert (slope, intercept) == (2.0, 16.0)
    assert deviation == pytest.approx(80 / np.sqrt(7))


def test_bright_and_faint_pixels_count_the_same():
    charges = np.array([[1, 1, 1, 1, 1, 1, 95]], np.float32)
    assert line_of(1, 3, 5, 7, 9, 11, 40, charges=charges)["timing_slope"] == pytest.approx(2)


@pytest.mark.parametrize("times", [(1, 2), (1, 2, np.nan), (np.nan, np.nan, np.nan, np.inf)])
def test_fewer_than_three_times_make_no_line(times):
    assert np.isnan(timing(line_of(*times))).all()


def test_a_time_that_is_no_number_is_left_out_of_the_line_and_spoils_the_rest():
    found = line_of(10, 12, np.nan, 16, 18, 20, 22)
    assert timing(found)[:2] == [2.0, 16.0]
    assert np.isnan([timing(found)[2], *statistics(found, "peak_time")]).all()


def test_light_in_one_point_has_times_but_no_line(hexagon):
    charge = np.array([[9, 0, 0, 0, 0, 0, 0]], np.float32)
    chosen = np.array([[1, 1, 0, 0, 0, 0, 0]], np.bool_)
    found = describe(charge, chosen, hexagon, peak_time=np.full((1, 7), 3, np.float32))[0]
    assert np.isnan(timing(found)).all()
    assert statistics(found, "peak_time")[:4] == [3, 3, 3, 0]


def test_pixels_at_one_place_along_the_axis_are_no_line():
    # All light is left and right of a column of pixels, which alone have times.
    x, y = np.array([0.0, 2.0] + [1.0] * 20), np.append([0.0, 0.0], np.arange(-10.0, 10.0))
    camera = CameraGeometry.from_positions(x, y, "square")
    charge, everywhere = np.zeros((1, 22), np.float32), np.ones((1, 22), np.bool_)
    charge[0, :2] = 1
    time = np.append([np.nan, np.nan], np.arange(20.0)).astype(np.float32)[None]
    assert np.isnan(timing(describe(charge, everywhere, camera, peak_time=time)[0])).all()
    assert np.isnan(fit_line(np.full(20, 3.0), np.arange(20.0))).all()


def test_a_single_pixel_has_nothing_to_describe(hexagon):
    chosen = np.eye(7, dtype=np.bool_)[:1]
    found = describe(np.ones((1, 7), np.float32), chosen, hexagon, peak_time=np.ones((1, 7), "f4"))
    assert np.isnan([*timing(found), *statistics(found, "peak_time")]).all()


def test_without_times_the_columns_of_times_are_empty_and_the_others_the_same(
    camera, images, times
):
    masks = images > 3
    without, with_times = (describe(images, masks, camera, peak_time=t) for t in (None, times))
    for name in without.dtype.names:
        if name.startswith(("timing_", "peak_time_")):
            assert np.isnan(without[name]).all()
            assert np.isfinite(with_times[name]).sum() > 30
        else:
            assert without[name].tobytes() == with_times[name].tobytes()


def test_charges_are_described_by_their_moments():
    # Mean 2, squares 1 + 1 + 1 + 9, cubes -1 - 1 - 1 + 27, fourth powers 1 + 1 + 1 + 81.
    found = line_of(4, 4, 4, 4, charges=np.array([[1, 1, 1, 5]], np.float32))
    expected = [5, 1, 2, np.sqrt(3), 6 / 3**1.5, 84 / 4 / 9 - 3]
    assert statistics(found, "intensity") == pytest.approx(expected)
    assert statistics(found, "peak_time")[:4] == [4, 4, 4, 0]
    assert np.isnan(statistics(found, "peak_time")[4:]).all()


@settings(deadline=None, max_examples=300)
@given(hnp.arrays(np.float32, st.integers(2, 24) | st.integers(60, N_ROW), elements=TIMES))
def test_kernel_and_twin_fit_the_same_line_to_any_times(times):
    places = np.arange(len(times)) - np.arange(len(times)).mean()
    with np.errstate(all="ignore"):
        expected = fit_line(places, times.astype(np.float64))
    found = timing(line_of(*times))
    assert str(found[:2]) == str(list(map(np.float64, expected[:2])))
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-9)


def test_kernel_and_twin_agree_on_showers_with_times(camera, images, times):
    cleaned = image_parameters(images, camera, TailCuts(4.1, 2.3), peak_time=times)
    expected = reference.describe(images, cleaned.masks, camera, peak_time=times)
    found = cleaned.parameters
    # times along a long axis only: that of a round image is any
    is_long = expected["length"] - expected["width"] > 1e-3 * expected["length"]
    for name in expected.dtype.names:
        if name.startswith(("timing", "intensity", "peak_time")):
            rows = is_long if name.startswith("timing") else np.isfinite(expected["length"])
            np.testing.assert_allclose(
                found[name][rows], expected[name][rows], rtol=1e-8, atol=1e-9
            )
    assert is_long.sum() > 30


def test_a_line_does_not_depend_on_the_batch_or_the_order_of_events(camera, images, times):
    whole = describe(images, images > 3, camera, peak_time=times)
    back = describe(images[::-1], images[::-1] > 3, camera, peak_time=times[::-1])
    assert back[::-1].tobytes() == whole.tobytes()
    for event in range(len(images)):
        one = slice(event, event + 1)
        alone = describe(images[one], images[one] > 3, camera, peak_time=times[one])
        assert alone.tobytes() == whole[one].tobytes()


@pytest.mark.parametrize(
    "wrong", [np.ones((2, 7), np.float32), np.ones((1, 6), np.float32), np.ones((1, 7)), np.ones(7)]
)
def test_times_of_other_images_are_refused(hexagon, wrong):
    everywhere = np.ones((1, 7), np.bool_)
    with pytest.raises(BadValue, match="peak_time"):
        describe(np.ones((1, 7), np.float32), everywhere, hexagon, peak_time=wrong)
