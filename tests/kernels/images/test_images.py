from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awlta.errors import BadValue
from awlta.kernels import (
    HILLAS,
    PARAMETERS,
    CameraGeometry,
    TailCuts,
    describe,
    hillas,
    image_parameters,
    islands,
    largest_island,
    reference,
    tailcuts,
)

OPTIONS = (
    {"min_picture_neighbors": 0},
    {"min_picture_neighbors": 0, "keep_isolated": True},
    {"min_picture_neighbors": 2},
)
CUTS = TailCuts(4, 2, min_picture_neighbors=0)


def image(*charges):
    return np.array([charges], np.float32)


def mask(*on):
    chosen = np.zeros((1, 7), np.bool_)
    chosen[0, list(on)] = True
    return chosen


def kept(masks):
    return np.flatnonzero(masks[0]).tolist()


@pytest.fixture(scope="module")
def row():
    """Six pixels of side 1 side by side."""
    return CameraGeometry.from_positions(np.arange(6.0), np.zeros(6), "square")


def test_a_boundary_pixel_needs_a_picture_neighbour(row):
    assert kept(tailcuts(image(9, 5, 5, 0, 0, 0), row.neighbors, 8, 4)) == [0, 1]


def test_both_thresholds_are_inclusive(row):
    assert kept(tailcuts(image(8, 4, 0, 0, 0, 0), row.neighbors, 8, 4)) == [0, 1]


def test_an_isolated_picture_pixel_goes_unless_it_is_kept(row):
    lonely = image(0, 0, 9, 0, 0, 0)
    assert kept(tailcuts(lonely, row.neighbors, 8, 4)) == []
    assert kept(tailcuts(lonely, row.neighbors, 8, 4, keep_isolated=True)) == [2]


def test_a_picture_pixel_can_be_asked_for_picture_neighbours(row):
    three = image(9, 9, 9, 5, 0, 0)
    assert kept(tailcuts(three, row.neighbors, 8, 4, min_picture_neighbors=2)) == [0, 1, 2]
    two = image(9, 9, 5, 0, 0, 0)
    assert kept(tailcuts(two, row.neighbors, 8, 4, min_picture_neighbors=2)) == []


def test_a_threshold_is_compared_in_the_precision_of_the_image(row):
    assert kept(tailcuts(image(6.1, 6.1, 0, 0, 0, 0), row.neighbors, 6.1, 6.1)) == [0, 1]


def test_thresholds_may_differ_from_pixel_to_pixel(row):
    picture = np.array([1, np.inf, 1, 1, 1, 1], np.float32)
    assert kept(tailcuts(image(0, 9, 2, 2, 0, 0), row.neighbors, picture, 2)) == [1, 2, 3]


def test_a_nan_pixel_is_never_selected(row):
    assert kept(tailcuts(image(9, np.nan, 9, 9, 0, 0), row.neighbors, 8, 4)) == [2, 3]


def test_islands_are_numbered_by_their_lowest_pixel(hexagon):
    labels, n_islands = islands(mask(5, 1, 3, 4), hexagon.neighbors)
    assert labels.tolist() == [[0, 1, 0, 2, 2, 2, 0]]
    assert n_islands.tolist() == [2]


def test_the_largest_island_wins_and_the_lowest_of_equals(hexagon):
    labels, _ = islands(np.concatenate([mask(1, 3, 4), mask(5, 3, 1), mask()]), hexagon.neighbors)
    assert [np.flatnonzero(chosen).tolist() for chosen in largest_island(labels)] == [
        [3, 4],
        [1],
        [],
    ]


def test_two_equal_pixels_make_an_image_half_their_distance_long(row):
    found = hillas(image(0, 3, 0, 3, 0, 0), np.array([[0, 1, 0, 1, 0, 0]], np.bool_), row)[0]
    assert (found["intensity"], found["x"], found["y"]) == (6.0, 2.0, 0.0)
    assert (found["length"], found["width"], found["psi"]) == (1.0, 0.0, 0.0)
    assert (found["skewness"], found["kurtosis"]) == (0.0, 1.0)


def test_a_weighted_row_has_the_moments_of_its_charges(row):
    # Charges 3 and 1 at 0 and 4: mean 1, variance 3, third moment 6.
    found = hillas(image(3, 0, 0, 0, 1, 0), np.array([[1, 0, 0, 0, 1, 0]], np.bool_), row)[0]
    assert found["length"] == pytest.approx(np.sqrt(3))
    assert found["skewness"] == pytest.approx(6 / 3**1.5)
    assert found["kurtosis"] == pytest.approx((3 * 1 + 1 * 81) / 4 / 9)


def test_an_upright_image_has_psi_of_a_quarter_turn():
    column = CameraGeometry.from_positions(np.zeros(3), np.arange(3.0), "square")
    found = hillas(np.ones((1, 3), np.float32), np.ones((1, 3), np.bool_), column)[0]
    assert (found["psi"], found["r"], found["phi"]) == (np.pi / 2, 1.0, np.pi / 2)


def test_a_full_hexagon_is_as_wide_as_long(hexagon):
    found = describe(np.ones((1, 7), np.float32), np.ones((1, 7), np.bool_), hexagon)[0]
    # Six of seven photo-electrons at distance 1, shared by two axes.
    assert found["length"] == pytest.approx(np.sqrt(3 / 7))
    assert found["width"] == pytest.approx(np.sqrt(3 / 7))
    assert found["leakage_intensity_width_1"] == pytest.approx(6 / 7)
    assert found["leakage_pixels_width_2"] == 1.0
    assert found["concentration_pixel"] == pytest.approx(1 / 7)
    assert (found["n_pixels"], found["n_islands"], found["n_medium_islands"]) == (7, 1, 1)


def test_islands_are_counted_by_size(camera):
    chosen = np.zeros((1, 400), np.bool_)
    chosen[0, [0, 1, 40, 41, 42]] = True
    chosen[0, 300:360] = True
    found = describe(np.ones((1, 400), np.float32), chosen, camera)[0]
    sizes = [found[f"n_{size}_islands"] for size in ("small", "medium", "large")]
    assert (found["n_islands"], sizes) == (3, [1, 1, 1])


@pytest.mark.parametrize("charges", [[0] * 7, [-1] * 7, [np.nan] * 7, [5, -5, 0, 0, 0, 0, 0]])
def test_an_image_without_light_has_no_parameters(hexagon, charges):
    found = describe(image(*charges), np.ones((1, 7), np.bool_), hexagon)
    for name in PARAMETERS.names:
        assert found[name][0] == -1 if name.startswith("n_") else np.isnan(found[name][0]), name


def test_a_single_pixel_has_no_shape(hexagon):
    assert np.isnan(hillas(image(9, 0, 0, 0, 0, 0, 0), mask(0), hexagon)["intensity"]).all()


def test_light_in_one_point_has_size_zero_and_no_direction(hexagon):
    found = describe(image(9, 0, 0, 0, 0, 0, 0), mask(0, 1), hexagon)[0]
    assert (found["intensity"], found["length"], found["width"]) == (9.0, 0.0, 0.0)
    assert np.isnan(found["psi"])
    assert np.isnan(found["kurtosis"])
    assert np.isnan(found["length_uncertainty"])
    assert (found["concentration_cog"], found["concentration_core"]) == (1.0, 0.0)


@pytest.mark.parametrize("charge", [np.inf, 3e38, 1e-40, -2.0])
def test_a_strange_charge_spoils_its_own_event_only(hexagon, charge):
    good = image(1, 2, 3, 4, 5, 6, 7)
    both = np.concatenate([image(1, charge, 3, 4, 5, 6, 7), good])
    found = describe(both, np.ones((2, 7), np.bool_), hexagon)
    alone = describe(good, np.ones((1, 7), np.bool_), hexagon)
    assert found[1:].tobytes() == alone.tobytes()


def test_a_camera_of_one_pixel_is_cleaned_and_described():
    geometry = CameraGeometry.from_positions(np.zeros(1), np.zeros(1), "square", area=1.0)
    cleaned = image_parameters(image(9), geometry, TailCuts(8, 4, keep_isolated=True))
    assert cleaned.masks.tolist() == [[True]]
    assert cleaned.parameters["n_pixels"].tolist() == [-1]
    assert islands(cleaned.masks, geometry.neighbors)[1].tolist() == [1]


def test_a_batch_of_no_events_is_no_error(hexagon):
    cleaned = image_parameters(np.zeros((0, 7), np.float32), hexagon, TailCuts(8, 4))
    assert (cleaned.masks.shape, cleaned.parameters.shape) == ((0, 7), (0,))
    assert largest_island(np.zeros((0, 7), np.int16)).shape == (0, 7)


def assert_same_parameters(found, expected):
    """Compare rows; a round image has any axis, and one across the cut of psi has two."""
    has_axis = expected["length"] - expected["width"] > 1e-3 * expected["length"]
    has_axis &= np.abs(expected["psi"]) < np.pi / 2 - 1e-6
    of_axis = {"psi", "psi_uncertainty", "transverse_cog_uncertainty", "skewness", "kurtosis",
               "length_uncertainty", "width_uncertainty", "concentration_core"}  # fmt: skip
    for name in expected.dtype.names:
        rows = has_axis if name in of_axis else np.ones(len(expected), np.bool_)
        np.testing.assert_allclose(
            found[name][rows], expected[name][rows], rtol=1e-9, atol=1e-9, err_msg=name
        )


@pytest.mark.parametrize("options", OPTIONS)
def test_kernel_and_twin_agree_on_showers(camera, images, options):
    cleaned = image_parameters(images, camera, TailCuts(4.1, 2.3, **options))
    masks = reference.tailcuts(images, camera.neighbors, 4.1, 2.3, **options)
    np.testing.assert_array_equal(cleaned.masks, masks)
    assert np.isfinite(cleaned.parameters["intensity"]).sum() > 30
    assert_same_parameters(cleaned.parameters, reference.describe(images, masks, camera))
    assert_same_parameters(hillas(images, masks, camera), reference.hillas(images, masks, camera))


def test_kernel_and_twin_agree_on_islands(camera, images):
    masks = images > 0.5
    labels, n_islands = islands(masks, camera.neighbors)
    twin_labels, twin_n_islands = reference.islands(masks, camera.neighbors)
    np.testing.assert_array_equal(labels, twin_labels)
    np.testing.assert_array_equal(n_islands, twin_n_islands)
    np.testing.assert_array_equal(largest_island(labels), reference.largest_island(labels))


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, (3, 7), elements=st.sampled_from([-1.0, 0.0, 2.0, 4.0, 5.5, 8.0, 30.0])),
    st.sampled_from([2.0, 4.0, 8.0]),
    st.sampled_from([2.0, 4.0, 8.0]),
    st.booleans(),
    st.integers(0, 4),
)
def test_kernel_and_twin_agree_on_any_image(picture_images, picture, boundary, keep, minimum):
    angle = np.arange(6) * np.pi / 3 + 0.1
    x, y = np.append(0.0, np.cos(angle)), np.append(0.0, np.sin(angle))
    geometry = CameraGeometry.from_positions(x, y, "hexagonal")
    options = {"keep_isolated": keep, "min_picture_neighbors": minimum}
    masks = tailcuts(picture_images, geometry.neighbors, picture, boundary, **options)
    twin = reference.tailcuts(picture_images, geometry.neighbors, picture, boundary, **options)
    np.testing.assert_array_equal(masks, twin)
    labels, _ = islands(masks, geometry.neighbors)
    np.testing.assert_array_equal(labels, reference.islands(masks, geometry.neighbors)[0])
    np.testing.assert_array_equal(largest_island(labels), reference.largest_island(labels))
    found = describe(picture_images, masks, geometry)
    expected = reference.describe(picture_images, masks, geometry)
    for name in ("intensity", "x", "y", "length", "width", "leakage_intensity_width_1", "n_pixels"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-7)


def test_an_event_does_not_depend_on_its_batch(camera, images):
    whole = image_parameters(images, camera, CUTS)
    for event in range(len(images)):
        alone = image_parameters(images[event : event + 1], camera, CUTS)
        assert alone.masks.tobytes() == whole.masks[event].tobytes()
        assert alone.parameters.tobytes() == whole.parameters[event : event + 1].tobytes()


def test_threads_that_share_a_camera_do_not_disturb_each_other(camera, images):
    expected = image_parameters(images, camera, CUTS).parameters.tobytes()
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(image_parameters, images, camera, CUTS) for _ in range(40)]
    assert {run.result().parameters.tobytes() for run in runs} == {expected}


def test_read_only_and_strided_images_give_the_same(camera, images):
    expected = image_parameters(images, camera, CUTS)
    locked = images.copy()
    locked.setflags(write=False)
    assert image_parameters(locked, camera, CUTS).parameters.tobytes() == (
        expected.parameters.tobytes()
    )
    fortran = np.asfortranarray(images)
    assert tailcuts(fortran, camera.neighbors, 4, 2).tobytes() == expected.masks.tobytes()


def test_hillas_and_describe_give_the_same_moments(camera, images):
    masks = images > 3
    both = describe(images, masks, camera)
    moments = hillas(images, masks, camera)
    for name in HILLAS.names:
        assert both[name].tobytes() == moments[name].tobytes()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(7, np.float32),
        np.zeros((1, 6), np.float32),
        np.zeros((1, 8), np.float32),
        np.zeros((1, 7)),
        np.zeros((1, 7), ">f4"),
        np.zeros((1, 1, 7), np.float32),
    ],
    ids=lambda wrong: f"{wrong.dtype}{wrong.shape}",
)
def test_images_of_another_camera_are_refused(hexagon, wrong):
    everywhere = np.ones((1, 7), np.bool_)
    for call in (
        lambda: tailcuts(wrong, hexagon.neighbors, 8, 4),
        lambda: hillas(wrong, everywhere, hexagon),
        lambda: describe(wrong, everywhere, hexagon),
        lambda: image_parameters(wrong, hexagon, CUTS),
    ):
        with pytest.raises(BadValue, match="images"):
            call()


@pytest.mark.parametrize(
    "wrong", [np.ones((2, 7), np.bool_), np.ones((1, 6), np.bool_), np.ones((1, 7), np.uint8)]
)
def test_masks_of_other_images_are_refused(hexagon, wrong):
    for call in (hillas, describe):
        with pytest.raises(BadValue, match="masks"):
            call(np.ones((1, 7), np.float32), wrong, hexagon)


@pytest.mark.parametrize(
    "labels",
    [
        np.full((1, 7), 8, np.int16),
        np.full((1, 7), -1, np.int16),
        np.zeros((1, 0), np.int16),
        np.zeros((1, 7), np.int32),
    ],
)
def test_labels_that_are_no_islands_are_refused(labels):
    with pytest.raises(BadValue, match="labels"):
        largest_island(labels)


@pytest.mark.parametrize(
    "thresholds",
    [
        {"picture": np.nan, "boundary": 4},
        {"picture": 8, "boundary": np.array([4, 4, np.nan, 4, 4, 4, 4], np.float32)},
        {"picture": np.ones(6, np.float32), "boundary": 4},
        {"picture": np.ones(7), "boundary": 4},
        {"picture": "8 p.e.", "boundary": 4},
        {"picture": 8, "boundary": 4, "min_picture_neighbors": -1},
    ],
)
def test_thresholds_that_mean_nothing_are_refused(hexagon, thresholds):
    with pytest.raises(BadValue):
        tailcuts(np.ones((1, 7), np.float32), hexagon.neighbors, **thresholds)


def test_neighbours_of_another_camera_are_refused(row):
    with pytest.raises(BadValue, match="n_pixels = 6"):
        islands(np.ones((1, 7), np.bool_), row.neighbors)
