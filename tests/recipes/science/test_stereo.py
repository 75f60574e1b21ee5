"""Direction and core from perfect images, and which images are left out."""

import numpy as np
import pytest

from awlta.errors import BadValue
from awlta_recipes.science import ImageCuts, reconstruct
from awlta_recipes.science.stereo import FIELDS

SQUARE = {1: (50.0, 50.0), 2: (50.0, -50.0), 3: (-50.0, -50.0), 4: (-50.0, 50.0)}


def image(event_id, lon, lat, psi, **changes):
    values = {
        "event_id": event_id,
        "intensity": 500.0,
        "fov_lon": lon,
        "fov_lat": lat,
        "psi": psi,
        "length": 0.3,
        "width": 0.1,
        "n_pixels": 20,
        "leakage": 0.0,
    }
    values.update(changes)
    return tuple(values[f] for f in FIELDS)


def table(*rows):
    return np.array(list(rows), [(f, np.int64 if f == "event_id" else np.float64) for f in FIELDS])


def images_of(direction, core, event_id=1, distance=8000.0):
    """Perfect images of a shower whose light comes from one place on its axis."""
    found = {}
    for tel_id, place in SQUARE.items():
        offset = np.degrees((np.array(core) - place) / distance)
        cog = np.array(direction) + offset
        psi = np.degrees(np.arctan(offset[1] / offset[0]))
        found[tel_id] = table(image(event_id, *cog, psi))
    return found


def test_perfect_images_give_direction_core_and_distance():
    (shower,) = reconstruct(images_of((0.4, -0.3), (20.0, 35.0)), SQUARE)
    assert shower["is_valid"]
    assert shower["n_telescopes"] == 4
    assert (shower["fov_lon"], shower["fov_lat"]) == pytest.approx((0.4, -0.3))
    assert (shower["core_lon"], shower["core_lat"]) == pytest.approx((20.0, 35.0))
    assert shower["distance_max"] == pytest.approx(8000.0)
    assert shower["direction_spread"] == pytest.approx(0.0, abs=1e-9)
    assert shower["intensity"] == 2000.0
    assert shower["mean_width"] == pytest.approx(0.1)


def test_two_telescopes_are_enough_and_one_is_not():
    images = images_of((0.1, 0.2), (10.0, 20.0))
    two = {t: images[t] for t in (1, 3)}
    two[3] = np.concatenate([two[3], table(image(9, 0.0, 0.0, 30.0))])
    shower, alone = reconstruct(two, SQUARE)
    assert shower["is_valid"]
    assert (shower["fov_lon"], shower["fov_lat"]) == pytest.approx((0.1, 0.2))
    assert (alone["event_id"], alone["n_telescopes"], alone["is_valid"]) == (9, 1, False)
    assert np.isnan(alone["fov_lon"])


def test_parallel_images_give_no_direction():
    images = {t: table(image(1, 0.1 * t, 0.2 * t, 45.0)) for t in SQUARE}
    (shower,) = reconstruct(images, SQUARE)
    assert not shower["is_valid"]
    assert np.isnan(shower["core_lon"])


@pytest.mark.parametrize(
    "changes",
    [
        {"intensity": 20.0},
        {"n_pixels": 2},
        {"leakage": 0.9},
        {"width": 0.0},
        {"psi": np.nan},
        {"intensity": np.nan},
    ],
)
def test_a_poor_image_is_left_out(changes):
    images = images_of((0.1, 0.2), (10.0, 20.0))
    images[2] = table(image(1, 3.0, 3.0, **{"psi": 80.0, **changes}))
    (shower,) = reconstruct(images, SQUARE)
    assert shower["n_telescopes"] == 3
    assert (shower["fov_lon"], shower["fov_lat"]) == pytest.approx((0.1, 0.2))


def test_a_round_image_hardly_counts():
    images = images_of((0.1, 0.2), (10.0, 20.0))
    images[2] = table(image(1, 0.5, 0.5, 80.0, width=0.299))
    (shower,) = reconstruct(images, SQUARE)
    assert (shower["fov_lon"], shower["fov_lat"]) == pytest.approx((0.1, 0.2), abs=1e-3)


def test_cuts_are_the_callers():
    images = images_of((0.1, 0.2), (10.0, 20.0))
    (shower,) = reconstruct(images, SQUARE, ImageCuts(min_intensity=501.0))
    assert shower["n_telescopes"] == 0


def test_no_images_give_no_showers():
    assert len(reconstruct({}, SQUARE)) == 0


def test_what_is_missing_for_stereo_is_named():
    images = images_of((0.1, 0.2), (10.0, 20.0))
    with pytest.raises(BadValue, match="no position for telescope 4"):
        reconstruct(images, {t: SQUARE[t] for t in (1, 2, 3)})
    with pytest.raises(BadValue, match="twice in telescope 1"):
        reconstruct({1: np.concatenate([images[1], images[1]])}, SQUARE)
    with pytest.raises(BadValue, match="without psi"):
        reconstruct({1: np.zeros(1, [(f, float) for f in FIELDS if f != "psi"])}, SQUARE)
