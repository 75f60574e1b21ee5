"""Offsets, separations and telescopes seen along the pointing, against astropy and by eye."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from awlta_recipes.science import (
    from_offsets,
    ground_positions,
    separation,
    tilted_positions,
    to_offsets,
)


@pytest.mark.parametrize(("ra", "dec"), [(83.6, 22.0), (0.1, -75.0), (359.9, 0.0), (180.0, 89.0)])
def test_offsets_agree_with_astropy(ra, dec):
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-3, 3, (2, 50))
    frame = SkyCoord(ra * u.deg, dec * u.deg).skyoffset_frame()
    expected = SkyCoord(lon * u.deg, lat * u.deg, frame=frame).icrs
    got = SkyCoord(*(a * u.deg for a in from_offsets(lon, lat, ra, dec)))
    assert got.separation(expected).deg.max() < 1e-10
    assert np.allclose(to_offsets(*from_offsets(lon, lat, ra, dec), ra, dec), (lon, lat))


def test_separation_is_exact_for_tiny_angles():
    assert separation(10.0, 60.0, 10.0 + 2e-9, 60.0) == pytest.approx(1e-9, rel=1e-6)


def test_a_telescope_to_the_east_is_on_the_left_of_the_southern_sky():
    # looking south, east is where azimuth is smaller and right ascension larger
    lon, lat = tilted_positions(0.0, -100.0, 0.0, 60.0, 180.0)
    assert (lon, lat) == (pytest.approx(-100.0), pytest.approx(0.0))
    assert tilted_positions(0.0, -100.0, 0.0, 60.0, 180.0, is_equatorial=True)[0] == pytest.approx(
        100.0
    )


def test_at_the_horizon_height_is_all_that_counts_upwards():
    assert tilted_positions(30.0, 0.0, 7.0, 0.0, 0.0)[1] == pytest.approx(7.0)


@pytest.mark.parametrize("is_equatorial", [False, True])
def test_ground_positions_undo_tilted_ones(is_equatorial):
    north, west = np.array([10.0, -40.0]), np.array([25.0, 3.0])
    tilted = tilted_positions(north, west, 0.0, 70.0, 130.0, is_equatorial=is_equatorial)
    back = ground_positions(*tilted, 70.0, 130.0, is_equatorial=is_equatorial)
    assert np.allclose(back, (north, west))
