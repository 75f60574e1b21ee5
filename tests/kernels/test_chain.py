"""One pass over raw waveforms gives the numbers of its stages."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta import kernels
from awlta.errors import BadValue
from awlta.kernels import Chain, TailCuts


def events_of(seed, n_events, n_gains, n_pixels, n_samples):
    """Return raw events with a bright group of pixels, and their calibration."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(300, 6, (n_events, n_gains, n_pixels, n_samples))
    for event in raw:
        first, length = rng.integers(n_pixels), rng.integers(1, 12)
        event[:, first : first + length, n_samples // 2] += rng.integers(50, 4000)
    pedestal = rng.normal(300, 2, (n_gains, n_pixels)).astype(np.float32)
    factor = np.full((n_gains, n_pixels), 0.05, np.float32)
    return np.clip(raw, 0, 65535).astype(np.uint16), pedestal, factor


CUTS = TailCuts(6.0, 3.0, min_picture_neighbors=1)
EXTRACTORS = (
    kernels.LocalPeak(),
    kernels.LocalPeak(width=20, shift=7),
    kernels.NeighborPeak(),
    kernels.GlobalPeak(),
    kernels.SlidingWindowMax(width=3),
    kernels.TwoPass(),
    kernels.BaselineSubtractedNeighborPeak(),
    kernels.FlashCam(),
    kernels.Variance(),
)
PULSE = np.exp(-0.5 * ((np.arange(100) - 50) / 8) ** 2) + np.linspace(1e-3, 0, 100)
CLEANINGS = (
    CUTS,
    kernels.Mars(6.0, 3.0),
    kernels.Fact(6.0, 3.0),
    kernels.TimeConstrained(6.0, 3.0),
    kernels.NightSky(6.0, 3.0, bright_threshold=30.0, island="brightest"),
)


def correction_of(extractor, n_gains):
    """Return a correction that differs from gain to gain."""
    found = kernels.pulse_correction(PULSE[None], 0.1, 1.5, extractor)
    if isinstance(found, kernels.Deconvolution):
        return found
    return np.concatenate([found, 2 * found], axis=-1)[..., :n_gains].copy()


def bytes_of(showers):
    """Return all arrays of an answer as bytes."""
    parts = [showers.masks, showers.parameters]
    if showers.pulses is not None:
        names = ("charge", "peak_time", "selected_gain", "is_valid")
        parts += [getattr(showers.pulses, name) for name in names]
    return [part.tobytes() for part in parts]


@given(
    st.integers(0, 1 << 32),
    st.integers(0, 7),
    st.integers(1, 2),
    st.integers(5, 40),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(1, 9),
    st.sampled_from(EXTRACTORS),
    st.sampled_from(CLEANINGS),
)
@settings(max_examples=120, deadline=None)
def test_one_pass_gives_what_its_stages_give(
    camera,
    seed,
    n_events,
    n_gains,
    n_samples,
    is_given,
    is_corrected,
    interpolate,
    threads,
    extractor,
    cleaning,
):
    raw, pedestal, factor = events_of(seed, n_events, n_gains, camera.n_pixels, n_samples)
    rng = np.random.default_rng(seed)
    shape = (n_events, camera.n_pixels)
    gain = rng.integers(0, n_gains, shape).astype(np.int8) if is_given else None
    always, now = rng.random(camera.n_pixels) < 0.02, rng.random(shape) < 0.02
    late = rng.normal(0, 1, (n_gains, camera.n_pixels)).astype(np.float32)
    is_corrected |= isinstance(extractor, kernels.FlashCam)
    correction = correction_of(extractor, n_gains) if is_corrected else None
    pulses = kernels.extract_raw(
        raw,
        pedestal,
        factor,
        extractor,
        selected_gain=gain,
        threshold=2000.0,
        sampling_rate=1.5,
        unusable=always | now,
        geometry=camera,
        correction=correction,
    )
    shift = np.where(always | now, 0, late[pulses.selected_gain, np.arange(camera.n_pixels)])
    charge, peak_time = pulses.charge, pulses.peak_time - shift.astype(np.float32)
    if interpolate:
        charge, peak_time = kernels.interpolate(charge, peak_time, always | now, camera.neighbors)
    masks = kernels.clean(charge, camera.neighbors, cleaning, peak_time=peak_time)
    rows = kernels.describe(charge, masks, camera, peak_time=peak_time)
    chain = Chain(
        camera,
        cleaning,
        pedestal=pedestal,
        dc_to_pe=factor,
        extractor=extractor,
        gain_threshold=2000.0,
        sampling_rate=1.5,
        unusable=always,
        correction=correction,
        time_shift=late,
        interpolate=interpolate,
    )
    found = chain(raw, selected_gain=gain, unusable=now, threads=threads)
    wanted = kernels.Pulses(charge, peak_time, pulses.selected_gain, pulses.is_valid)
    assert bytes_of(found) == bytes_of(kernels.Showers(wanted, masks, rows))
    without = chain(raw, selected_gain=gain, unusable=now, threads=threads, keep_images=False)
    assert without.pulses is None
    assert bytes_of(without) == bytes_of(found)[:2]


def test_an_event_by_itself_is_what_it_is_in_a_batch(camera):
    raw, pedestal, factor = events_of(5, 6, 2, camera.n_pixels, 30)
    chain = Chain(camera, CUTS, pedestal=pedestal, dc_to_pe=factor)
    together = chain(raw)
    for n in range(len(raw)):
        alone = chain(raw[n : n + 1])
        assert (alone.masks[0] == together.masks[n]).all()
        assert alone.parameters[0].tobytes() == together.parameters[n].tobytes()
        assert alone.pulses.charge.tobytes() == together.pulses.charge[n].tobytes()


def test_calibrated_waveforms_go_through_the_same_chain(camera):
    raw, pedestal, factor = events_of(6, 5, 1, camera.n_pixels, 30)
    traces = (raw[:, 0].astype(np.float32) - pedestal[0, :, None]) * factor[0, :, None]
    from_raw = Chain(camera, CUTS, pedestal=pedestal, dc_to_pe=factor)(raw)
    assert bytes_of(Chain(camera, CUTS)(traces)) == bytes_of(from_raw)


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: type(e).__name__)
def test_calibrated_waveforms_may_be_of_two_gains(camera, extractor):
    raw, _, _ = events_of(9, 4, 1, camera.n_pixels, 30)
    traces = (raw[:, 0].astype(np.float32) - 300) * np.float32(0.05)
    gain = (np.arange(camera.n_pixels) % 2).astype(np.int8)[None].repeat(4, axis=0)
    how = {"sampling_rate": 1.5, "correction": correction_of(extractor, 2)}
    chain = Chain(camera, CUTS, extractor=extractor, **how)
    found = chain(traces, selected_gain=gain).pulses
    wanted = kernels.extract(traces, extractor, selected_gain=gain, geometry=camera, **how)
    for name in ("charge", "peak_time", "selected_gain", "is_valid"):
        assert getattr(found, name).tobytes() == getattr(wanted, name).tobytes(), name


def test_what_does_not_depend_on_events_is_checked_when_the_chain_is_made(camera):
    _, pedestal, factor = events_of(1, 2, 2, camera.n_pixels, 20)
    for wrong, words in (
        ({"extractor": "LocalPeak"}, "extractor is 'LocalPeak'"),
        ({"extractor": kernels.FlashCam()}, "correction is None for FlashCam"),
        ({"extractor": kernels.LocalPeak, "correction": None}, "extractor is"),
        ({"sampling_rate": 0.0}, "sampling_rate is 0.0"),
        ({"gain_threshold": np.nan}, "gain_threshold is nan"),
        ({"correction": np.ones(3, np.float32)}, "correction has shape"),
        ({"time_shift": pedestal[:1]}, "time_shift has shape"),
        ({"pedestal": pedestal[:, 1:].copy()}, "pedestal has shape"),
        ({"dc_to_pe": factor.astype(float)}, "dc_to_pe is float64"),
        ({"unusable": np.zeros(3, np.bool_)}, "unusable has shape"),
    ):
        with pytest.raises(BadValue, match=words):
            Chain(camera, CUTS, **({"pedestal": pedestal, "dc_to_pe": factor} | wrong))
    with pytest.raises(BadValue, match="cleaning is 0"):
        Chain(camera, 0)


def test_a_camera_of_one_pixel_and_no_events_go_through_a_chain():
    one = kernels.CameraGeometry.from_positions(np.zeros(1), np.zeros(1), "square", area=1.0)
    for extractor in EXTRACTORS:
        correction = correction_of(extractor, 1)
        chain = Chain(one, CUTS, extractor=extractor, correction=correction, interpolate=True)
        for traces in (np.full((2, 1, 9), np.nan, np.float32), np.ones((2, 1, 1), np.float32)):
            found = chain(traces, unusable=np.array([[True], [False]]), threads=2)
            assert found.pulses.charge[0].tolist() == [0.0]
            assert found.parameters["n_pixels"].tolist() == [-1, -1]
            assert chain(traces[:0], threads=3, keep_images=False).parameters.shape == (0,)


def test_eight_threads_share_one_chain(camera):
    raw, pedestal, factor = events_of(7, 40, 2, camera.n_pixels, 30)
    chain = Chain(camera, CUTS, pedestal=pedestal, dc_to_pe=factor)
    wanted = bytes_of(chain(raw))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bytes_of(chain(raw, threads=2)), range(32)))
    assert all(answer == wanted for answer in answers)


def test_changing_an_array_afterwards_changes_nothing(camera):
    raw, pedestal, factor = events_of(8, 3, 2, camera.n_pixels, 30)
    unusable = np.zeros(camera.n_pixels, np.bool_)
    late, correction = pedestal / 100, np.array([1.25, 1.5], np.float32)
    chain = Chain(
        camera,
        CUTS,
        pedestal=pedestal,
        dc_to_pe=factor,
        unusable=unusable,
        time_shift=late,
        correction=correction,
    )
    wanted = bytes_of(chain(raw))
    for array in (pedestal, factor, unusable, late, correction):
        array[:] = 1
    assert bytes_of(chain(raw)) == wanted
    assert bytes_of(chain(raw, threads=2)) == wanted  # by a worker that is made now


def test_waveforms_of_another_camera_and_no_threads_are_refused(camera):
    raw, pedestal, factor = events_of(1, 2, 1, camera.n_pixels, 20)
    chain = Chain(camera, CUTS, pedestal=pedestal, dc_to_pe=factor)
    with pytest.raises(BadValue, match="1 gains and 5 pixels"):
        chain(raw[:, :, :5].copy())
    with pytest.raises(BadValue, match="threads is 0"):
        chain(raw, threads=0)
    with pytest.raises(BadValue, match="without the other"):
        Chain(camera, CUTS, pedestal=pedestal)
    with pytest.raises(BadValue, match="waveforms is uint16"):
        Chain(camera, CUTS)(raw)


def test_a_memory_map_that_cannot_be_written_is_taken(camera, tmp_path):
    raw, pedestal, factor = events_of(3, 4, 2, camera.n_pixels, 20)
    np.save(tmp_path / "raw.npy", raw)
    mapped = np.load(tmp_path / "raw.npy", mmap_mode="r")
    chain = Chain(camera, CUTS, pedestal=pedestal, dc_to_pe=factor)
    assert bytes_of(chain(mapped)) == bytes_of(chain(raw))
