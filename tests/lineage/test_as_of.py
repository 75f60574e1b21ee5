"""The database as it was on a date: queries, verdicts, calibrations, targets."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest
from factories import (
    HOUR,
    NOON,
    Exposure,
    ExposureFactory,
    Merged,
    Summed,
    Thresholds,
    Zero,
    made,
    zero,
)

import awlta
from awlta.errors import BadValue
from awlta.lineage.past import instant


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def now() -> datetime:
    """Return an instant that is after all that was written, and before all that will be."""
    time.sleep(0.002)
    found = datetime.now(UTC)
    time.sleep(0.002)
    return found


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T18:30", datetime(2026, 1, 1, 18, 30, tzinfo=UTC)),
        ("2026-01-01T18:30+02:00", datetime(2026, 1, 1, 16, 30, tzinfo=UTC)),
        (date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(2026, 1, 1, 7), datetime(2026, 1, 1, 7, tzinfo=UTC)),
    ],
)
def test_a_date_is_an_instant_of_utc(told, meant):
    assert instant(told) == meant


@pytest.mark.parametrize("told", ["yesterday", "2026-13-01", 7])
def test_what_is_no_date_is_refused(told):
    with pytest.raises(BadValue, match="such as 2026-01-01"):
        instant(told)


def test_queries_and_verdicts_are_those_of_the_date(workspace):
    first = ExposureFactory(make=True)
    before = now()
    second = ExposureFactory(make=True)
    workspace.judge(first, 0, "clouds")
    with awlta.as_of(before):
        assert list(Exposure.select_all()) == [first]
        assert first.is_valid == 1
        assert list(Exposure.is_valid == 0) == []
    with workspace.as_of(NOON - 365 * 24 * HOUR):
        assert len(Exposure.select_all()) == 0
    assert list(Exposure.select_all().order_by("creation_date")) == [first, second]
    assert list(Exposure.is_valid == 0) == [first]


def test_calibrations_are_chosen_and_judged_as_then(workspace):
    exposure, old = ExposureFactory(make=True), zero(value=1)
    summed = made(Summed(exposure=exposure, thresholds=Thresholds()))
    before = now()
    new = zero(value=2)
    assert Summed(exposure=exposure, thresholds=Thresholds()).zero is new
    assert not summed.uptodate()
    with awlta.as_of(before):
        assert Summed(exposure=exposure, thresholds=Thresholds()).zero is old
        assert Zero.valid_for(NOON) is old
        assert summed.uptodate()
        assert Summed.get_target(exposure=exposure, thresholds=Thresholds()) is summed
    workspace.judge(old, 0, "noisy")
    with awlta.as_of(before):
        assert Zero.valid_for(NOON) is old


def test_what_is_made_of_the_past_is_made_now_and_is_found_by_a_run(workspace):
    exposure, old = ExposureFactory(make=True), zero(value=1)
    before = now()
    zero(value=2)
    with awlta.as_of(before):
        intention = Summed.get_target(exposure=exposure, thresholds=Thresholds())
        (product,) = intention.plan().run().made
        assert product.zero is old
        assert len(Summed.select_all()) == 0
        again = Summed.get_target(exposure=exposure, thresholds=Thresholds())
        assert not again.is_made()
        done = again.plan().run()
        assert (done.made, done.existing) == ([], [product])
    assert product.creation_date > before
    assert list(Summed.select_all()) == [product]


def test_descendants_and_dependents_are_those_of_the_date(workspace):
    root = made(Merged(number=0))
    low = made(Merged(number=1, inputs=[root]))
    before = now()
    high = made(Merged(number=2, inputs=[low]))
    assert root.descendants() == [low, high]
    with awlta.as_of(before):
        assert root.descendants() == [low]
        assert root.dependents().counts() == {"Merged": 1}


def test_after_a_failure_in_the_block_the_present_is_back(workspace):
    product = made(Merged(number=0))
    with pytest.raises(ZeroDivisionError), awlta.as_of("2001-01-01"):
        1 / len(Merged.select_all())
    assert list(Merged.select_all()) == [product]
    with awlta.as_of("2001-01-01"), awlta.as_of("2002-01-01"):
        assert workspace.context.as_of == datetime(2002, 1, 1, tzinfo=UTC)
    assert workspace.context.as_of is None
