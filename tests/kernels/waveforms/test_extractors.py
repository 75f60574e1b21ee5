"""Every extractor against its twin, with every set of instructions, and by numbers to see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import (
    BaselineSubtractedNeighborPeak,
    CameraGeometry,
    Deconvolution,
    FixedWindow,
    FlashCam,
    FullWaveform,
    GlobalPeak,
    LocalPeak,
    NeighborPeak,
    Neighbors,
    SlidingWindowMax,
    TwoPass,
    Variance,
    extract,
    extract_raw,
    instruction_set,
    instruction_sets,
    reference,
    use_instruction_set,
)


@pytest.fixture(autouse=True)
def chosen_again():
    """Leave the set in use as it was."""
    before = instruction_set()
    yield
    use_instruction_set(before)


def same_bytes(pulses, others):
    return all(
        getattr(pulses, name).tobytes() == getattr(others, name).tobytes()
        for name in ("charge", "peak_time", "selected_gain", "is_valid")
    )


def any_camera(rng, n_pixels):
    """Return pixels anywhere that may have any others as neighbours, in any order."""
    pairs = np.triu(rng.random((n_pixels, n_pixels)) < rng.uniform(0, 6) / n_pixels, 1)
    touch = pairs | pairs.T
    lists = [rng.permutation(np.flatnonzero(row)) for row in touch]
    indptr = np.cumsum([0, *map(len, lists)]).astype(np.int32)
    neighbors = Neighbors(indptr, np.concatenate(lists).astype(np.int32))
    x, y, ones = rng.normal(size=n_pixels), rng.normal(size=n_pixels), np.ones(n_pixels)
    return CameraGeometry(x, y, ones, ones, neighbors)


numbers = st.tuples(st.integers(1, 30), st.integers(-20, 75))
extractors = st.one_of(
    st.builds(lambda window, at: FixedWindow(*window, at), numbers, st.integers(-5, 80)),
    st.just(FullWaveform()),
    st.builds(lambda window, part: GlobalPeak(*window, part), numbers, st.floats(0.01, 1.0)),
    st.builds(lambda window: GlobalPeak(*window), numbers),
    st.builds(lambda window: LocalPeak(*window), numbers),
    st.builds(lambda window, weight: NeighborPeak(*window, weight), numbers, st.integers(0, 3)),
    st.builds(
        lambda window, weight, start: BaselineSubtractedNeighborPeak(*window, weight, 0, start),
        numbers,
        st.integers(0, 1),
        st.integers(1, 70),
    ),
    st.builds(SlidingWindowMax, st.integers(1, 80)),
    st.just(Variance()),
)
SAMPLES = np.array([-3.5, -1.0, 0.0, 0.25, 1.0, 1e8, np.nan, np.inf, -np.inf], np.float32)


@given(
    st.integers(0, 1 << 32),
    extractors,
    st.integers(1, 2),
    st.integers(1, 60),
    st.integers(1, 70),
    st.sampled_from([(300, 340), (0, 3), (0, 65536)]),
    st.booleans(),
)
def test_raw_waveforms_give_the_bytes_of_the_definition(
    seed, extractor, n_gains, n_pixels, n_samples, counts, is_odd
):
    rng = np.random.default_rng(seed)
    raw = rng.integers(*counts, (2, n_gains, n_pixels, n_samples)).astype(np.uint16)
    pedestal = rng.normal(300, 20, (n_gains, n_pixels)).astype(np.float32)
    factor = rng.normal(0.05, 0.01, (n_gains, n_pixels)).astype(np.float32)
    if is_odd:
        factor[:, rng.integers(n_pixels)] = rng.choice([0.0, -1.0, 1e30, np.inf, np.nan])
    how = {
        "threshold": 20_000.0,
        "sampling_rate": 0.7,
        "unusable": rng.random((2, n_pixels)) < 0.1,
        "geometry": any_camera(rng, n_pixels),
        "correction": rng.normal(1, 0.1, n_gains).astype(np.float32) if seed % 2 else None,
    }
    with np.errstate(all="ignore"):
        wanted = reference.extract_raw(raw, pedestal, factor, extractor, **how)
    for name in instruction_sets():
        use_instruction_set(name)
        assert same_bytes(extract_raw(raw, pedestal, factor, extractor, **how), wanted)


@given(st.integers(0, 1 << 32), extractors, st.integers(1, 60), st.integers(1, 70), st.booleans())
def test_calibrated_waveforms_give_the_numbers_of_the_definition(
    seed, extractor, n_pixels, n_samples, is_odd
):
    rng = np.random.default_rng(seed)
    if is_odd:
        traces = rng.choice(SAMPLES, (2, n_pixels, n_samples))
    else:
        traces = rng.normal(0, 3, (2, n_pixels, n_samples)).astype(np.float32)
    how = {
        "unusable": rng.random(n_pixels) < 0.1,
        "geometry": any_camera(rng, n_pixels),
        "selected_gain": rng.integers(0, 2, (2, n_pixels)).astype(np.int8),
        "correction": np.array([1.25, 0.75], np.float32),
    }
    wanted = reference.extract(traces, extractor, **how)
    for name in instruction_sets():
        use_instruction_set(name)
        found = extract(traces, extractor, **how)
        np.testing.assert_array_equal(found.charge, wanted.charge)
        np.testing.assert_array_equal(found.peak_time, wanted.peak_time)
        assert found.is_valid.all()


def a_shower(rng, geometry, n_events, n_samples):
    """Return waveforms with a bright group of pixels whose times follow a line, over noise."""
    near = np.hypot(geometry.x, geometry.y) < rng.uniform(0.2, 1.5)
    at = n_samples * (0.5 + rng.uniform(-0.4, 0.4) * geometry.x)
    pulse = np.exp(-0.5 * ((np.arange(n_samples) - at[:, None]) / 2) ** 2)
    light = near * rng.exponential(20, (n_events, geometry.n_pixels))
    noise = rng.normal(0, 1, (n_events, geometry.n_pixels, n_samples))
    return (noise + light[..., None] * pulse).astype(np.float32)


@given(
    st.integers(0, 1 << 32),
    st.builds(TwoPass, st.floats(1.0, 20.0), st.sampled_from([True, True, False]), st.booleans()),
    st.integers(1, 60),
    st.integers(5, 70),
    st.booleans(),
)
def test_two_passes_give_the_numbers_of_the_definition(
    seed, extractor, n_pixels, n_samples, is_corrected
):
    rng = np.random.default_rng(seed)
    geometry = any_camera(rng, n_pixels)
    traces = a_shower(rng, geometry, 3, n_samples)
    how = {
        "sampling_rate": 0.9,
        "unusable": rng.random((3, n_pixels)) < 0.1,
        "geometry": geometry,
        "selected_gain": rng.integers(0, 2, (3, n_pixels)).astype(np.int8),
        "correction": rng.normal(1, 0.1, (3, 2)).astype(np.float32) if is_corrected else None,
    }
    wanted = reference.extract(traces, extractor, **how)
    for name in instruction_sets():
        use_instruction_set(name)
        assert same_bytes(extract(traces, extractor, **how), wanted)


long_pulse = st.builds(
    FlashCam,
    upsampling=st.integers(1, 9),
    width=st.integers(1, 30),
    shift=st.integers(-20, 75),
    local_weight=st.integers(0, 2),
    clipping=st.sampled_from([0.0, 5.0, 1e-3, np.inf]),
    leading_edge=st.booleans(),
    descend_limit=st.sampled_from([0.0, 0.05, 0.5, 2.0]),
)


@given(
    st.integers(0, 1 << 32),
    long_pulse,
    st.integers(1, 60),
    st.integers(1, 70),
    st.sampled_from([(300, 340), (0, 3), (0, 65536)]),
    st.booleans(),
)
def test_long_pulses_give_the_bytes_of_the_definition(
    seed, extractor, n_pixels, n_samples, counts, is_odd
):
    rng = np.random.default_rng(seed)
    raw = rng.integers(*counts, (2, 1, n_pixels, n_samples)).astype(np.uint16)
    pedestal = rng.normal(300, 20, (1, n_pixels)).astype(np.float32)
    factor = rng.normal(0.05, 0.01, (1, n_pixels)).astype(np.float32)
    if is_odd:
        factor[:, rng.integers(n_pixels)] = rng.choice([0.0, -1.0, 1e30, np.inf, np.nan])
    how = {
        "sampling_rate": 0.25,
        "unusable": rng.random((2, n_pixels)) < 0.1,
        "geometry": any_camera(rng, n_pixels),
        "correction": Deconvolution(0.9, rng.choice([0.0, 0.8]), 1.5, rng.uniform(-9, 9)),
    }
    with np.errstate(all="ignore"):
        wanted = reference.extract_raw(raw, pedestal, factor, extractor, **how)
    for name in instruction_sets():
        use_instruction_set(name)
        found = extract_raw(raw, pedestal, factor, extractor, **how)
        np.testing.assert_array_equal(found.charge, wanted.charge)
        np.testing.assert_array_equal(found.peak_time, wanted.peak_time)


def in_a_row(n_pixels):
    """Return pixels in a row, each of which touches the next."""
    x, zero = np.arange(n_pixels, dtype=float), np.zeros(n_pixels)
    return CameraGeometry.from_positions(x, zero, "square")


ONE = CameraGeometry.from_positions(np.zeros(1), np.zeros(1), "square", area=1.0)
ROW = np.array([[[0, 8, 0, 0, 1, 0], [0, 0, 0, 4, 0, 0], [0, 0, 2, 0, 1, 0]]], np.float32)


def charges(extractor, **options):
    return extract(ROW, extractor, geometry=in_a_row(3), **options).charge[0].tolist()


def test_a_fixed_window_is_the_same_for_all_pixels():
    assert charges(FixedWindow(3, 1, 3)) == [1.0, 4.0, 3.0]
    assert charges(FixedWindow(2)) == [8.0, 0.0, 0.0]


def test_the_full_waveform_is_summed_whatever_its_peak():
    assert charges(FullWaveform()) == [9.0, 4.0, 3.0]


def test_the_global_peak_is_that_of_the_mean_of_usable_pixels():
    assert charges(GlobalPeak(1, 0)) == [8.0, 0.0, 0.0]
    assert charges(GlobalPeak(1, 0), unusable=np.array([True, False, False])) == [0.0, 4.0, 0.0]


def test_the_global_peak_of_the_brightest_pixels_leaves_out_the_others():
    many = np.concatenate([ROW] + 5 * [ROW[:, 2:]], axis=1)
    assert extract(many, GlobalPeak(1, 0)).charge[0, 2] == 2.0
    assert extract(many, GlobalPeak(1, 0, 0.25)).charge[0, 2] == 0.0


def test_neighbors_tell_where_the_pulse_is():
    assert charges(NeighborPeak(1, 0)) == [0.0, 0.0, 0.0]
    assert charges(NeighborPeak(3, 1)) == [1.0, 0.0, 3.0]


def test_the_pixel_itself_counts_by_its_weight():
    assert charges(NeighborPeak(1, 0, local_weight=1)) == [8.0, 0.0, 0.0]
    assert charges(NeighborPeak(1, 0, local_weight=3)) == [8.0, 4.0, 2.0]


def test_unusable_neighbors_do_not_count():
    unusable = np.array([True, False, False])
    assert charges(NeighborPeak(1, 0), unusable=unusable)[1] == 0.0
    assert charges(NeighborPeak(2, 0), unusable=unusable)[1] == 4.0


def test_a_pixel_without_neighbors_has_its_window_at_the_begin():
    pulses = extract(np.array([[[1, 0, 7]]], np.float32), NeighborPeak(2, 0), geometry=ONE)
    assert pulses.charge.tolist() == [[1.0]]


def test_the_baseline_is_subtracted_from_all_samples():
    above = BaselineSubtractedNeighborPeak(2, 0, 0, 0, 1)
    assert extract(ROW + 5, above, geometry=in_a_row(3)).charge.tolist() == [[1.0, 0.0, 1.0]]
    assert charges(BaselineSubtractedNeighborPeak(3, 1)) == [-3.5, -2.0, 1.5]


def test_the_largest_window_is_found_and_the_first_of_several():
    waveform = np.array([[[1, 0, 2, 2, 0, 4, 0]]], np.float32)
    pulses = extract(waveform, SlidingWindowMax(2))
    assert (pulses.charge.item(), pulses.peak_time.item()) == (4.0, 2.5)
    assert extract(-waveform - 1, SlidingWindowMax(2)).peak_time.item() == 1.0
    assert extract(waveform, SlidingWindowMax(99)).charge.item() == 9.0


def test_the_variance_leaves_out_what_is_not_a_number():
    pulses = extract(np.array([[[1, 3, np.nan]]], np.float32), Variance())
    assert (pulses.charge.item(), pulses.peak_time.item()) == (1.0, 0.0)


def passing(n_bright):
    """Return a row of pixels of which some are bright, one sample later each."""
    traces = np.zeros((1, 9, 20), np.float32)
    for pixel in range(n_bright):
        traces[0, pixel, 4 + pixel] = 10.0
    return traces


def test_the_second_pass_looks_where_the_shower_would_be():
    traces = passing(5)
    traces[0, 7, 11], traces[0, 7, 2] = 1.0, 3.0
    both, first = (extract(traces, TwoPass(second_pass=s), geometry=in_a_row(9)) for s in (1, 0))
    assert both.charge[0].tolist() == [10.0] * 5 + [0.0, 0.0, 1.0, 0.0]
    assert both.peak_time[0, 7] == 11.0
    assert first.charge[0, 7] == 3.0
    assert both.is_valid.tolist() == first.is_valid.tolist() == [True]


def test_without_a_shower_the_first_pass_stands_and_is_not_valid():
    traces = passing(2)
    traces[0, 7, 2] = 3.0
    pulses = extract(traces, TwoPass(), geometry=in_a_row(9))
    assert pulses.is_valid.tolist() == [False]
    assert pulses.charge[0, 7] == 3.0


def test_an_unusable_pixel_of_a_shower_is_bridged_and_left_at_zero():
    unusable = np.arange(9) == 2
    how = {"geometry": in_a_row(9), "unusable": unusable}
    assert extract(passing(5), TwoPass(), **how).is_valid.tolist() == [True]
    assert extract(passing(5), TwoPass(), **how).charge[0, 2] == 0.0
    assert extract(passing(5), TwoPass(interpolate=False), **how).is_valid.tolist() == [False]


def test_a_long_pulse_becomes_short():
    waveform = np.zeros((1, 2, 12), np.float32)
    waveform[..., 4:] = 8.0 * 0.5 ** np.arange(8)
    sharp = Deconvolution(0.5, 1.0, 0.0, 0.0)
    how = {"geometry": in_a_row(2), "correction": sharp}
    whole = extract(waveform, FlashCam(1, 3, 1, leading_edge=False), **how)
    assert whole.charge.tolist() == [[8.0, 8.0]]
    assert whole.peak_time.tolist() == [[4.0, 4.0]]
    fine = extract(waveform, FlashCam(4, 12, 6, leading_edge=False), **how)
    assert fine.charge.tolist() == [[32.0, 32.0]]


@pytest.mark.parametrize(
    ("extractor", "options", "words"),
    [
        (NeighborPeak(), {}, "no geometry for NeighborPeak"),
        (TwoPass(), {"geometry": in_a_row(4)}, "a geometry of 4 pixels"),
        (FlashCam(), {"geometry": in_a_row(3)}, "correction is None for FlashCam"),
        (LocalPeak(), {"correction": Deconvolution(1, 1, 1, 1)}, "correction"),
        (TwoPass(), {"geometry": in_a_row(3), "correction": np.ones(1, np.float32)}, "correction"),
        (BaselineSubtractedNeighborPeak(7, 3, 0, 6, 7), {"geometry": in_a_row(3)}, "6 samples"),
        (LocalPeak(), {"sampling_rate": np.inf}, "sampling_rate"),
    ],
)
def test_what_an_extractor_lacks_is_said(extractor, options, words):
    with pytest.raises(BadValue, match=words):
        extract(ROW, extractor, **options)


def test_a_waveform_longer_than_any_is_refused():
    with pytest.raises(BadValue, match="n_samples of waveforms is 32768"):
        extract(np.zeros((1, 1, 32768), np.float32))


def test_whether_there_is_a_second_pass_is_not_rounded_down():
    traces = passing(5)
    wanted = extract(traces, TwoPass(), geometry=in_a_row(9))
    assert same_bytes(extract(traces, TwoPass(second_pass=0.5), geometry=in_a_row(9)), wanted)


def test_two_passes_need_five_samples():
    with pytest.raises(BadValue, match="at least 5 samples"):
        extract(ROW[..., :4], TwoPass(), geometry=in_a_row(3))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (FixedWindow, {"peak_index": 1.5}),
        (GlobalPeak, {"pixel_fraction": 0.0}),
        (GlobalPeak, {"pixel_fraction": 1.5}),
        (NeighborPeak, {"local_weight": -1}),
        (BaselineSubtractedNeighborPeak, {"baseline_end": 0}),
        (SlidingWindowMax, {"width": 0}),
        (TwoPass, {"core_threshold": 0.0}),
        (FlashCam, {"upsampling": 65}),
        (FlashCam, {"clipping": -1.0}),
    ],
)
def test_numbers_that_make_no_method_are_refused(kind, wrong):
    with pytest.raises(BadValue, match=next(iter(wrong))):
        kind(**wrong)


def test_samples_of_float_events_do_not_depend_on_their_batch():
    rng = np.random.default_rng(7)
    geometry = any_camera(rng, 30)
    traces = a_shower(rng, geometry, 5, 20)
    for extractor in (NeighborPeak(), TwoPass(), GlobalPeak(pixel_fraction=0.3)):
        whole = extract(traces, extractor, geometry=geometry)
        for event in range(5):
            alone = extract(traces[event : event + 1], extractor, geometry=geometry)
            assert alone.charge.tobytes() == whole.charge[event].tobytes()
            assert alone.is_valid[0] == whole.is_valid[event]
