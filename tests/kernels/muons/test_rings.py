from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awlta.errors import BadValue
from awlta.kernels import CameraGeometry, MuonOptions, muon_rings, reference
from awlta.kernels.muons.options import FITS

ANY_IMAGE = {"min_pixels": 0, "min_intensity": 0.0}
ONCE = MuonOptions(n_fits=1, **ANY_IMAGE)


@pytest.fixture(scope="module")
def field():
    """61 x 61 square pixels of 0.1 degrees; pixel 1860 is in the middle."""
    y, x = np.divmod(np.arange(61 * 61), 61)
    return CameraGeometry.from_positions(0.1 * (x - 30), 0.1 * (y - 30), "square")


def ring(geometry, x, y, radius, width=0.05, peak=10.0):
    """Return a ring of light without noise, and the pixels that have some."""
    distance = np.hypot(geometry.x - x, geometry.y - y)
    light = peak * np.exp(-0.5 * ((distance - radius) / width) ** 2)
    image = np.where(light > 1, light, 0).astype(np.float32)
    return image[None], (image > 0)[None]


@pytest.fixture(scope="module")
def muons(field):
    """float32 (80, 3721): rings and arcs in noise of 1 p.e., and what cleaning would keep."""
    rng = np.random.default_rng(7)
    images = np.empty((80, field.n_pixels), np.float32)
    for image in images:
        centre, radius, arc = rng.uniform(-1.5, 1.5, 2), rng.uniform(0.6, 1.4), rng.uniform(0.8, 7)
        x, y = field.x - centre[0], field.y - centre[1]
        light = 12 * np.exp(-0.5 * ((np.hypot(x, y) - radius) / 0.07) ** 2)
        light *= (np.arctan2(y, x) + np.pi) < arc
        image[:] = rng.poisson(light) + rng.normal(0, 1, field.n_pixels)
    return images, images > 4


def at(*points):
    """A camera of pixels with nothing between them."""
    x, y = np.array(points, np.float64).T
    return CameraGeometry.from_positions(x, y, "square", area=0.01)


@pytest.mark.parametrize("fit", FITS)
def test_four_pixels_on_a_circle_give_it_exactly(fit):
    geometry = at((3, 1), (1, 3), (-1, 1), (1, -1))
    options = MuonOptions(fit=fit, **ANY_IMAGE)
    charges = np.array([[4, 1, 2, 8]], np.float32)
    (found,) = muon_rings(charges, np.ones((1, 4), np.bool_), geometry, options)
    names = ("center_fov_lon", "center_fov_lat", "radius", "center_phi", "center_distance")
    values = [found[f"muonring_{name}"] for name in names]
    assert values == pytest.approx([1, 1, 2, np.pi / 4, np.sqrt(2)])
    assert found["muonparameters_mean_squared_error"] == pytest.approx(0, abs=1e-20)
    assert found["muonparameters_intensity_ratio"] == 1.0
    assert found["muonparameters_n_pixels_in_ring"] == 4
    assert found["muonparameters_ring_intensity"] == 15.0


def test_the_kundu_chaudhuri_circle_of_two_radii_is_their_quadratic_mean():
    # 1 and 2 from the centre along both axes: the mean of the squares is 2.5
    geometry = at((1, 0), (-1, 0), (0, 2), (0, -2), (2, 0), (-2, 0), (0, 1), (0, -1))
    options = MuonOptions(fit="kundu_chaudhuri", n_fits=1, **ANY_IMAGE)
    both = np.ones((1, 8), np.bool_)
    (found,) = muon_rings(np.ones((1, 8), np.float32), both, geometry, options)
    assert found["muonring_radius"] == pytest.approx(np.sqrt(2.5))
    # residual 1.5, derivatives sqrt(1 + 0.625) and sqrt(4 + 0.625), sum of weights 8
    error = 1.5 / ((4.625**0.5 - 1.625**0.5) / 2) / 8 / 8**0.5
    assert found["muonring_center_fov_lon_err"] == pytest.approx(error)
    assert found["muonring_radius_err"] == pytest.approx(error / 2)


def test_the_taubin_circle_of_two_radii_has_the_errors_of_its_quotient():
    geometry = at((1, 0), (-1, 0), (0, 2), (0, -2), (2, 0), (-2, 0), (0, 1), (0, -1))
    options = MuonOptions(fit="taubin", n_fits=1, **ANY_IMAGE)
    both = np.ones((1, 8), np.bool_)
    (found,) = muon_rings(np.ones((1, 8), np.float32), both, geometry, options)
    assert found["muonring_radius"] == pytest.approx(np.sqrt(2.5))
    # quotient sum (d2 - r2)^2 / sum d2 = 18 / 20; its curvature by r is 8 * 2.5 * 8 / 20 = 8
    assert found["muonring_radius_err"] == pytest.approx(np.sqrt(2 / 8))
    # by the centre: (8 sum x^2 - 0.9 * 2 * 8) / 20 = (80 - 14.4) / 20
    assert found["muonring_center_fov_lat_err"] == pytest.approx(np.sqrt(2 / (65.6 / 20)))


@pytest.mark.parametrize("fit", FITS)
def test_a_full_ring_is_found_and_complete(field, fit):
    image, mask = ring(field, 0.33, -0.21, 1.1, peak=50.0)
    # alike for all pixels, the dark ones close to the ring pull a second fit of Taubin's outwards
    options = MuonOptions(fit=fit, n_fits=1 if fit == "taubin" else 3)
    (found,) = muon_rings(image, mask, field, options)
    assert found["muonring_center_fov_lon"] == pytest.approx(0.33, abs=0.01)
    assert found["muonring_center_fov_lat"] == pytest.approx(-0.21, abs=0.01)
    assert found["muonring_radius"] == pytest.approx(1.1, abs=0.02)
    assert found["muonparameters_completeness"] == 1.0
    assert found["muonparameters_containment"] == 1.0
    assert found["muonparameters_intensity_outside_ring"] == 0.0
    assert found["muonparameters_radial_std_dev"] == pytest.approx(0.05, rel=0.2)


def test_half_a_ring_is_half_complete(field):
    image, mask = ring(field, 0.05, 0.0, 1.2, peak=50.0)
    upper = field.y > 0.0
    image[:, ~upper], mask[:, ~upper] = 0, False
    (found,) = muon_rings(image, mask, field, MuonOptions(n_sectors=20, **ANY_IMAGE))
    assert found["muonring_radius"] == pytest.approx(1.2, abs=0.02)
    # the lowest row of light is inside the first sector of the upper half
    assert found["muonparameters_completeness"] == pytest.approx(0.5, abs=0.051)


def test_a_ring_half_outside_the_camera_is_half_contained(field):
    radius = field.radius
    # Seen from the centre of the ring, its crossings with the camera are half a turn apart.
    image, mask = ring(field, 2.9, 0.0, 1.0)
    (found,) = muon_rings(image, mask, field, ONCE)
    x, r = found["muonring_center_distance"], found["muonring_radius"]
    expected = np.arccos((r**2 - radius**2 + x**2) / (2 * x * r)) / np.pi
    assert found["muonparameters_containment"] == pytest.approx(expected)
    assert 0.4 < found["muonparameters_containment"] < 0.65


def test_a_ring_centred_off_the_camera_by_the_chord_is_half_contained():
    # Camera of radius 5 about 0, ring of radius 3 about (4, 0): they cross at right angles.
    angle = np.arange(60) * np.pi / 30
    camera = np.stack([5 * np.cos(angle), 5 * np.sin(angle)], axis=-1)
    inside = [(4 + 3 * np.cos(a), 3 * np.sin(a)) for a in (2.0, 2.5, 3.0, 3.5, 4.0)]
    pixels = np.concatenate([[(0.0, 0.0), (0.5, 0.0)], camera, inside])
    geometry = at(*pixels)
    image = np.zeros((1, len(pixels)), np.float32)
    image[0, -5:] = 1
    (found,) = muon_rings(image, image > 0, geometry, ONCE)
    assert found["muonring_radius"] == pytest.approx(3)
    radius = geometry.radius
    expected = np.arccos((9 - radius**2 + 16) / 24) / np.pi
    assert found["muonparameters_containment"] == pytest.approx(expected)


def test_the_second_fit_forgets_light_far_from_the_ring(field):
    image, mask = ring(field, 0.0, 0.0, 1.2)
    far = np.argmin(np.hypot(field.x - 2.0, field.y - 2.0))
    image[:, far], mask[:, far] = 100, True
    options = (MuonOptions(fit="kundu_chaudhuri", n_fits=n) for n in (1, 3))
    first, again = (
        muon_rings(image, mask, field, option)["muonring_center_distance"][0] for option in options
    )
    assert first > 0.1
    assert again < 0.01


def test_faint_and_small_images_are_not_looked_at(field):
    image, mask = ring(field, 0.0, 0.0, 1.0)
    n_pixels, intensity = mask.sum(), image[mask].sum(dtype=float)
    for options, is_found in (
        ({"min_pixels": n_pixels - 1, "min_intensity": intensity * 0.999}, True),
        ({"min_pixels": n_pixels, "min_intensity": intensity * 0.999}, False),
        ({"min_pixels": n_pixels - 1, "min_intensity": intensity * 1.001}, False),
    ):
        (found,) = muon_rings(image, mask, field, MuonOptions(**options))
        assert np.isfinite(found["muonring_radius"]) == is_found
        if not is_found:
            assert found["muonparameters_n_pixels_in_ring"] == -1
            assert np.isnan(found["muonparameters_completeness"])


@pytest.mark.parametrize("fit", FITS)
def test_pixels_on_a_line_have_no_ring(field, fit):
    image = np.zeros((1, field.n_pixels), np.float32)
    image[0, 0 : 61 * 61 : 62] = 20
    (found,) = muon_rings(image, image > 0, field, MuonOptions(fit=fit, **ANY_IMAGE))
    assert np.isnan(found["muonring_radius"])
    assert found["muonparameters_n_pixels_in_ring"] == -1


def assert_same(found, expected, rtol=1e-6):
    for name in expected.dtype.names:
        np.testing.assert_allclose(
            found[name], expected[name], rtol=rtol, atol=1e-7, err_msg=name, equal_nan=True
        )


@pytest.mark.parametrize("fit", FITS)
def test_kernel_and_twin_agree_on_rings(field, muons, fit):
    options = MuonOptions(fit=fit, min_pixels=40, min_intensity=300)
    found = muon_rings(*muons, field, options)
    assert np.isfinite(found["muonring_radius"]).sum() > 60
    assert_same(found, reference.muon_rings(*muons, field, options))


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, (2, 25), elements=st.sampled_from([0.0, 1.0, 2.0, 5.0, 9.0])),
    hnp.arrays(np.bool_, (2, 25)),
    st.sampled_from(FITS),
    st.integers(1, 3),
    st.integers(1, 12),
)
def test_kernel_and_twin_agree_on_any_image(charges, masks, fit, n_fits, n_sectors):
    rng = np.random.default_rng(1)
    y, x = np.divmod(np.arange(25), 5) + rng.uniform(-0.2, 0.2, (2, 25))
    geometry = CameraGeometry.from_positions(x, y, "square", area=1.0)
    options = MuonOptions(
        fit=fit, n_fits=n_fits, n_sectors=n_sectors, completeness_threshold=3.0, **ANY_IMAGE
    )
    found = muon_rings(charges, masks, geometry, options)
    expected = reference.muon_rings(charges, masks, geometry, options)
    for one, twin in zip(found, expected, strict=True):
        # three pixels and fewer have a ring through them, whatever the rounding
        if twin["muonring_radius"] < 50 and twin["muonparameters_mean_squared_error"] > 1e-6:
            assert_same(one[None], twin[None], rtol=1e-5)


def test_an_event_does_not_depend_on_its_batch(field, muons):
    images, masks = muons
    whole = muon_rings(images, masks, field)
    for event in range(0, len(images), 7):
        part = slice(event, event + 1)
        assert muon_rings(images[part], masks[part], field).tobytes() == whole[part].tobytes()


def test_threads_that_share_a_camera_do_not_disturb_each_other(field, muons):
    expected = muon_rings(*muons, field).tobytes()
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(muon_rings, *muons, field) for _ in range(8)]
    assert {run.result().tobytes() for run in runs} == {expected}


@pytest.mark.parametrize("charge", [np.nan, np.inf, -np.inf, 3e38, -5.0])
@pytest.mark.parametrize("fit", FITS)
def test_a_strange_charge_spoils_its_own_event_only(field, fit, charge):
    image, mask = ring(field, 0.1, 0.0, 1.0)
    images, masks = np.repeat(image, 3, axis=0), np.repeat(mask, 3, axis=0)
    images[0, np.flatnonzero(mask[0])[5]] = charge
    images[1, 0] = charge
    options = MuonOptions(fit=fit)
    found = muon_rings(images, masks, field, options)
    assert found[2:].tobytes() == muon_rings(image, mask, field, options).tobytes()


def test_cameras_and_batches_of_nothing_much_are_no_error(field):
    one = CameraGeometry.from_positions(np.zeros(1), np.zeros(1), "square", area=1.0)
    lit = np.ones((1, 1), np.float32)
    assert np.isnan(muon_rings(lit, lit > 0, one, ONCE)["muonring_radius"]).all()
    assert one.radius == 0.0
    none = np.zeros((0, field.n_pixels), np.float32)
    assert muon_rings(none, none > 0, field).shape == (0,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fit": "hough"},
        {"min_pixels": -1},
        {"min_intensity": np.nan},
        {"n_fits": 0},
        {"n_sectors": 0},
        {"n_sectors": 2.5},
        {"max_distance": 0.0},
        {"ratio_width": -1.0},
        {"integration_width": np.nan},
        {"outer_width": "wide"},
        {"completeness_threshold": np.nan},
    ],
)
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(BadValue, match=next(iter(wrong))):
        MuonOptions(**wrong)


def test_images_and_masks_of_another_camera_are_refused(field):
    image = np.zeros((1, field.n_pixels), np.float32)
    with pytest.raises(BadValue, match="images"):
        muon_rings(image[:, 1:], image > 0, field)
    with pytest.raises(BadValue, match="masks"):
        muon_rings(image, np.zeros((2, field.n_pixels), np.bool_), field)
