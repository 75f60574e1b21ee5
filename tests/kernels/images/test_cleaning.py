"""Masks by every method of cleaning: small ones by eye, any by the twin."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import (
    CameraGeometry,
    Fact,
    Mars,
    Neighbors,
    NightSky,
    TailCuts,
    TimeConstrained,
    brightest_island,
    clean,
    dilate,
    image_parameters,
    islands,
    largest_island,
    reference,
    tailcuts,
    time_delta,
)

from .graphs import CHARGES, TIMES, events, neighbors_of, thresholds

LIMITS = st.sampled_from([time for time in TIMES if np.isfinite(time)])
COUNTS = st.integers(0, 3)
BARE = NightSky(8, 4, True, 0, time_limit=None, bright_threshold=None)
"""Night sky cleaning that asks for nothing beyond tail cuts."""


def line(n_pixels):
    return neighbors_of(n_pixels, [(pixel, pixel + 1) for pixel in range(n_pixels - 1)])


def kept(charges, cleaning, times=None):
    """Return which pixels of a line are kept."""
    peak_time = None if times is None else np.array([times], np.float32)
    image = np.array([charges], np.float32)
    return np.flatnonzero(clean(image, line(len(charges)), cleaning, peak_time=peak_time)).tolist()


def test_mars_goes_a_ring_farther_than_tail_cuts():
    charges = [5, 5, 5, 9, 0, 0]
    assert kept(charges, TailCuts(8, 4, min_picture_neighbors=0)) == [2, 3]
    assert kept(charges, Mars(8, 4, min_picture_neighbors=0)) == [1, 2, 3]


def test_fact_drops_a_pixel_that_arrives_alone():
    fact = Fact(8, 4, min_neighbors=1, time_limit=2)
    charges = [0, 9, 9, 5, 0, 0]
    assert kept(charges, fact, [0, 10, 11, 12, 0, 0]) == [1, 2, 3]
    assert kept(charges, fact, [0, 10, 11, 13, 0, 0]) == [1, 2]  # a difference of 2 is not less
    assert kept(charges, fact, [0, 10, 15, 20, 0, 0]) == []


def test_fact_asks_again_when_neighbours_have_gone():
    ring = neighbors_of(4, [(0, 1), (1, 2), (2, 3), (3, 0)])
    image = np.full((1, 4), 9, np.float32)
    late = np.array([[0, 0, 0, 9]], np.float32)
    masks = clean(image, ring, Fact(8, 4, min_neighbors=2, time_limit=5), peak_time=late)
    assert not masks.any()  # without pixel 3, 0 and 2 have one neighbour left; then 1 has none


def test_fact_without_neighbours_asks_for_no_time():
    assert kept([9, 5, 0, 5], Fact(8, 4, min_neighbors=0), [0, 90, 0, 0]) == [0, 1]


def test_a_core_pixel_far_from_the_mean_time_goes_unless_it_is_bright():
    cuts = TimeConstrained(8, 4, core_time_limit=3, boundary_time_limit=1)
    assert kept([100, 9, 9], cuts, [10, 11, 14]) == [0, 1]
    assert kept([100, 9, 16], cuts, [10, 11, 14]) == [0, 1, 2]  # twice the picture threshold


def test_a_boundary_pixel_has_to_arrive_with_its_core_neighbour():
    cuts = TimeConstrained(8, 4, core_time_limit=3, boundary_time_limit=1)
    assert kept([5, 9, 9, 5], cuts, [10, 10, 10, 11]) == [0, 1, 2]


def test_the_mean_time_is_that_of_the_brightest_island():
    cuts = TimeConstrained(8, 4, core_time_limit=3)
    charges, times = [9, 9, 9, 0, 30, 30], [0, 0, 0, 0, 20, 20]
    assert kept(charges, cuts, times) == [4, 5]


def test_the_mean_time_is_weighted_by_charge_squared():
    # 10 and 30 p.e. at 0 and 10 ns: 1 to 9, mean 9
    charges, times = [10, 30], [0, 10]
    assert kept(charges, TimeConstrained(8, 4, core_time_limit=9), times) == [1]
    assert kept(charges, TimeConstrained(8, 4, core_time_limit=9.1), times) == [0, 1]


def test_a_noisy_pixel_needs_more_light():
    noise = np.array([1, 4, 1, np.nan], np.float32)
    noisy = replace(BARE, pedestal_std=noise, pedestal_factor=2.5)
    assert kept([8, 9, 8, 900], noisy) == [0, 1, 2, 3]
    lonely = replace(noisy, boundary=1000)
    assert kept([8, 9, 8, 900], lonely) == [0, 2]  # 2.5 * 4 = 10; NaN is never exceeded
    assert kept([8, 10, 7.5, 900], lonely) == [0, 1]  # 2.5 * 1 is below the picture threshold


def test_the_night_sky_can_ask_for_times():
    sky = replace(BARE, time_limit=2)
    assert kept([9, 9, 0, 9], sky, [1, 2, 0, 0]) == [0, 1]
    assert kept([9, 9, 0, 9], replace(sky, min_neighbors_in_time=0), [1, 5, 0, 0]) == [0, 1, 3]


def test_faint_light_around_bright_light_goes():
    bright = replace(BARE, bright_threshold=300, bright_fraction=0.1, n_brightest=3)
    assert kept([600, 200, 100, 29, 0], bright) == [0, 1, 2]  # mean 300, a tenth of it 30
    assert kept([600, 200, 99, 29, 0], bright) == [0, 1, 2, 3]
    assert kept([600, 200, 100, np.nan, 29], bright) == [0, 1, 2]
    assert kept([900, 29], bright) == [0]  # all there are


def test_one_island_is_kept_the_largest_or_the_brightest():
    charges = [9, 9, 0, 50, 0]
    assert kept(charges, BARE) == [0, 1, 3]
    assert kept(charges, replace(BARE, island="largest")) == [0, 1]
    assert kept(charges, replace(BARE, island="brightest")) == [3]
    assert kept([0, 0], replace(BARE, island="largest")) == []


def test_a_nan_charge_is_never_selected_and_a_nan_time_never_near():
    assert kept([9, np.nan, 9, 9], Fact(8, 4, 1), [0, 0, 0, 0]) == [2, 3]
    assert kept([9, 9, 9], Fact(8, 4, 1), [0, 0, np.nan]) == [0, 1]
    assert kept([9, 9, 9], TimeConstrained(8, 4), [0, 0, np.nan]) == []


def test_a_ring_is_added_around_a_mask():
    masks = np.array([[0, 0, 1, 0, 0, 0]], np.bool_)
    assert np.flatnonzero(dilate(masks, line(6))).tolist() == [1, 2, 3]
    assert np.flatnonzero(dilate(masks, line(6), n_rings=2)).tolist() == [0, 1, 2, 3, 4]
    assert (dilate(masks, line(6), n_rings=0) == masks).all()


def test_pixels_without_neighbours_in_time_go():
    masks = np.array([[1, 1, 1, 0, 1]], np.bool_)
    times = np.array([[0, 1, 9, 9, 9]], np.float32)
    assert np.flatnonzero(time_delta(masks, times, line(5), 1, 2.0)).tolist() == [0, 1]


def test_the_brightest_island_wins_and_the_lowest_of_equals():
    labels = np.array([[1, 1, 0, 2], [1, 1, 0, 2], [0, 0, 0, 0], [1, 0, 2, 2]], np.int16)
    images = np.array([[2, 2, 99, 5], [2, 3, 0, 5], [1, 1, 1, 1], [9, 0, 1, np.nan]], np.float32)
    masks = brightest_island(labels, images)
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[3], [0, 1], [], [2, 3]]


@st.composite
def cleanings(draw, neighbors):
    """Return any cleaning for a camera."""
    charge = thresholds(neighbors)
    pair, count, limit = (draw(charge), draw(charge)), draw(COUNTS), draw(LIMITS)
    keep = draw(st.booleans())
    method = draw(st.sampled_from([TailCuts, Mars, Fact, TimeConstrained, NightSky]))
    if method is Fact:
        return Fact(*pair, count, limit)
    if method is TimeConstrained:
        return TimeConstrained(*pair, limit, draw(LIMITS), count)
    if method is not NightSky:
        return method(*pair, keep, count)
    noise = np.array(draw(st.lists(st.sampled_from(CHARGES), min_size=60, max_size=60)))
    return NightSky(
        *pair,
        keep,
        count,
        draw(st.sampled_from([None, noise[: neighbors.n_pixels].astype(np.float32)])),
        1.25,
        draw(st.none() | LIMITS),
        draw(COUNTS),
        draw(st.sampled_from([None, 0.0, 5.0, 8.1, 60.0])),
        draw(st.sampled_from([0.0, 0.03, 0.5, 1.0])),
        draw(st.integers(1, 70)),
        draw(st.sampled_from(["all", "largest", "brightest"])),
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the twin subtracts infinite times
@settings(deadline=None, max_examples=400)
@given(st.data())
def test_kernel_and_twin_agree_on_any_event(data):
    neighbors, images, peak_time = data.draw(events())
    cleaning = data.draw(cleanings(neighbors))
    masks = clean(images, neighbors, cleaning, peak_time=peak_time)
    twin = reference.clean(images, neighbors, cleaning, peak_time=peak_time)
    np.testing.assert_array_equal(masks, twin)
    for event in range(len(images)):
        one = slice(event, event + 1)
        alone = clean(images[one], neighbors, cleaning, peak_time=peak_time[one])
        assert alone.tobytes() == masks[event].tobytes()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(deadline=None)
@given(events(), COUNTS, LIMITS)
def test_kernels_and_twins_agree_on_any_mask(event, count, limit):
    neighbors, images, peak_time = event
    masks = images > 1
    np.testing.assert_array_equal(
        dilate(masks, neighbors, n_rings=count), reference.dilate(masks, neighbors, n_rings=count)
    )
    np.testing.assert_array_equal(
        time_delta(masks, peak_time, neighbors, count, limit),
        reference.time_delta(masks, peak_time, neighbors, count, limit),
    )
    labels, _ = islands(masks, neighbors)
    np.testing.assert_array_equal(labels, reference.islands(masks, neighbors)[0])
    np.testing.assert_array_equal(largest_island(labels), reference.largest_island(labels))
    np.testing.assert_array_equal(
        brightest_island(labels, images), reference.brightest_island(labels, images)
    )


@pytest.mark.parametrize(
    "cleaning",
    [TailCuts(4, 2), Mars(4, 2), Fact(), TimeConstrained(4, 2), NightSky(4, 2, island="largest")],
    ids=lambda cleaning: type(cleaning).__name__,
)
def test_kernel_and_twin_agree_on_showers(camera, images, cleaning):
    rng = np.random.default_rng(7)
    peak_time = (20 + camera.x * 5 + rng.normal(0, 1, images.shape)).astype(np.float32)
    masks = clean(images, camera.neighbors, cleaning, peak_time=peak_time)
    twin = reference.clean(images, camera.neighbors, cleaning, peak_time=peak_time)
    np.testing.assert_array_equal(masks, twin)
    assert 5 < masks.sum(axis=1).mean() < 200
    found = image_parameters(images, camera, cleaning, peak_time=peak_time)
    assert found.masks.tobytes() == masks.tobytes()


def test_a_core_of_many_pixels_has_the_mean_time_of_numpy():
    rng = np.random.default_rng(11)
    neighbors = line(1000)
    image = rng.lognormal(3, 1, (1, 1000)).astype(np.float32)
    time = rng.normal(20, 3, (1, 1000)).astype(np.float32)
    mean = np.average(time[0], weights=image[0] ** 2)
    nearest, farther = np.sort(np.unique(np.abs(time[0] - mean)))[[500, 501]]
    for limit in (nearest, farther):
        cuts = TimeConstrained(0, np.inf, core_time_limit=float(limit))
        far = image[0] >= 0.0  # all are above twice a threshold of 0
        expected = far & (np.abs(time[0] - mean) < 2 * limit)
        masks = clean(image, neighbors, cuts, peak_time=time)
        np.testing.assert_array_equal(masks[0], expected)


@pytest.mark.parametrize("cleaning", [Fact(), TimeConstrained(), NightSky()])
def test_a_cleaning_says_that_it_misses_times(cleaning):
    with pytest.raises(BadValue, match=f"{type(cleaning).__name__} looks at times"):
        clean(np.ones((1, 3), np.float32), line(3), cleaning)


@pytest.mark.parametrize("cleaning", [TailCuts(), Mars(), NightSky(time_limit=None)])
def test_other_cleanings_need_no_times(cleaning):
    assert not clean(np.ones((1, 3), np.float32), line(3), cleaning).any()


@pytest.mark.parametrize(
    "peak_time", [np.zeros((1, 3)), np.zeros((2, 3), np.float32), np.zeros((1, 4), np.float32)]
)
def test_times_of_other_images_are_refused(peak_time):
    for cleaning in (Fact(), TailCuts()):
        with pytest.raises(BadValue, match="peak_time"):
            clean(np.ones((1, 3), np.float32), line(3), cleaning, peak_time=peak_time)


@pytest.mark.parametrize("cleaning", [8, (8, 4), None, TailCuts, [8], {"picture": 8}])
def test_what_is_no_cleaning_is_refused(cleaning):
    with pytest.raises(BadValue, match="cleaning is"):
        clean(np.ones((1, 3), np.float32), line(3), cleaning)


def test_a_threshold_beyond_all_charges_is_never_reached():
    assert kept([9, 3e38, 9], TailCuts(1e40, 4, min_picture_neighbors=0)) == []
    silent = np.zeros(3, np.float32)
    for factor in (1e40, np.inf):  # times no noise
        sky = replace(BARE, pedestal_std=silent, pedestal_factor=factor, boundary=1e40)
        assert kept([9, 9, 9], sky) == []


def test_a_cleaning_of_ones_own_is_refused():
    class Own(TailCuts):
        """Would be taken for tail cuts."""

    with pytest.raises(BadValue, match="cleaning is"):
        clean(np.ones((1, 3), np.float32), line(3), Own())


def test_rows_of_different_lengths_are_no_images():
    with pytest.raises(BadValue, match="images is a list that is no array"):
        clean([[1.0], [1.0, 2.0]], line(2), TailCuts())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TailCuts(np.nan),
        lambda: TailCuts(boundary=np.array([1, np.nan], np.float32)),
        lambda: TailCuts(np.ones(3)),
        lambda: TailCuts(min_picture_neighbors=-1),
        lambda: Mars("8 p.e."),
        lambda: Fact(min_neighbors=2.5),
        lambda: Fact(time_limit=np.nan),
        lambda: Fact(time_limit=None),
        lambda: TimeConstrained(core_time_limit=np.nan),
        lambda: NightSky(n_brightest=0),
        lambda: NightSky(bright_threshold=np.nan),
        lambda: NightSky(pedestal_std=np.ones(3)),
        lambda: NightSky(pedestal_factor=np.nan),
        lambda: NightSky(island="widest"),
    ],
)
def test_a_cleaning_that_means_nothing_cannot_be_made(wrong):
    with pytest.raises(BadValue):
        wrong()


def test_thresholds_of_another_camera_are_refused():
    with pytest.raises(BadValue, match="picture"):
        clean(np.ones((1, 3), np.float32), line(3), TailCuts(np.ones(4, np.float32)))
    noise = NightSky(time_limit=None, pedestal_std=np.ones(4, np.float32))
    with pytest.raises(BadValue, match="pedestal_std"):
        clean(np.ones((1, 3), np.float32), line(3), noise)


def test_a_cleaning_keeps_its_thresholds():
    picture = np.full(3, 8, np.float32)
    cleaning = TailCuts(picture, 4, min_picture_neighbors=0)
    before = clean(np.full((1, 3), 8, np.float32), line(3), cleaning)
    picture[:] = 100
    assert (clean(np.full((1, 3), 8, np.float32), line(3), cleaning) == before).all()
    assert before.all()
    with pytest.raises(ValueError, match="read-only"):
        cleaning.picture[0] = 1


def test_a_camera_of_one_pixel_and_no_events_are_cleaned():
    alone = CameraGeometry.from_positions(np.zeros(1), np.zeros(1), "square", area=1.0).neighbors
    bright = np.full((1, 1), 9, np.float32)
    for cleaning in (Fact(8, 4, 0), TimeConstrained(8, 4, min_picture_neighbors=0)):
        assert clean(bright, alone, cleaning, peak_time=bright).tolist() == [[True]]
        assert clean(bright[:0], alone, cleaning, peak_time=bright[:0]).shape == (0, 1)
    assert dilate(bright > 1, alone).tolist() == [[True]]


def test_other_masks_and_labels_are_refused():
    masks, times = np.ones((1, 3), np.bool_), np.ones((1, 3), np.float32)
    for call in (
        lambda: dilate(masks, line(4)),
        lambda: dilate(masks, line(3), n_rings=-1),
        lambda: time_delta(masks, times[:, :2], line(3), 1, 1.0),
        lambda: time_delta(masks, times, line(3), 1, np.nan),
        lambda: time_delta(masks, times, line(3), -1, 1.0),
        lambda: brightest_island(np.ones((1, 3), np.int16), times[:, :2]),
        lambda: brightest_island(np.full((1, 3), 4, np.int16), times),
        lambda: brightest_island(np.full((1, 3), -1, np.int16), times),
    ):
        with pytest.raises(BadValue):
            call()


def test_tail_cuts_are_a_cleaning(camera, images):
    cuts = TailCuts(4, 2, min_picture_neighbors=1)
    masks = tailcuts(images, camera.neighbors, 4, 2, min_picture_neighbors=1)
    assert clean(images, camera.neighbors, cuts).tobytes() == masks.tobytes()
    unconnected = Neighbors(np.zeros(camera.n_pixels + 1, np.int32), np.zeros(0, np.int32))
    assert not clean(images, unconnected, cuts).any()
