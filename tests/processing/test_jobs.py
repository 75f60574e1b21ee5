from __future__ import annotations

import doctest
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import BadValue, Refused
from awlta.processing import JobRecord, JobState, jobs
from awlta.processing.jobs import check_move, printable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = JobRecord("o-1", "p-1", "CameraImages", JobState.ACTIVE, 1, NOON, started=NOON, revision=7)


def test_a_job_goes_from_queued_over_active_to_completed():
    check_move(JobState.QUEUED, JobState.ACTIVE, "o-1")
    check_move(JobState.ACTIVE, JobState.COMPLETED, "o-1")


def test_an_active_job_can_be_queued_again():
    check_move(JobState.ACTIVE, JobState.QUEUED, "o-1")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (JobState.QUEUED, JobState.COMPLETED),
        (JobState.QUEUED, JobState.FAILED),
        (JobState.COMPLETED, JobState.CANCELED),
        (JobState.FAILED, JobState.QUEUED),
        (JobState.CANCELED, JobState.ACTIVE),
    ],
)
def test_other_moves_are_refused_with_both_states(old, new):
    with pytest.raises(Refused, match=f"o-1 cannot go from {old.value} to {new.value}"):
        check_move(old, new, "o-1")


def test_three_states_are_final():
    final = [state.value for state in JobState if state.is_final]
    assert final == ["completed", "failed", "canceled"]


def test_a_job_record_survives_json():
    assert JobRecord.from_json(JOB.to_json()) == JOB


@pytest.mark.parametrize("value", [None, 3, [], {}, {**JOB.to_json(), "state": "lazy"}])
def test_what_is_no_job_record_is_refused(value):
    with pytest.raises(BadValue, match="no job record"):
        JobRecord.from_json(value)


def test_a_reason_from_outside_sets_no_terminal_title():
    told = {**JOB.to_json(), "reason": "\x1b]0;you have won\x07bad"}
    assert JobRecord.from_json(told).reason == "bad"


def test_what_printable_promises_holds():
    assert doctest.testmod(jobs) == doctest.TestResults(failed=0, attempted=1)


@given(st.text(st.characters(codec="utf-8")))
def test_printable_text_holds_no_control_character(text):
    shown = printable(text)
    assert all(c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160) for c in shown)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_is_shown_as_it_is(text):
    assert printable(text) == text
