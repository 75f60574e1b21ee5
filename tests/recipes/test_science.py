"""Calibration, stereo, significance and maps, on numbers checked by eye."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from awlta.errors import BadInput, BadValue
from awlta_recipes.science import (
    Events,
    ImageCuts,
    MapGeometry,
    PixelFlag,
    Region,
    draw,
    excess,
    flatfield,
    from_offsets,
    ground_positions,
    li_ma,
    peak_position,
    pedestal,
    pixel_flags,
    reconstruct,
    reflected,
    ring_map,
    separation,
    tilted_positions,
    to_offsets,
)
from awlta_recipes.science.stereo import FIELDS


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


def test_li_ma_agrees_with_the_likelihood_ratio_written_out():
    # 20 on, 40 off at alpha 1/4: 2 (20 ln(5 x 20 / 60) + 40 ln(1.25 x 40 / 60)) = 5.847
    assert li_ma(20, 40, 0.25) == pytest.approx(np.sqrt(5.847), abs=1e-3)


def test_without_excess_there_is_no_significance():
    assert li_ma(10, 20, 0.5) == pytest.approx(0.0, abs=1e-6)
    assert li_ma(0, 0, 0.5) == 0.0


def test_a_deficit_is_negative_and_zeros_are_no_fault():
    assert li_ma(0, 100, 0.1) == pytest.approx(-np.sqrt(200 * np.log(1.1)))
    assert li_ma(5, 0, 1.0) == pytest.approx(np.sqrt(10 * np.log(2.0)))
    assert excess(12, 40, 0.1) == 8.0


def test_significance_keeps_the_shape():
    assert li_ma(np.ones((2, 3)), np.ones(3), 0.5).shape == (2, 3)


@pytest.mark.parametrize("counts", [(-1, 5, 0.1), (1, 5, 0.0), (1, 5, np.nan), (np.nan, 5, 0.1)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(BadValue):
        li_ma(*counts)


def noise(n_events, sigma=5.0, seed=1):
    rng = np.random.default_rng(seed)
    samples = rng.normal(400.0, sigma, (n_events, 2, 50, 35))
    samples[:, :, 49] = 400.0 + rng.normal(0.0, 0.5, (n_events, 2, 35))
    return np.rint(samples).astype(np.uint16)


def test_a_pedestal_has_level_noise_and_dead_pixels():
    result = pedestal.measure([noise(150), noise(150, seed=2)])
    assert result.mean[:, :49] == pytest.approx(np.full((2, 49), 400.0), abs=0.4)
    assert result.std[:, :49] == pytest.approx(np.full((2, 49), 5.0), rel=0.05)
    # white noise: the window of 7 samples has sqrt(7) times the noise
    assert np.median(result.charge_std) == pytest.approx(5.0 * np.sqrt(7), rel=0.05)
    assert result.is_bad.nonzero()[0].tolist() == [49]
    assert result.status[:, 49].tolist() == [PixelFlag.NOISE] * 2


def test_a_pedestal_does_not_depend_on_the_blocks():
    events = noise(60)
    whole, parts = pedestal.measure([events]), pedestal.measure([events[:7], events[7:]])
    assert np.array_equal(whole.mean, parts.mean)
    assert np.array_equal(whole.charge_std, parts.charge_std)


def test_a_shower_in_a_pedestal_event_is_clipped():
    events = noise(100)
    events[3, :, 10] += 300
    result = pedestal.measure([events])
    assert result.n_events[0, 10] < 100
    assert result.mean[0, 10] == pytest.approx(400.0, abs=0.5)


def test_no_pedestal_events_are_no_pedestal():
    with pytest.raises(BadInput, match="fewer than 2"):
        pedestal.measure([])
    with pytest.raises(BadInput, match="35 samples"):
        pedestal.measure([noise(3)], window=36)


def flashes(n_events, gain, delay, n_pe=80, spe=0.4):
    rng = np.random.default_rng(5)
    n_pixels = len(gain)
    count = rng.poisson(n_pe, (n_events, n_pixels))
    charge = count + spe * np.sqrt(count) * rng.normal(size=count.shape)
    t = np.arange(35) - 15.0 - delay[:, None] - rng.uniform(-1, 1, (n_events, 1, 1))
    pulse = np.exp(-0.5 * (t / 1.2) ** 2) / (1.2 * np.sqrt(2 * np.pi))
    light = charge[..., None] * pulse
    samples = np.stack([light * gain[:, None], light * gain[:, None] / 10], axis=1)
    samples += rng.normal(400.0, 1.0, samples.shape)
    return np.rint(samples).astype(np.uint16)


def test_the_f_factor_finds_the_gain():
    gain = np.linspace(18.0, 22.0, 50)
    gain[7] = 0.0
    delay = np.linspace(-1.0, 1.0, 50)
    level = pedestal.measure([noise(300, sigma=1.0)], least_noise=0.0)
    events = flashes(800, gain, delay)
    result = flatfield.measure([events[:300], events[300:]], level, excess_noise=1.16)
    good = ~result.is_bad
    assert result.is_bad.nonzero()[0].tolist() == [7]
    assert np.nanmedian(result.n_pe) == pytest.approx(80, rel=0.03)
    assert result.dc_to_pe[0, good] * gain[good] == pytest.approx(np.ones(49), rel=0.05)
    assert result.dc_to_pe[1, good] * gain[good] == pytest.approx(np.full(49, 10.0), rel=0.06)
    assert result.dc_to_pe[:, 7].tolist() == [0.0, 0.0]
    expected = (delay - np.median(delay[good]))[good]
    assert result.time_shift[0, good] == pytest.approx(expected, abs=0.1)
    assert result.gain_ratio[good] == pytest.approx(np.full(49, 10.0), rel=0.06)
    assert result.n_events == 800


def test_the_reasons_are_told_by_gain_and_counted():
    gain = np.full(50, 20.0)
    gain[7], gain[8] = 0.0, 60.0
    level = pedestal.measure([noise(300, sigma=1.0)], least_noise=0.0)
    level.status[1, 3] |= PixelFlag.NOISE
    events = flashes(200, gain, np.zeros(50))
    events[::2, 0, 5] = np.roll(events[::2, 0, 5], 12, axis=-1)  # every other flash is late
    result = flatfield.measure([events], level, excess_noise=1.16)
    assert result.status[:, 3].tolist() == [0, PixelFlag.NOISE]
    assert result.status[:, 7].tolist() == [PixelFlag.DEAD] * 2
    assert result.status[:, 8].tolist() == [PixelFlag.GAIN] * 2
    assert result.status[:, 5].tolist() == [PixelFlag.TIME, 0]
    assert result.time_spread[0, 5] == pytest.approx(6.0, rel=0.05)
    assert result.is_bad.nonzero()[0].tolist() == [3, 5, 7, 8]
    assert not result.dc_to_pe[:, result.is_bad].any()
    assert {flag.name: n for flag, n in pixel_flags.count(result.status).items()} == {
        "NOISE": 1,
        "FEW_EVENTS": 0,
        "DEAD": 1,
        "GAIN": 1,
        "TIME": 1,
        "SATURATED": 0,
    }


def test_a_saturated_gain_has_the_conversion_of_the_other():
    gain = np.full(50, 20.0)
    gain[:5] = 35.0
    level = pedestal.measure([noise(300, sigma=1.0)], least_noise=0.0)
    events = flashes(800, gain, np.zeros(50))
    whole = flatfield.measure([events], level, excess_noise=1.16)
    cut = np.minimum(events, 1200)  # flashes of 20 counts a p.e. reach 930, of 35 reach 1330
    result = flatfield.measure([cut], level, excess_noise=1.16, saturation=1200)
    is_saturated = result.status == PixelFlag.SATURATED
    assert is_saturated.nonzero()[0].tolist() == [0] * 5
    assert not result.is_bad.any()
    assert result.light == pytest.approx(whole.light, rel=0.02)
    assert result.dc_to_pe == pytest.approx(whole.dc_to_pe, rel=0.03)
    assert np.isnan(result.n_pe[0, :5]).all()


def test_where_no_pixel_tells_the_ratio_of_gains_the_nominal_one_is_taken():
    level = pedestal.measure([noise(300, sigma=1.0)], least_noise=0.0)
    events = flashes(800, np.full(50, 20.0), np.zeros(50))
    cut = np.minimum(events, 600)
    result = flatfield.measure([cut], level, excess_noise=1.16, saturation=600, gain_ratio=8.0)
    assert result.light == pytest.approx(80, rel=0.05)  # told by the low gain
    assert (result.gain_ratio == 8.0).all()
    assert result.dc_to_pe[0] * 8.0 == pytest.approx(result.dc_to_pe[1], rel=1e-6)


def test_one_gain_that_is_saturated_is_none():
    level = pedestal.measure([noise(100, sigma=1.0)[:, :1]], least_noise=0.0)
    gain = np.full(50, 20.0)
    gain[0] = 35.0
    events = np.minimum(flashes(200, gain, np.zeros(50))[:, :1], 1200)
    result = flatfield.measure([events], level, saturation=1200)
    assert result.is_bad.nonzero()[0].tolist() == [0]
    assert result.dc_to_pe[0, 0] == 0.0
    assert (result.gain_ratio == 1.0).all()


def test_a_low_gain_that_comes_late_is_told_after_the_high_one():
    level = pedestal.measure([noise(300, sigma=1.0)], least_noise=0.0)
    events = flashes(200, np.full(50, 20.0), np.zeros(50))
    events[:, 1] = np.roll(events[:, 1], 3, axis=-1)
    result = flatfield.measure([events], level, sampling_rate=0.5)
    assert result.time_shift[0] == pytest.approx(np.zeros(50), abs=0.1)
    assert result.time_shift[1] == pytest.approx(np.full(50, 6.0), abs=0.2)


def test_a_pedestal_run_is_no_flat_field():
    level = pedestal.measure([noise(100)])
    dark = np.full((20, 2, 50, 35), 400, np.uint16)
    with pytest.raises(BadInput, match="no pixel whose charges vary"):
        flatfield.measure([dark], level)


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
