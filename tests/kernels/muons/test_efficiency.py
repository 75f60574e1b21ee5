import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import CameraGeometry, MuonOptions, MuonTelescope, muon_rings, reference
from awlta.kernels.muons import _light
from awlta.kernels.muons.efficiency import Ring

LST = MuonTelescope(mirror_area=386.0, hole_radius=0.74)
BARE = MuonTelescope(mirror_area=np.pi * 25)


def hexagonal(n_rows, pitch):
    row, column = np.divmod(np.arange(n_rows * n_rows), n_rows)
    x, y = column + 0.5 * (row % 2), row * np.sqrt(3) / 2
    x, y = pitch * (x - x.mean()), pitch * (y - y.mean())
    return CameraGeometry.from_positions(x, y, "hexagonal")


CAMERA = hexagonal(45, 0.1)


def ring_at(x, y, radius, telescope):
    return Ring(CAMERA.x - x, CAMERA.y - y, radius, CAMERA, telescope)


def test_a_central_muon_lights_its_ring_evenly():
    ring = ring_at(0.0, 0.0, 1.2, BARE)
    ring.angle[:] = np.linspace(-np.pi, np.pi, len(ring.angle))
    ring.distance[:] = ring.radius
    light = ring.expect(0.0, 0.4, 1e-9, 0.2)
    # All of the ring's width is in the pixel; the path is the radius of the mirror, 5 m.
    photons = 1 / 137.036 * (1 / 300e-9 - 1 / 600e-9) * 0.5 * np.sin(2 * np.radians(1.2))
    expected = 0.2 * photons * 5 * (CAMERA.width[0] / 1.2) * np.pi / 2 / np.sqrt(3)
    np.testing.assert_allclose(light, expected, rtol=1e-5)


def test_a_muon_at_the_rim_lights_half_of_its_ring():
    ring = ring_at(0.0, 0.0, 1.2, BARE)
    ring.distance[:] = ring.radius
    light = ring.expect(5.0, 0.0, 1e-9, 0.2)
    behind = np.abs(ring.angle) > np.pi / 2 + 0.1
    np.testing.assert_allclose(light[behind], 0, atol=1e-9)
    ahead = light[np.abs(ring.angle).argmin()]
    # the whole diameter ahead, and the cosine of it beside
    beside = light[np.abs(ring.angle - np.pi / 3).argmin()]
    assert beside / ahead == pytest.approx(0.5, rel=0.05)


def test_a_muon_beyond_the_mirror_lights_a_sector():
    ring = ring_at(0.0, 0.0, 1.2, BARE)
    ring.distance[:] = ring.radius
    light = ring.expect(10.0, 0.0, 1e-9, 0.2)
    assert (light[np.abs(ring.angle) > np.pi / 6 + 0.1] == 0).all()
    assert (light[np.abs(ring.angle) < np.pi / 6 - 0.1] > 0).all()


def test_half_the_width_of_a_ring_is_within_two_thirds_of_a_deviation():
    ring = ring_at(0.0, 0.0, 1.2, BARE)
    ring.distance[:] = ring.radius
    everything = ring.expect(0.0, 0.0, 1e-9, 0.2).copy()
    light = ring.expect(0.0, 0.0, ring.half_width / 0.674490, 0.2)
    np.testing.assert_allclose(light / everything, 0.5, rtol=1e-5)


def test_the_likelihood_is_that_of_a_gaussian():
    # light 4, pedestal 1, spe width 0.5: variance 1 + 4 * 1.25 = 6
    found = _light.surprise(np.array([7.0]), np.array([4.0]), 1.0, 0.5)
    assert found == pytest.approx(0.5 * np.log(2 * np.pi * 6) + 9 / 12)


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0.5, 1.5),
    st.floats(0, 30),
    st.floats(-np.pi, np.pi),
    st.floats(1e-4, 5e-3),
    st.sampled_from([LST, BARE, MuonTelescope(100.0, hole_radius=1.0, oversampling=4)]),
)
def test_light_and_its_twin_agree(radius, impact, phi, width, telescope):
    ring = ring_at(0.1, -0.2, radius, telescope)
    found = ring.expect(impact, phi, width, 0.3)
    x, y = CAMERA.x - 0.1, CAMERA.y + 0.2
    twin = reference.muon_light(x, y, radius, CAMERA, telescope, impact, phi, width, 0.3)
    # a path grazes the rim of the mirror or not by rounding; it counts for one place of many
    apart = ~np.isclose(found, twin, rtol=1e-6, atol=1e-6)
    assert apart.mean() < 0.05


def test_the_efficiency_is_found_again():
    rng = np.random.default_rng(4)
    ring = ring_at(0.2, -0.1, 1.15, LST)
    light = ring.expect(6.0, 0.8, np.radians(0.07), 0.22)
    images = (rng.poisson(light, (5, len(light))) + rng.normal(0, 1.1, (5, len(light)))).astype(
        "f4"
    )
    found = muon_rings(images, images > 5, CAMERA, MuonOptions(min_pixels=40), LST)
    assert found["muonefficiency_is_valid"].all()
    assert not found["muonefficiency_parameters_at_limit"].any()
    assert found["muonefficiency_optical_efficiency"].mean() == pytest.approx(0.22, rel=0.05)
    assert found["muonefficiency_impact"].mean() == pytest.approx(6.0, abs=0.6)
    assert found["muonefficiency_width"].mean() == pytest.approx(0.07, abs=0.01)
    phi = np.arctan2(found["muonefficiency_impact_y"], found["muonefficiency_impact_x"])
    assert phi.mean() == pytest.approx(0.8, abs=0.15)
    again = muon_rings(images[2:3], images[2:3] > 5, CAMERA, MuonOptions(min_pixels=40), LST)
    assert again.tobytes() == found[2:3].tobytes()


@pytest.mark.parametrize(
    ("options", "telescope"),
    [({}, None), ({"min_ring_pixels": 3000}, LST), ({"min_containment": 1.0}, LST)],
)
def test_efficiency_is_not_fitted_to_poor_rings_nor_without_a_telescope(options, telescope):
    light = ring_at(0.2, -0.1, 1.15, LST).expect(6.0, 0.8, np.radians(0.07), 0.22)
    image = light.astype(np.float32)[None]
    (found,) = muon_rings(
        image, image > 2, CAMERA, MuonOptions(min_pixels=40, **options), telescope
    )
    assert np.isfinite(found["muonring_radius"])
    assert np.isnan(found["muonefficiency_optical_efficiency"])
    assert not found["muonefficiency_is_valid"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"mirror_area": 0.0},
        {"mirror_area": np.nan},
        {"hole_radius": -1.0},
        {"hole_radius": 12.0},
        {"pedestal": 0.0},
        {"spe_width": -0.1},
        {"min_wavelength": 700.0},
        {"oversampling": 0},
    ],
)
def test_telescopes_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadValue):
        MuonTelescope(**{"mirror_area": 386.0, **wrong})
