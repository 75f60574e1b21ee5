"""Whatever instructions the processor has, the digits are the same."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from awlta.errors import BadValue
from awlta.kernels import (
    LocalPeak,
    extract_raw,
    instruction_set,
    instruction_sets,
    reference,
    use_instruction_set,
)
from awlta.kernels.instructions import VARIABLE
from awlta.lineage.making.activity import instruction_set as recorded


@pytest.fixture(autouse=True)
def chosen_again():
    """Leave the set in use as it was."""
    before = instruction_set()
    yield
    use_instruction_set(before)


def same_bytes(pulses, others):
    return all(
        getattr(pulses, name).tobytes() == getattr(others, name).tobytes()
        for name in ("charge", "peak_time", "selected_gain")
    )


@given(
    st.integers(0, 1 << 32),
    st.integers(1, 2),
    st.integers(1, 40),
    st.integers(1, 140),
    st.integers(1, 30),
    st.integers(-20, 150),
    st.sampled_from([(300, 340), (0, 3), (0, 65536), (65535, 65536)]),
)
@example(0, 2, 8, 16, 7, 3, (0, 3))
@example(1, 2, 9, 17, 9, 16, (0, 65536))
@example(2, 1, 8, 33, 66, 66, (300, 340))
def test_all_sets_give_the_bytes_of_the_definition(
    seed, n_gains, n_pixels, n_samples, width, shift, counts
):
    rng = np.random.default_rng(seed)
    raw = rng.integers(*counts, (3, n_gains, n_pixels, n_samples)).astype(np.uint16)
    pedestal = rng.normal(300, 20, (n_gains, n_pixels)).astype(np.float32)
    factor = rng.normal(0.05, 0.01, (n_gains, n_pixels)).astype(np.float32)
    factor[:, 0] = rng.choice([factor[0, 0], -1.0, np.inf, np.nan])  # goes pixel by pixel
    window = {"extractor": LocalPeak(width, shift), "threshold": 20_000.0, "sampling_rate": 0.7}
    window["unusable"] = rng.random((3, n_pixels)) < 0.1
    wanted = reference.extract_raw(raw, pedestal, factor, **window)
    given_gain = rng.integers(0, n_gains, (3, n_pixels)).astype(np.int8)
    wanted_given = reference.extract_raw(raw, pedestal, factor, selected_gain=given_gain, **window)
    for name in instruction_sets():
        use_instruction_set(name)
        assert same_bytes(extract_raw(raw, pedestal, factor, **window), wanted)
        found = extract_raw(raw, pedestal, factor, selected_gain=given_gain, **window)
        assert same_bytes(found, wanted_given)


def test_the_best_set_is_used_and_a_lesser_one_can_be_chosen():
    program = "from awlta.kernels import instruction_set; print(instruction_set())"

    def asked(**environment):
        others = {name: value for name, value in os.environ.items() if name != VARIABLE}
        return subprocess.run(
            [sys.executable, "-c", program],
            env=others | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert asked().stdout.strip() == instruction_sets()[-1]
    assert asked(AWLTA_INSTRUCTION_SET="baseline").stdout.strip() == instruction_sets()[0]
    assert "no instruction set 'v9'" in asked(AWLTA_INSTRUCTION_SET="v9").stderr


def test_what_is_recorded_follows_what_is_used():
    for name in instruction_sets():
        use_instruction_set(name)
        assert recorded().startswith(f"{name}, numpy ")


def test_a_set_that_the_processor_lacks_is_refused():
    with pytest.raises(BadValue, match="one of " + instruction_sets()[0]):
        use_instruction_set("armv7")
    use_instruction_set("baseline")
    assert instruction_set().endswith(" baseline")
