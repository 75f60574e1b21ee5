"""Showers from crossed planes, on showers whose geometry is known."""

import numpy as np
import pytest

from awlta.errors import BadValue
from awlta_recipes.science import ImageCuts, Station, cross_planes, to_offsets
from awlta_recipes.science.planes import NAMES, geometry_type
from awlta_recipes.science.stereo import FIELDS

SQUARE = {
    1: Station(60.0, 50.0, 5.0, 2.2),
    2: Station(50.0, -60.0, -3.0, 2.2),
    3: Station(-50.0, -50.0, 0.0, 3.9),
    4: Station(-45.0, 50.0, 8.0, 3.9),
}
WITHOUT_ERRORS = [n for n in NAMES if "core" in n and "uncert" in n]
WITHOUT_ERRORS += ["ang_distance_uncert", "h_max_uncert", "goodness_of_fit"]


def vector(alt, az):
    alt, az = np.radians(alt), np.radians(az)
    return np.array([np.cos(alt) * np.cos(az), -np.cos(alt) * np.sin(az), np.sin(alt)])


def altaz(direction):
    x, y, z = direction
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(-y, x)) % 360


def images_of(alt, az, core, pointing, *, length=9000.0, event_id=1, stations=SQUARE, **changes):
    """Perfect images of a shower: its maximum seen from each telescope, axis along the shower."""
    found = {}
    direction = vector(alt, az)
    maximum = np.array([*core, 0.0]) + length * direction
    for tel_id, s in stations.items():
        place = np.array([s.x, s.y, s.z])
        ends = []
        for point in (maximum, maximum + 1.0 * direction):
            seen = altaz(point - place)
            ends.append(np.array(to_offsets(seen[1], seen[0], pointing[1], pointing[0])))
        axis = ends[1] - ends[0]
        psi = np.degrees(np.arctan(axis[1] / axis[0]))
        values = {
            **{"event_id": event_id, "intensity": 100.0 * tel_id, "leakage": 0.0, "n_pixels": 20},
            **{"fov_lon": ends[0][0], "fov_lat": ends[0][1], "psi": psi},
            **{"length": 0.3, "width": 0.1, **changes},
        }
        dtype = [(f, np.int64 if f == "event_id" else np.float64) for f in FIELDS]
        found[tel_id] = np.array([tuple(values[f] for f in FIELDS)], dtype)
    return found


@pytest.mark.parametrize(
    ("alt", "az", "pointing"),
    [(70.0, 180.0, (70.0, 180.0)), (69.2, 21.5, (70.0, 20.0)), (50.6, 0.3, (50.0, 359.5))],
)
def test_perfect_images_give_direction_core_and_maximum(alt, az, pointing):
    images = images_of(alt, az, (20.0, 35.0), pointing)
    (shower,) = cross_planes(images, SQUARE, pointing, height=2000.0)
    assert shower["is_valid"]
    assert shower["telescopes"].tolist() == [True] * 4
    # planes are spanned by steps that leave the great circle a little
    assert (shower["alt"], shower["az"]) == pytest.approx((alt, az), abs=5e-3)
    assert shower["alt_uncert"] == shower["az_uncert"] == pytest.approx(0.0, abs=5e-3)
    # the core is where the axes meet in the plane across the pointing
    assert (shower["core_x"], shower["core_y"]) == pytest.approx((20.0, 35.0), abs=4.0)
    height = 2000.0 + 9000.0 * np.sin(np.radians(alt))
    assert shower["h_max"] == pytest.approx(height, abs=0.01)
    assert shower["average_intensity"] == 250.0
    assert np.isnan(np.array([shower[name] for name in WITHOUT_ERRORS])).all()


def test_the_tilted_core_is_the_ground_core_seen_along_the_pointing():
    images = images_of(60.0, 0.0, (20.0, 35.0), (60.0, 0.0))
    (shower,) = cross_planes(images, SQUARE, (60.0, 0.0))
    # Looking north, the tilted x axis is shorter by the sine of the altitude, y is west.
    assert shower["core_tilted_x"] == pytest.approx(shower["core_x"] * np.sin(np.radians(60)))
    assert shower["core_tilted_y"] == pytest.approx(shower["core_y"])


def test_telescopes_may_point_apart():
    shift = {1: (70.0, 20.0), 2: (70.5, 21.0), 3: (69.4, 19.0), 4: (70.2, 20.3)}
    images = {}
    for tel_id, pointing in shift.items():
        seen = images_of(69.7, 20.5, (10.0, -30.0), pointing, stations={tel_id: SQUARE[tel_id]})
        images.update(seen)
    (shower,) = cross_planes(images, SQUARE, (70.0, 20.0), pointings=shift)
    assert (shower["alt"], shower["az"]) == pytest.approx((69.7, 20.5), abs=5e-3)
    assert (shower["core_x"], shower["core_y"]) == pytest.approx((10.0, -30.0), abs=4.0)


@pytest.mark.parametrize(
    "changes", [{"intensity": 20.0}, {"n_pixels": 3}, {"width": 0.0}, {"width": np.nan}]
)
def test_a_poor_image_is_left_out(changes):
    images = images_of(70.0, 0.5, (20.0, 35.0), (70.0, 0.0))
    without = {t: images[t] for t in (1, 3, 4)}
    for name, value in changes.items():
        images[2][name] = value
    poor, good = (cross_planes(i, SQUARE, (70.0, 0.0)) for i in (images, without))
    assert poor["telescopes"].tolist() == [[True, False, True, True]]
    for name in NAMES:
        np.testing.assert_allclose(poor[name], good[name], rtol=1e-9, atol=1e-9)


def test_a_shower_needs_as_many_telescopes_as_the_cuts_say():
    images = images_of(70.0, 0.5, (20.0, 35.0), (70.0, 0.0))
    two = {t: images[t] for t in (1, 3)}
    assert cross_planes(two, SQUARE, (70.0, 0.0))["is_valid"].all()
    cuts = ImageCuts(min_telescopes=3)
    (shower,) = cross_planes(two, SQUARE, (70.0, 0.0), cuts=cuts)
    assert not shower["is_valid"]
    assert not shower["telescopes"].any()
    assert np.isnan([shower[name] for name in NAMES]).all()


def test_planes_that_do_not_cross_give_no_shower():
    one = images_of(70.0, 0.0, (20.0, 35.0), (70.0, 0.0), stations={1: SQUARE[1]})
    (shower,) = cross_planes({1: one[1], 2: one[1].copy()}, SQUARE, (70.0, 0.0))
    assert not shower["is_valid"]
    assert np.isnan(shower["alt"])


def test_an_event_does_not_depend_on_the_others(monkeypatch):
    many = [images_of(70 + 0.1 * n, 0.1 * n, (n, 9), (70.0, 0.0), event_id=n) for n in range(9)]
    images = {t: np.concatenate([one[t] for one in many]) for t in SQUARE}
    images[2] = images[2][3:]
    whole = cross_planes(images, SQUARE, (70.0, 0.0))
    assert whole["is_valid"].all()
    monkeypatch.setattr("awlta_recipes.science.planes._PAIRS_AT_ONCE", 1)
    assert cross_planes(images, SQUARE, (70.0, 0.0)).tobytes() == whole.tobytes()
    turned = cross_planes(images, SQUARE, (np.full(9, 70.0), np.zeros(9)))
    assert turned.tobytes() == whole.tobytes()


def test_no_images_give_no_showers_and_what_is_missing_is_named():
    none = cross_planes({}, SQUARE, (70.0, 0.0))
    assert (len(none), none.dtype) == (0, geometry_type(0))
    images = images_of(70.0, 0.5, (20.0, 35.0), (70.0, 0.0))
    with pytest.raises(BadValue, match="no position for telescope 4"):
        cross_planes(images, {t: SQUARE[t] for t in (1, 2, 3)}, (70.0, 0.0))
