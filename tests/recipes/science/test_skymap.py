"""Maps and reflected regions of a source on flat background, and their picture."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from awlta.errors import BadValue
from awlta_recipes.science import (
    Events,
    MapGeometry,
    Region,
    draw,
    from_offsets,
    peak_position,
    reflected,
    ring_map,
    separation,
)

SOURCE = Region(83.633, 22.014, 0.2)
WIDE = Region(83.633, 22.014, 0.35)
POINTINGS = [from_offsets(0.0, 0.5, 83.633, 22.014), from_offsets(0.0, -0.5, 83.633, 22.014)]


def sky(n_source, n_background, place=(83.633, 22.014), seed=3):
    """Background flat within 1.8 deg of two pointings, and a source blurred by 0.07 deg."""
    rng = np.random.default_rng(seed)
    parts = []
    for ra0, dec0 in POINTINGS:
        r = 1.8 * np.sqrt(rng.random(n_background))
        phi = 2 * np.pi * rng.random(n_background)
        flat = from_offsets(r * np.cos(phi), r * np.sin(phi), ra0, dec0)
        point = from_offsets(*rng.normal(0, 0.07, (2, n_source)), *place)
        ra, dec = (np.concatenate(a) for a in zip(flat, point, strict=True))
        parts.append((ra, dec, np.full(len(ra), ra0), np.full(len(ra), dec0)))
    return Events(*(np.concatenate(a) for a in zip(*parts, strict=True)))


def test_reflected_regions_do_not_touch():
    result = reflected(sky(0, 2000), SOURCE)
    # 2 asin(0.2 / 0.5) = 47.2 deg: 7 places on the circle, one of them the source's
    assert result.alpha == pytest.approx(1 / 6)
    # 2 x 2000 events in circles of (0.2 / 1.8)^2 of the field
    assert result.n_on == pytest.approx(49, abs=21)
    assert result.n_off == pytest.approx(296, abs=52)
    assert abs(result.significance) < 3


def test_a_source_stands_out_of_reflected_regions():
    result = reflected(sky(40, 300), SOURCE)
    assert result.significance > 8
    assert result.excess == pytest.approx(80, rel=0.2)


def test_a_source_at_the_pointing_has_no_reflections():
    events = sky(5, 5)
    with pytest.raises(BadValue, match="from the pointing"):
        reflected(events, Region(float(POINTINGS[0][0]), float(POINTINGS[0][1]), 0.2))


def test_the_map_knows_where_its_bins_are():
    geometry = MapGeometry(83.633, 22.014, width=2.0, bin_size=0.1)
    wcs = WCS(geometry.wcs())
    rows, columns = np.indices((20, 20))
    expected = wcs.pixel_to_world(columns, rows)
    got = SkyCoord(*(a * u.deg for a in geometry.centres()))
    assert got.separation(expected).deg.max() < 1e-9
    assert np.allclose(geometry.bins_of(*geometry.centres()), (rows, columns), atol=1e-9)


def test_the_peak_of_the_map_is_the_source():
    place = from_offsets(0.25, -0.15, 83.633, 22.014)
    events = sky(60, 200, place)
    region = Region(float(place[0]), float(place[1]), 0.35)
    result = ring_map(MapGeometry(83.633, 22.014, 2.0), events, exclusion=region)
    assert np.nanmax(result.significance) > 8
    assert separation(*peak_position(result), *place) < 0.02
    inside = separation(events.ra, events.dec, 83.633, 22.014) < 0.9
    assert result.counts.sum() >= inside.sum()


def test_a_map_without_a_source_is_noise():
    result = ring_map(MapGeometry(83.633, 22.014, 2.0), sky(0, 3000), exclusion=WIDE)
    assert np.isfinite(result.significance).all()
    assert abs(result.significance.mean()) < 0.5
    assert result.significance.std() == pytest.approx(1.0, abs=0.35)
    # flat acceptance: the ratio of the areas of circle and ring
    corner = result.alpha[0, 0]
    assert corner == pytest.approx(0.15**2 / (0.8**2 - 0.5**2), rel=0.25)


def test_places_without_exposure_have_no_significance():
    events = sky(10, 50)
    result = ring_map(MapGeometry(83.633, 22.014, 8.0, 0.2), events)
    assert np.isnan(result.significance[0, 0])
    assert np.isfinite(result.significance[20, 20])


def test_radii_that_cross_are_refused():
    with pytest.raises(BadValue, match="inner < outer"):
        ring_map(MapGeometry(0.0, 0.0), sky(1, 1), ring=(0.8, 0.5))
    with pytest.raises(BadValue, match="bin_size <= width"):
        MapGeometry(0.0, 0.0, width=1.0, bin_size=2.0)


def test_the_same_map_gives_the_same_picture():
    result = ring_map(MapGeometry(83.633, 22.014, 2.0, 0.2), sky(40, 100), exclusion=WIDE)
    first = draw(result, title="test", marker=(83.633, 22.014))
    assert first.startswith(b"\x89PNG")
    assert first == draw(result, title="test", marker=(83.633, 22.014))
    assert first != draw(result, title="test")
