"""Every extractor against its twin, with every set of instructions, and by numbers to see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta.kernels import (
    BaselineSubtractedNeighborPeak,
    CameraGeometry,
    FixedWindow,
    FullWaveform,
    GlobalPeak,
    LocalPeak,
    NeighborPeak,
    Neighbors,
    SlidingWindowMax,
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
    """Return pixels anywhere that may have any others as neighbours, and in any order."""
    lists = [rng.permutation(n_pixels)[: rng.integers(0, 9)] for _ in range(n_pixels)]
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
