"""One pass over raw waveforms gives the numbers of its stages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import describe, extract_raw, parametrise_raw, tailcuts


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


@given(
    st.integers(0, 1 << 32),
    st.integers(0, 7),
    st.integers(1, 2),
    st.integers(1, 40),
    st.booleans(),
    st.booleans(),
    st.integers(1, 9),
)
@settings(max_examples=60)
def test_one_pass_gives_what_its_stages_give(
    camera, seed, n_events, n_gains, n_samples, is_given, keep_images, threads
):
    geometry = camera
    raw, pedestal, factor = events_of(seed, n_events, n_gains, geometry.n_pixels, n_samples)
    rng = np.random.default_rng(seed)
    shape = (n_events, geometry.n_pixels)
    gain = rng.integers(0, n_gains, shape).astype(np.int8) if is_given else None
    how = {
        "selected_gain": gain,
        "threshold": 2000.0,
        "sampling_rate": 1.5,
        "unusable": rng.random(shape) < 0.02,
    }
    picture, boundary = 6.0, 3.0
    pulses = extract_raw(raw, pedestal, factor, **how)
    cuts = {"min_picture_neighbors": 1}
    masks = tailcuts(pulses.charge, geometry.neighbors, picture, boundary, **cuts)
    found = parametrise_raw(
        raw,
        pedestal,
        factor,
        geometry,
        picture,
        boundary,
        keep_images=keep_images,
        threads=threads,
        **how,
        **cuts,
    )
    assert (found.masks == masks).all()
    described = describe(pulses.charge, masks, geometry, peak_time=pulses.peak_time)
    assert found.parameters.tobytes() == described.tobytes()
    if not keep_images:
        assert found.pulses is None
        return
    for name in ("charge", "peak_time", "selected_gain"):
        assert getattr(found.pulses, name).tobytes() == getattr(pulses, name).tobytes()


def test_waveforms_of_another_camera_and_no_threads_are_refused(camera):
    raw, pedestal, factor = events_of(1, 2, 1, 5, 20)
    with pytest.raises(BadValue, match="5 pixels for a camera of"):
        parametrise_raw(raw, pedestal, factor, camera, 6, 3)
    raw, pedestal, factor = events_of(1, 2, 1, camera.n_pixels, 20)
    with pytest.raises(BadValue, match="threads is 0"):
        parametrise_raw(raw, pedestal, factor, camera, 6, 3, threads=0)


def test_a_memory_map_that_cannot_be_written_is_taken(camera, tmp_path):
    raw, pedestal, factor = events_of(3, 4, 2, camera.n_pixels, 20)
    np.save(tmp_path / "raw.npy", raw)
    mapped = np.load(tmp_path / "raw.npy", mmap_mode="r")
    found = parametrise_raw(mapped, pedestal, factor, camera, 6, 3)
    wanted = parametrise_raw(raw, pedestal, factor, camera, 6, 3)
    assert found.parameters.tobytes() == wanted.parameters.tobytes()
