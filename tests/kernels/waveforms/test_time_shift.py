import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import integer_shift, reference, shift_waveforms


def times(*shift):
    return np.array(shift, np.float32)


def test_whole_samples_are_counted_from_the_mean_and_the_rest_is_left():
    samples, residual = integer_shift(times(10, 12.25, 13.75), 1.0)  # mean 12
    assert samples.tolist() == [-2, 0, 2]
    assert residual.tolist() == [12.0, 12.25, 11.75]


def test_samples_are_of_the_sampling_rate_and_the_rest_in_nanoseconds():
    samples, residual = integer_shift(times(-8, 8), 0.25)
    assert (samples.tolist(), residual.tolist()) == ([-2, 2], [0.0, 0.0])


def test_half_a_sample_goes_to_the_even_number():
    samples, residual = integer_shift(times(-0.5, 0.5, -1.5, 1.5), 1.0)
    assert samples.tolist() == [0, 0, -2, 2]
    assert residual.tolist() == [-0.5, 0.5, 0.5, -0.5]


def test_each_gain_has_a_mean_of_its_own():
    samples, _ = integer_shift(times([0, 2], [100, 104]), 1.0)
    assert samples.tolist() == [[-1, 1], [-2, 2]]


def test_a_waveform_moves_to_the_left_and_its_edges_are_repeated():
    waveforms = np.array([[[1, 2, 3, 4]] * 5], np.float32)
    shifted, residual = shift_waveforms(waveforms, times(-1, 1, 0, 9, -9), 1.0)
    assert shifted[0].tolist() == [
        [1, 1, 2, 3],
        [2, 3, 4, 4],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 1, 1],
    ]
    assert residual.tolist() == [0.0] * 5


def test_gains_of_raw_waveforms_move_by_themselves():
    waveforms = np.array([[[[1, 2, 3], [4, 5, 6]], [[10, 20, 30], [40, 50, 60]]]], np.uint16)
    shifted, _ = shift_waveforms(waveforms, times([1, -1], [0, 0]), 1.0)
    assert shifted.tolist() == [[[[2, 3, 3], [4, 4, 5]], [[10, 20, 30], [40, 50, 60]]]]


def test_shifts_may_be_those_of_the_gain_of_each_event():
    waveforms = np.array([[[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, 6]]], np.float32)
    time_shift, gain = times([1, -1], [0, 0]), np.array([[0, 0], [1, 1]])
    shifted, residual = shift_waveforms(waveforms, time_shift[gain, np.arange(2)], 1.0)
    assert shifted.tolist() == [[[2, 3, 3], [4, 4, 5]], [[1, 2, 3], [4, 5, 6]]]
    assert residual.shape == (2, 2)


@given(
    st.integers(0, 1 << 32),
    st.integers(0, 3),
    st.sampled_from([None, 1, 2]),
    st.integers(1, 40),
    st.integers(1, 20),
    st.sampled_from([0.1, 3.0, 100.0]),
    st.booleans(),
)
def test_kernel_and_twin_agree(seed, n_events, n_gains, n_pixels, n_samples, spread, by_event):
    rng = np.random.default_rng(seed)
    if n_gains is None:
        waveforms = rng.normal(0, 3, (n_events, n_pixels, n_samples)).astype(np.float32)
    else:
        shape = (n_events, n_gains, n_pixels, n_samples)
        waveforms = rng.integers(0, 65536, shape).astype(np.uint16)
    waveforms.setflags(write=False)
    shape = waveforms.shape[:-1] if by_event else waveforms.shape[1:-1]
    time_shift = rng.normal(0, spread, shape).astype(np.float32)
    found, wanted = (
        shift(waveforms, time_shift, 1.024)
        for shift in (shift_waveforms, reference.shift_waveforms)
    )
    assert found[0].dtype == waveforms.dtype
    assert found[0].tobytes() == wanted[0].tobytes()
    assert found[1].tobytes() == wanted[1].tobytes()
    if n_events and not by_event:
        alone, _ = shift_waveforms(waveforms[-1:], time_shift, 1.024)
        assert alone.tobytes() == found[0][-1].tobytes()


def test_calibrated_samples_that_are_no_numbers_move_like_others():
    waveforms = np.array([[[np.nan, 1, np.inf], [1, 2, 3]]], np.float32)
    shifted, _ = shift_waveforms(waveforms, times(-1, 1), 1.0)
    np.testing.assert_array_equal(shifted[0], [[np.nan, np.nan, 1], [2, 3, 3]])


@pytest.mark.parametrize(
    ("waveforms", "time_shift", "match"),
    [
        (np.zeros((1, 2, 3), np.float32), times(0), "time_shift"),
        (np.zeros((1, 2, 3), np.float32), times([0, 0], [0, 0]), "time_shift"),
        (np.zeros((1, 2, 2, 3), np.uint16), times(0, 0), "time_shift"),
        (np.zeros((1, 2, 3), np.float32), np.zeros(2), "time_shift"),
        (np.zeros((1, 2, 3), np.float32), times(0, np.nan), "time_shift"),
        (np.zeros((1, 2, 3), np.float32), times(0, np.inf), "time_shift"),
        (np.zeros((1, 2, 3), np.float32), times(0, 1e6), "32767"),
        (np.zeros((1, 2, 3)), times(0, 0), "waveforms"),
        (np.zeros((1, 2, 0), np.float32), times(0, 0), "waveforms"),
        (np.zeros((1, 3, 2, 4), np.uint16), times(0, 0), "waveforms"),
    ],
)
def test_what_does_not_fit_is_refused(waveforms, time_shift, match):
    with pytest.raises(BadValue, match=match) as refusal:
        shift_waveforms(waveforms, time_shift, 1.0)
    assert refusal.value.expected
    assert refusal.value.do


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(BadValue):
        integer_shift(times(0, 1), rate)
