"""What windows leave out of a pulse, by numbers to see."""

import numpy as np
import pytest

from awlta.errors import BadValue
from awlta.kernels import (
    Deconvolution,
    FlashCam,
    FullWaveform,
    LocalPeak,
    SlidingWindowMax,
    TwoPass,
    Variance,
    extract,
    pulse_correction,
)

TRIANGLE = np.array([[0, 1, 2, 3, 4, 3, 2, 1, 0, 0]], np.float64)


def test_charges_are_corrected_for_light_outside_of_the_window():
    found = pulse_correction(np.concatenate([TRIANGLE, TRIANGLE]), 1.0, 1.0, LocalPeak(3, 1))
    assert found.tolist() == pytest.approx([1.6, 1.6])
    assert found.dtype == np.float32
    waveforms = np.array([[[0, 8, 0], [0, 4, 0]]], np.float32)
    charge = extract(waveforms, LocalPeak(1, 0), correction=found[:1]).charge
    assert charge[0].tolist() == pytest.approx([12.8, 6.4])


def test_the_window_of_a_pulse_is_cut_where_it_begins():
    assert pulse_correction(TRIANGLE, 1.0, 1.0, LocalPeak(4, 9)).tolist() == pytest.approx([16 / 6])
    assert pulse_correction(TRIANGLE, 1.0, 1.0, LocalPeak(4, -9)).tolist() == [1.0]


def test_a_sliding_window_is_put_on_the_finer_pulse():
    assert pulse_correction(TRIANGLE, 0.5, 1.0, SlidingWindowMax(2)).tolist() == pytest.approx(
        [16 / 12]
    )


def test_two_passes_have_three_windows():
    found = pulse_correction(TRIANGLE, 1.0, 1.0, TwoPass())
    assert found.tolist() == [[pytest.approx(16 / n)] for n in (14, 10, 13)]


def test_methods_without_a_window_need_no_correction():
    for extractor in (FullWaveform(), Variance()):
        assert pulse_correction(TRIANGLE, 1.0, 1.0, extractor).tolist() == [1.0]


def test_the_tail_of_a_pulse_tells_how_to_shorten_it():
    decay = np.zeros((1, 40))
    decay[0, 10:] = 0.5 ** np.arange(30)
    extractor = FlashCam(1, 5, 2, time_profile_std=0.0, leading_edge=False)
    found = pulse_correction(decay, 1.0, 1.0, extractor)
    assert (found.pole_zero, found.time_shift, found.edge_shift) == (0.5, 0.0, 0.0)
    assert found.gain_loss == pytest.approx(0.5)


@pytest.mark.parametrize("extractor", [LocalPeak(), SlidingWindowMax(), TwoPass(), FlashCam()])
@pytest.mark.parametrize("pulse", [TRIANGLE * 0, -TRIANGLE, TRIANGLE * np.nan, TRIANGLE + np.inf])
def test_a_pulse_without_light_is_refused(extractor, pulse):
    with pytest.raises(BadValue, match="pulse runs from"):
        pulse_correction(pulse, 1.0, 1.0, extractor)


@pytest.mark.parametrize("row", [[1.0], [0, 1, 2, 3, 4, 5, 0], [1, 1, 1, 1, 0, 1], [3, 2, 0, 0]])
def test_a_pulse_whose_tail_is_not_there_is_refused(row):
    with pytest.raises(BadValue, match="falls most steeply at"):
        pulse_correction(np.array([row], np.float64), 1.0, 1.0, FlashCam(1, 1, 0))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pulse": TRIANGLE.astype(np.float32)}, "pulse is float32"),
        ({"pulse": TRIANGLE[0]}, "pulse has shape"),
        ({"pulse_step": np.inf}, "pulse_step is inf"),
        ({"sampling_rate": np.inf}, "sampling_rate is inf"),
        ({"sampling_rate": 0.0}, "sampling_rate is 0.0"),
        ({"extractor": "LocalPeak"}, "extractor is 'LocalPeak'"),
        ({"extractor": LocalPeak}, "extractor is <class"),
    ],
)
def test_what_makes_no_correction_is_refused(wrong, words):
    right = {"pulse": TRIANGLE, "pulse_step": 1.0, "sampling_rate": 1.0, "extractor": LocalPeak()}
    with pytest.raises(BadValue, match=words):
        pulse_correction(**(right | wrong))


def test_a_deconvolution_of_infinite_numbers_is_refused():
    with pytest.raises(BadValue, match="pole_zero is inf"):
        Deconvolution(np.inf, 1, 0, 0)


def test_a_window_without_light_is_not_corrected():
    dip = np.array([[4.0, 1.0, -1.0, 2.0, 0.0]])
    assert pulse_correction(dip, 1.0, 1.0, LocalPeak(2, -1)).tolist() == [1.0]


def test_a_pulse_too_coarse_or_not_contained_is_refused():
    with pytest.raises(BadValue, match="steps no longer than a sample"):
        pulse_correction(TRIANGLE, 2.0, 1.0, FlashCam())
    with pytest.raises(BadValue, match="well inside"):
        pulse_correction(TRIANGLE, 1.0, 1.0, FlashCam(1, 50, 2))
