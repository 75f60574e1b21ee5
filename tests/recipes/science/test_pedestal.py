"""Level and noise of pixels without light."""

import numpy as np
import pytest
from flashes import noise

from awlta.errors import BadInput
from awlta_recipes.science import PixelFlag, pedestal


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
        pedestal.measure([noise(3)], window=35)
