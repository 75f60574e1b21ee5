"""Gains, times and reasons of bad pixels, from flashes of known light."""

import numpy as np
import pytest
from flashes import flashes, noise

from awlta.errors import BadInput
from awlta_recipes.science import PixelFlag, flatfield, pedestal, pixel_flags


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
    counted = {flag.name: n for flag, n in pixel_flags.count(result.status).items() if n}
    assert counted == {"NOISE": 1, "DEAD": 1, "GAIN": 1, "TIME": 1}


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
