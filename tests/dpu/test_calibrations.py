"""What is said of a calibration when a product is committed is said there as here."""

from __future__ import annotations

from datetime import timedelta

from dpu_trial.levels import NOON, TrialLevel, TrialLevelled

from awlta.lineage import CalibrationSet, pinned
from awlta.processing import JobState

HOUR = timedelta(hours=1)


def level(hour):
    made = TrialLevel(hour=hour)
    made.make()
    return made


def there(dpu, at):
    """Make a product on the DPU."""
    job = dpu.run(TrialLevelled(at=at))
    assert job.wait(60) is JobState.COMPLETED
    return job.product


def test_a_fallback_is_flagged_on_what_a_runner_made(dpu):
    here = level(0)
    fitting, away = there(dpu, NOON), there(dpu, NOON - 3 * HOUR)
    assert (fitting.reference_level, fitting.quality_report()) == (here, [])
    assert away.reference_level is here
    (raised,) = away.quality_report()
    assert (raised.flag, raised.value) == ("FALLBACK_CALIBRATION", 3 * 3600)
    assert away.uptodate()
    level(-3)
    assert not away.uptodate()
    assert fitting.uptodate()


def test_what_was_ordered_under_a_pin_carries_the_set(dpu):
    kept = level(0)
    some = CalibrationSet(name="DR1", members=[kept])
    dpu.workspace.commit(some)
    level(0)
    with pinned(some):
        inside = there(dpu, NOON)
    assert inside.reference_level is kept
    assert inside.quality_report() == []
    assert inside.uptodate()
    outside = TrialLevelled(at=NOON, reference_level=kept)
    outside.make()
    assert not outside.uptodate()
