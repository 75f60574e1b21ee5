import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from awlta.errors import BadValue
from awlta.kernels import LocalPeak, extract, extract_raw, fixed_gain, reference, select_gain


def one_waveform(*samples):
    return np.array([[samples]], np.float32)


def one_pixel(high, low):
    return np.array([[[high], [low]]], np.uint16)


UNITY = np.zeros((2, 1), np.float32), np.ones((2, 1), np.float32)


def same_bytes(pulses, others):
    return all(
        getattr(pulses, name).tobytes() == getattr(others, name).tobytes()
        for name in ("charge", "peak_time", "selected_gain")
    )


def test_low_gain_is_taken_strictly_above_the_threshold():
    at, above = one_pixel([0, 4000], [0, 9]), one_pixel([4001, 0], [0, 9])
    assert select_gain(np.concatenate([at, above])).tolist() == [[0], [1]]


def test_a_fractional_threshold_is_not_rounded():
    assert select_gain(one_pixel([10], [0]), threshold=9.5).tolist() == [[1]]
    assert select_gain(one_pixel([9], [0]), threshold=9.5).tolist() == [[0]]


@pytest.mark.parametrize(("threshold", "gain"), [(-7.0, 1), (np.inf, 0), (1e12, 0)])
def test_a_threshold_outside_the_range_of_counts_means_always_or_never(threshold, gain):
    assert select_gain(one_pixel([65535, 0], [0, 0]), threshold).tolist() == [[gain]]


def test_one_channel_leaves_no_choice():
    assert select_gain(np.full((1, 1, 1, 5), 65535, np.uint16)).tolist() == [[0]]


def test_the_gain_can_be_fixed_by_hand():
    assert fixed_gain(one_pixel([1], [1]), 1).tolist() == [[1]]
    with pytest.raises(BadValue, match="gain is 1"):
        fixed_gain(np.zeros((1, 1, 1, 1), np.uint16), 1)


def test_the_window_lies_around_the_first_maximum():
    pulses = extract(one_waveform(0, 0, 1, 5, 1, 0, 5, 0), LocalPeak(3, 1))
    assert pulses.charge.tolist() == [[7.0]]
    assert pulses.peak_time.tolist() == [[3.0]]


def test_the_window_is_cut_at_both_ends():
    pulses = extract(np.array([[[8, 1, 1, 1], [1, 1, 1, 8]]], np.float32), LocalPeak(5, 2))
    assert pulses.charge.tolist() == [[10.0, 10.0]]


def test_negative_samples_count_for_charge_and_not_for_time():
    pulses = extract(one_waveform(-1, 3, 1, 0), LocalPeak(4, 1))
    assert pulses.charge.tolist() == [[3.0]]
    assert pulses.peak_time.tolist() == [[1.25]]


def test_time_is_in_nanoseconds():
    assert extract(one_waveform(0, 0, 4, 0), sampling_rate=0.25).peak_time.tolist() == [[8.0]]


def test_without_positive_samples_the_time_is_the_peak():
    assert extract(one_waveform(-2, -1, -3)).peak_time.tolist() == [[1.0]]


def test_an_empty_window_gives_nothing_at_the_peak():
    pulses = extract(one_waveform(0, 9, 0), LocalPeak(2, -5))
    assert (pulses.charge.item(), pulses.peak_time.item()) == (0.0, 1.0)


def test_a_single_sample_is_the_charge_at_time_zero():
    pulses = extract(one_waveform(6.5), LocalPeak(7, -3))
    assert (pulses.charge.item(), pulses.peak_time.item()) == (6.5, 0.0)


def test_raw_counts_are_calibrated_with_the_constants_of_their_gain():
    pedestal = np.array([[100.0], [50.0]], np.float32)
    dc_to_pe = np.array([[0.5], [10.0]], np.float32)
    waveforms = np.concatenate(
        [one_pixel([100, 120, 100], [50, 51, 50]), one_pixel([100, 4095, 100], [50, 75, 50])]
    )
    pulses = extract_raw(waveforms, pedestal, dc_to_pe)
    assert pulses.selected_gain.tolist() == [[0], [1]]
    assert pulses.charge.tolist() == [[10.0], [250.0]]


def test_a_gain_already_chosen_is_obeyed():
    waveforms = one_pixel([0, 5000], [0, 7])
    chosen = np.zeros((1, 1), np.int8)
    pulses = extract_raw(waveforms, *UNITY, selected_gain=chosen)
    assert pulses.charge.tolist() == [[5000.0]]
    assert pulses.selected_gain is not chosen


def test_unusable_pixels_are_left_at_zero():
    waveforms = np.full((2, 2, 4), 3.0, np.float32)
    waveforms[1, 1] = np.nan
    per_pixel = extract(waveforms, unusable=np.array([True, False]))
    assert per_pixel.charge[:, 0].tolist() == [0.0, 0.0]
    per_event = extract(waveforms, unusable=np.array([[False, False], [False, True]]))
    assert per_event.charge.tolist() == [[12.0, 12.0], [12.0, 0.0]]
    assert per_event.peak_time[1, 1] == 0.0


@pytest.mark.parametrize("factor", [-1.0, 0.0, np.nan, np.inf, 1e-45])
@pytest.mark.parametrize("pedestal", [2.5, -1e30, np.nan, 3e6])
def test_a_strange_calibration_still_follows_the_definition(pedestal, factor):
    waveforms = np.array([[[[5, 1, 7, 7, 2, 9, 0]]]], np.uint16)
    constants = np.full((1, 1), pedestal, np.float32), np.full((1, 1), factor, np.float32)
    with np.errstate(all="ignore"):
        twin = reference.extract_raw(waveforms, *constants, LocalPeak(3, 1))
        assert same_bytes(extract_raw(waveforms, *constants, LocalPeak(3, 1)), twin)


def test_a_nan_sample_stays_in_its_pixel():
    waveforms = np.ones((1, 2, 5), np.float32)
    waveforms[0, 0, 2] = np.nan
    pulses = extract(waveforms)
    assert np.isnan(pulses.charge).tolist() == [[True, False]]
    assert pulses.peak_time.tolist() == [[2.0, 1.5]]  # the NaN itself; samples 0 to 3


def test_kernel_and_twin_agree_on_pulses(raw):
    waveforms, pedestal, dc_to_pe = raw
    pulses = extract_raw(waveforms, pedestal, dc_to_pe, threshold=3000.5, sampling_rate=1.024)
    twin = reference.extract_raw(
        waveforms, pedestal, dc_to_pe, threshold=3000.5, sampling_rate=1.024
    )
    assert pulses.selected_gain.tolist() == twin.selected_gain.tolist()
    assert 0 < pulses.selected_gain.mean() < 1
    np.testing.assert_allclose(pulses.charge, twin.charge, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(pulses.peak_time, twin.peak_time, rtol=0, atol=1e-3)


def test_raw_and_calibrated_waveforms_give_the_same_pulses(raw):
    waveforms, pedestal, dc_to_pe = raw
    calibrated = (waveforms[:, 0].astype(np.float32) - pedestal[0, :, None]) * dc_to_pe[0, :, None]
    pulses = extract_raw(waveforms, pedestal, dc_to_pe, threshold=np.inf)
    assert same_bytes(pulses, extract(calibrated))


counts = hnp.arrays(
    np.uint16,
    st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 3), st.integers(1, 12)),
    elements=st.sampled_from([0, 1, 2, 3, 7, 4000, 4001, 65535]),
)


@given(counts, st.integers(1, 9), st.integers(-4, 9))
def test_kernel_and_twin_agree_on_any_raw_waveform(waveforms, width, shift):
    constants = np.ones((2, *waveforms.shape[1:3]), np.float32)
    constants[0] = 2.25
    pulses = extract_raw(waveforms, *constants, LocalPeak(width, shift))
    twin = reference.extract_raw(waveforms, *constants, LocalPeak(width, shift))
    assert same_bytes(pulses, twin)
    assert (select_gain(waveforms) == reference.select_gain(waveforms)).all()


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(1, 10)),
        elements=st.sampled_from([-3.5, -1.0, 0.0, 0.25, 1.0, 2.0, 640.0, np.nan, np.inf]),
    ),
    st.integers(1, 9),
    st.integers(-4, 9),
)
def test_kernel_and_twin_agree_on_any_calibrated_waveform(waveforms, width, shift):
    pulses = extract(waveforms, LocalPeak(width, shift))
    twin = reference.extract(waveforms, LocalPeak(width, shift))
    np.testing.assert_array_equal(pulses.charge, twin.charge)
    np.testing.assert_array_equal(pulses.peak_time, twin.peak_time)


@pytest.mark.parametrize("peak", [0, 7, 8, 20000, 32766])
def test_the_peak_of_the_longest_waveform_is_found(peak):
    waveforms = np.zeros((1, 2, 1, 32767), np.uint16)
    waveforms[..., peak:] = 3
    assert extract_raw(waveforms, *UNITY, LocalPeak(1, 0)).peak_time.tolist() == [[peak]]


def test_an_event_does_not_depend_on_its_batch(raw):
    waveforms, pedestal, dc_to_pe = raw
    whole = extract_raw(waveforms, pedestal, dc_to_pe)
    for event in range(len(waveforms)):
        alone = extract_raw(waveforms[event : event + 1], pedestal, dc_to_pe)
        assert alone.charge.tobytes() == whole.charge[event].tobytes()
        assert alone.peak_time.tobytes() == whole.peak_time[event].tobytes()


def test_a_batch_of_no_events_is_no_error():
    pulses = extract_raw(np.zeros((0, 2, 1, 4), np.uint16), *UNITY)
    assert pulses.charge.shape == (0, 1)
    assert select_gain(np.zeros((0, 2, 1, 4), np.uint16)).shape == (0, 1)


def test_mapped_and_strided_waveforms_are_read_where_they_are(raw, tmp_path):
    waveforms, pedestal, dc_to_pe = raw
    np.save(tmp_path / "r0.npy", waveforms)
    mapped = np.load(tmp_path / "r0.npy", mmap_mode="r")
    expected = extract_raw(waveforms, pedestal, dc_to_pe)
    assert not mapped.flags.writeable
    assert same_bytes(extract_raw(mapped, pedestal, dc_to_pe), expected)
    every_other = extract_raw(waveforms[::2], pedestal, dc_to_pe)
    assert every_other.charge.tobytes() == expected.charge[::2].tobytes()


@pytest.mark.parametrize(
    "waveforms",
    [
        np.zeros((2, 1, 4), np.uint16),
        np.zeros((1, 3, 1, 4), np.uint16),
        np.zeros((1, 2, 1, 0), np.uint16),
        np.zeros((1, 2, 0, 4), np.uint16),
        np.zeros((1, 0, 1, 4), np.uint16),
        np.zeros((1, 2, 1, 32768), np.uint16),
        np.zeros((1, 2, 1, 4), np.int16),
        np.zeros((1, 2, 1, 4), ">u2"),
        np.zeros((1, 2, 1, 4), object),
        np.ma.zeros((1, 2, 1, 4), np.uint16),
        [[[[1, 2]]]],
        None,
    ],
    ids=lambda value: f"{type(value).__name__} {getattr(value, 'dtype', '')}{np.shape(value)}",
)
def test_waveforms_of_another_form_are_refused(waveforms):
    for call in (select_gain, lambda w: extract_raw(w, *UNITY), lambda w: fixed_gain(w, 0)):
        with pytest.raises(BadValue, match="waveforms") as refusal:
            call(waveforms)
        assert refusal.value.expected
        assert refusal.value.do


@pytest.mark.parametrize(
    "wrong",
    [
        {"pedestal": np.zeros((1, 1), np.float32)},
        {"pedestal": np.zeros((2, 2), np.float32)},
        {"dc_to_pe": np.ones((2, 1))},
        {"selected_gain": np.full((1, 1), 2, np.int8)},
        {"selected_gain": np.full((1, 1), -1, np.int8)},
        {"selected_gain": np.zeros((1, 2), np.int8)},
        {"unusable": np.zeros(2, np.bool_)},
        {"unusable": np.zeros((2, 1), np.bool_)},
        {"unusable": np.zeros(1, np.uint8)},
        {"threshold": np.nan},
        {"threshold": "high"},
        {"extractor": "LocalPeak"},
        {"extractor": LocalPeak},
        {"correction": np.ones(1, np.float32)},
        {"correction": np.ones(2)},
        {"sampling_rate": 0.0},
        {"sampling_rate": np.inf},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_arguments_that_do_not_fit_the_waveforms_are_refused(wrong):
    right = {"pedestal": UNITY[0], "dc_to_pe": UNITY[1]}
    with pytest.raises(BadValue, match=next(iter(wrong))):
        extract_raw(one_pixel([1, 2], [1, 2]), **(right | wrong))


@pytest.mark.parametrize("wrong", [{"width": 0}, {"width": 2.5}, {"shift": 2**40}])
def test_a_window_that_is_none_is_refused(wrong):
    with pytest.raises(BadValue, match=next(iter(wrong))):
        LocalPeak(**wrong)
