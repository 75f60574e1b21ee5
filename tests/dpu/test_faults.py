"""Real kills, of runners and of the front-end: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from dpu_trial.trial import TrialCounts, TrialGate, TrialWrong

from awlta.errors import JobFailed
from awlta.persistent import tables
from awlta.processing import JobState
from awlta_dpu.local import process_start

pytestmark = pytest.mark.long


def pid_of(job):
    return int(job.record.runner.split(":")[1])


def is_waiting(job, attempt=1):
    return job.record.attempt == attempt and job.log.count("waiting") == attempt


@pytest.fixture
def gate(tmp_path):
    return tmp_path / "gate"


def test_a_runner_that_is_killed_is_replaced_and_keeps_the_identity(place, gate, until):
    place.serve()
    job = place.dpu.run(TrialGate(gate=str(gate)))
    until(lambda: is_waiting(job))
    ordered = job.record.object_id
    os.kill(pid_of(job), signal.SIGKILL)
    until(lambda: is_waiting(job, attempt=2))
    gate.touch()
    assert job.wait(60) is JobState.COMPLETED
    assert job.record.attempt == 2
    assert job.product.object_id == job.record.object_id == ordered
    assert len(place.rows(tables.product, class_name="TrialGate")) == 1
    assert len(place.files()) == 1
    outcomes = [row.outcome for row in place.rows(tables.activity, order_id=job.order_id)]
    assert outcomes == ["failed", "done"]


def test_a_runner_that_is_killed_twice_fails_with_its_log(place, until):
    place.serve()
    counts = TrialCounts(n=1)
    counts.make()
    job = place.dpu.run(TrialWrong(how="die", counts=counts))
    assert job.wait(60) is JobState.FAILED
    assert job.record.attempt == 2
    assert "killed by signal 9" in job.reason
    assert job.log.count("about to die") == 2
    with pytest.raises(JobFailed, match="killed by signal 9"):
        _ = job.product
    assert place.rows(tables.product, class_name="TrialWrong") == []
    (intent,) = place.rows(tables.intent, class_name="TrialWrong")
    assert (intent.state, intent.attempt) == ("failed", 2)


def test_a_killed_front_end_takes_its_runners_along_and_its_queue_goes_on(place, gate, until):
    first = place.serve("--cores", "1")
    running = place.dpu.run(TrialGate(gate=str(gate)))
    waiting = place.dpu.run(TrialCounts(n=3))
    until(lambda: is_waiting(running))
    pid, started = pid_of(running), process_start(pid_of(running))
    first.kill()
    until(lambda: process_start(pid) != started)
    gate.touch()
    place.serve("--cores", "1")
    place.dpu.wait_all([running, waiting])
    assert [running.state, waiting.state] == [JobState.COMPLETED] * 2
    assert running.record.attempt == 2
    assert len(place.rows(tables.product, class_name="TrialGate")) == 1
    assert len(place.rows(tables.product, class_name="TrialCounts")) == 1


def test_a_zygote_that_is_killed_takes_its_runners_along_and_is_replaced(place, gate, until):
    place.serve()
    job = place.dpu.run(TrialGate(gate=str(gate)))
    until(lambda: is_waiting(job))
    runner = pid_of(job)
    zygote = int(Path(f"/proc/{runner}/stat").read_text().rsplit(")", 1)[-1].split()[1])
    started = process_start(runner)
    os.kill(zygote, signal.SIGKILL)
    until(lambda: process_start(runner) != started)
    gate.touch()
    assert job.wait(60) is JobState.COMPLETED
    assert job.record.attempt == 2


def test_a_queued_job_is_canceled_before_it_starts(place, gate, until):
    place.serve("--cores", "1")
    running = place.dpu.run(TrialGate(gate=str(gate)))
    queued = place.dpu.run(TrialCounts(n=1))
    until(lambda: is_waiting(running))
    assert queued.cancel() is JobState.CANCELED
    assert queued.cancel() is JobState.CANCELED
    gate.touch()
    assert running.wait(60) is JobState.COMPLETED
    assert queued.record.attempt == 0
    assert place.rows(tables.product, class_name="TrialCounts") == []


def test_a_running_job_is_canceled_with_all_that_it_started(place, gate, until):
    place.serve()
    product = TrialGate(gate=str(gate), child=True)
    job = place.dpu.run(product)
    until(lambda: is_waiting(job))
    runner = pid_of(job)
    child = int(job.log.split("child ")[1].split()[0])
    assert process_start(runner)
    assert process_start(child)
    assert job.cancel() is JobState.CANCELED
    assert process_start(runner) == ""
    until(lambda: process_start(child) == "")
    assert "canceled" in job.reason
    assert not (place.home / "dpu-scratch" / job.order_id).exists()
    (intent,) = place.rows(tables.intent, class_name="TrialGate")
    assert intent.state == "failed"
    # What was canceled can be ordered again, and here it goes through.
    gate.touch()
    again = place.dpu.run(product)
    assert again.wait(60) is JobState.COMPLETED
    assert again.record.object_id == job.record.object_id


def test_what_a_recipe_leaves_running_ends_with_its_runner(place, gate, until):
    place.serve()
    gate.touch()
    job = place.dpu.run(TrialGate(gate=str(gate), child=True))
    assert job.wait(60) is JobState.COMPLETED
    child = int(job.log.split("child ")[1].split()[0])
    until(lambda: process_start(child) == "")


def test_a_front_end_that_is_ended_queues_its_jobs_again(place, gate, until):
    first = place.serve()
    job = place.dpu.run(TrialGate(gate=str(gate)))
    until(lambda: is_waiting(job))
    assert first.end() == (0, "")
    gate.touch()
    place.serve()
    assert job.wait(60) is JobState.COMPLETED
    assert "stopped before the job had ended" in job.log
    assert list((place.home / "store" / ".part").glob("*")) == []
