import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import (
    PixelStatus,
    extract,
    extract_raw,
    fold_calibration,
    is_usable,
    n_gains_stored,
)


def constants(pedestal, dc_to_pe):
    return np.array([[pedestal]], np.float32), np.array([[dc_to_pe]], np.float32)


def test_scale_and_shift_stand_in_pedestal_and_factor():
    found = fold_calibration(*constants(300.0, 0.25), scale=2.0, shift=1.5)
    assert found.dc_to_pe.tolist() == [[0.5]]
    assert found.pedestal.tolist() == [[297.0]]  # 1.5 p.e. are 3 counts
    assert found.is_lost.tolist() == [[False]]


def test_without_scale_and_shift_the_constants_stay_as_they_are():
    pedestal, dc_to_pe = constants(300.123, 0.0)
    found = fold_calibration(pedestal, dc_to_pe)
    assert found.pedestal.tobytes() == pedestal.tobytes()
    assert found.dc_to_pe.tobytes() == dc_to_pe.tobytes()
    assert not found.is_lost.any()


@pytest.mark.parametrize(
    ("pedestal", "dc_to_pe", "scale"),
    [(3, 0, 1), (3, 1, 0), (3, 1e-40, 1), (3, np.nan, 1), (np.inf, 1, 1), (3, 1e-7, 1)],
)
def test_a_shift_that_no_pedestal_can_stand_for_is_said(pedestal, dc_to_pe, scale):
    found = fold_calibration(*constants(pedestal, dc_to_pe), scale=scale, shift=1.0)
    assert found.is_lost.all()
    assert found.pedestal.tolist() == [[pedestal]]


@given(st.integers(0, 1 << 32), st.floats(0.5, 2), st.floats(-2, 2))
def test_charges_are_those_of_shifted_samples_to_one_in_a_million(seed, scale, shift):
    rng = np.random.default_rng(seed)
    pedestal = rng.normal(300, 20, (1, 20)).astype(np.float32)
    dc_to_pe = rng.normal(0.05, 0.005, (1, 20)).astype(np.float32)
    pulse = 2000 * np.exp(-0.5 * ((np.arange(30) - 15) / 2) ** 2)
    raw = (rng.poisson(pulse, (8, 1, 20, 30)) + 300).astype(np.uint16)
    samples = (raw[:, 0] - pedestal[0][:, None]) * (dc_to_pe[0][:, None] * np.float32(scale))
    wanted = extract(samples + np.float32(shift))
    folded = fold_calibration(pedestal, dc_to_pe, scale=scale, shift=shift)
    found = extract_raw(raw, folded.pedestal, folded.dc_to_pe)
    np.testing.assert_allclose(found.charge, wanted.charge, rtol=1e-6)
    np.testing.assert_allclose(found.peak_time, wanted.peak_time, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": np.inf},
        {"shift": np.nan},
        {"scale": "big"},
        {"dc_to_pe": np.ones((1, 1))},
        {"pedestal": np.ones(1, np.float32)},
        {"dc_to_pe": np.ones((2, 1), np.float32)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_constants_that_do_not_fit_are_refused(wrong):
    pedestal, dc_to_pe = constants(300, 0.05)
    with pytest.raises(BadValue, match=next(iter(wrong))):
        fold_calibration(**({"pedestal": pedestal, "dc_to_pe": dc_to_pe} | wrong))


def test_a_pixel_is_usable_if_a_gain_is_stored():
    high, low = PixelStatus.HIGH_GAIN_STORED, PixelStatus.LOW_GAIN_STORED
    states = (0, high, low, high | low, PixelStatus.DVR | PixelStatus.SATURATED, high | 0b11110011)
    status = np.array(states, np.uint8)
    assert is_usable(status).tolist() == [False, True, True, True, False, True]
    assert n_gains_stored(status[None]).tolist() == [[0, 1, 1, 2, 0, 1]]
    assert [int(bit) for bit in PixelStatus] == [1, 2, 4, 8, 16, 32, 64, 128]


def test_a_status_of_another_type_is_refused():
    with pytest.raises(BadValue, match="pixel_status"):
        is_usable(np.zeros(3, np.int64))
