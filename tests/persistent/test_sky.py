"""Positions: a cone holds what the great circle says, and the database finds just that."""

import math
import sqlite3

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from factories import Look, Sensor, Survey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from awlta.errors import BadValue, QueryError
from awlta.persistent import Attribute, Persistent, persistent
from awlta.persistent.attributes.sky import Cone, cone, ensure_sines

RA = st.sampled_from([0.0, 1e-9, 180.0, 359.999999999]) | st.floats(0, 360, exclude_max=True)
DEC = st.sampled_from([-90.0, -89.999999, 0.0, 90.0]) | st.floats(-90, 90)
RADIUS = st.sampled_from([0.0, 1e-6, 1.0, 89.999, 90.0, 90.001, 180.0]) | st.floats(0, 180)


@settings(max_examples=500)
@given(RA, DEC, RADIUS, RA, DEC)
@example(0.0, 0.0, 0.0, 359.999999999, 0.0)
@example(12.0, 90.0, 0.0, 200.0, 90.0)
def test_a_cone_holds_what_astropy_separates_by_less_than_its_radius(ra, dec, radius, ra2, dec2):
    centre, other = SkyCoord(ra, dec, unit="deg"), SkyCoord(ra2, dec2, unit="deg")
    separation = centre.separation(other).deg
    circle = Cone(ra, dec, radius)
    near_edge = 1e-7 if radius > 179 else 1e-9
    if abs(separation - radius) > near_edge:
        assert circle.holds(ra2, dec2) == (separation < radius)


@settings(max_examples=500)
@given(RA, DEC, st.floats(0, 90), RA, DEC)
def test_bands_and_windows_hold_all_that_the_cone_holds(ra, dec, radius, ra2, dec2):
    circle = Cone(ra, dec, radius)
    if circle.holds(ra2, dec2):
        assert {math.floor(dec2 + 90), round(dec2 + 90)} <= set(circle.zones())
        assert any(low <= ra2 <= high for low, high in circle.windows())


def test_the_edge_of_a_cone_is_inside():
    assert Cone(0, 0, 1).holds(1, 0)
    assert Cone(0, 0, 1).holds(359, 0)
    assert Cone(50, 89, 1).holds(123, 90)
    assert not Cone(0, 0, 1).holds(1.0000001, 0)
    assert Cone(0, 0, 0).holds(360, 0)


def test_a_window_at_the_first_meridian_has_two_parts():
    assert [len(Cone(ra, 0, 1).windows()) for ra in (0, 0.5, 1.5, 180, 358.5, 359.5)] == [
        2,
        2,
        1,
        1,
        1,
        2,
    ]
    ((low, high),) = Cone(10, 60, 1).windows()
    assert (low, high) == pytest.approx((8.0, 12.0), abs=0.001)
    assert Cone(10, 89.5, 1).windows() == [(0, 360)]


def test_centre_and_radius_are_numbers_quantities_or_a_sky_coord():
    wanted = Cone(83.5, 22.0, 2.0)
    assert cone(83.5, 22, 2) == wanted
    assert cone(83.5 * u.deg, Angle(22, "deg"), 120 * u.arcmin) == wanted
    assert cone(SkyCoord(83.5, 22, unit="deg"), 2) == wanted
    assert cone(SkyCoord(83.5, 22, unit="deg"), 2 * u.deg) == wanted
    assert cone(443.5, 22, 2) == wanted
    assert cone(-1e-20, 22, 2).ra == 0


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ((0, 91, 1), "declination from -90 to 90"),
        ((0, 0, -1), "radius from 0 to 180"),
        ((0, 0, 181), "radius from 0 to 180"),
        ((float("nan"), 0, 1), "a number of degrees"),
        (("north", 0, 1), "a number of degrees"),
        ((0, 0, 3 * u.m), "a number of degrees"),
        ((0, 0), "radius = None"),
    ],
)
def test_what_is_no_cone_is_refused(values, why):
    with pytest.raises(QueryError, match=why):
        Look.within(*values)


def test_a_class_without_a_position_says_so():
    with pytest.raises(QueryError, match=r"Sensor has no position on the sky"):
        Sensor.within(0, 0, 1)


def test_a_class_that_is_located_by_a_link_is_asked_like_it(population):
    condition = Survey.within(83.6, 22, 1)
    assert repr(condition) == "Survey.looks.within(83.6, 22, 1)"
    near = {x for x in population.looks if (x.ra, x.dec) == (83.6, 22.0)}
    assert near
    assert set(condition) == {s for s in population.surveys if near & set(s.looks)}
    assert set(Survey.first.within(83.6, 22, 1)) == {
        s for s in population.surveys if s.first in near
    }


def test_what_has_no_position_is_in_no_cone_and_in_the_rest(population):
    everywhere = Look.within(0, 0, 180)
    lost = {x for x in population.looks if x.ra is None or x.dec is None}
    assert lost
    assert set(~everywhere) == lost
    assert set(Look.select_all().within(0, 0, 180)) == set(population.looks) - lost


class Sky:
    """Many looks, without a repr of each."""

    def __init__(self, looks):
        self.looks = looks


@pytest.fixture(scope="module")
def sky(population):
    """Two thousand looks all over the sky, more of them at the poles and the first meridian."""
    dice = np.random.default_rng(7)
    dec = np.degrees(np.arcsin(dice.uniform(-1, 1, 2000)))
    ra = dice.uniform(0, 360, 2000)
    dec[:300] = np.sign(dec[:300]) * (90 - dice.uniform(0, 0.01, 300))
    ra[300:600] = dice.uniform(-0.01, 0.01, 300) % 360
    with population.session.use():
        looks = [Look(ra=a, dec=d, run=1000) for a, d in zip(ra, dec, strict=True)]
        population.session.commit(*looks)
        with population.session.database.write() as connection:
            connection.exec_driver_sql("ANALYZE")
        yield Sky(looks)


@settings(max_examples=100)
@given(RA, DEC, RADIUS | st.floats(0, 0.02))
@example(0.0, 0.0, 0.005)
@example(360.0, 90.0, 0.005)
@example(77.0, -90.0, 0.005)
@example(5e-324, -90.0, 0.0)
def test_the_database_finds_just_what_the_cone_holds(sky, ra, dec, radius):
    found = Look.select(Look.within(ra, dec, radius), run=1000).values("object_id")
    circle = cone(ra, dec, radius)
    assert {i for (i,) in found} == {x.object_id for x in sky.looks if circle.holds(x.ra, x.dec)}


@pytest.mark.parametrize("ra", [180.0, 0.0])
def test_a_cone_is_found_by_an_index(sky, ra):
    plan = Look.within(ra, 10, 0.5).explain().split("\n\n")[1]
    assert "ix_look_sky" in plan


def declare(**parts):
    """Declare a class with the parts of a position."""

    class Spot(Persistent):
        """A class whose declaration is judged."""

        ra: Attribute[float] = persistent("ra", **{"unit": "deg", **parts})

    return Spot


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"sky": "ra"}, "one attribute with sky"),
        ({"sky": "lon"}, 'sky="ra" or sky="dec"'),
        ({"sky": "ra", "unit": "rad"}, 'with unit="deg"'),
    ],
)
def test_half_a_position_is_refused(parts, why):
    with pytest.raises(BadValue, match=why):
        declare(**parts)


def test_a_position_has_the_range_of_the_sphere():
    with pytest.raises(BadValue, match=r"from 0 to 360"):
        Look(ra=-1.0, dec=0.0)
    with pytest.raises(BadValue, match=r"from -90 to 90"):
        Look(ra=1.0, dec=90.5)


def test_an_sqlite_without_sines_is_given_them():
    connection = sqlite3.connect(":memory:")
    function = getattr(sqlite3, "SQLITE_FUNCTION", 31)

    def without_sines(action, _table, name, *_):
        is_sine = action == function and name in ("sin", "cos")
        return sqlite3.SQLITE_DENY if is_sine else sqlite3.SQLITE_OK

    def built_in():
        told = "SELECT min(builtin) FROM pragma_function_list WHERE name = 'sin' AND narg = 1"
        return connection.execute(told).fetchone()[0]

    ensure_sines(connection)
    assert built_in() == 1
    connection.set_authorizer(without_sines)
    ensure_sines(connection)
    connection.set_authorizer(None)
    assert built_in() == 0
    assert connection.execute("SELECT sin(0.5), cos(NULL)").fetchone() == (math.sin(0.5), None)
    connection.close()
