"""Kills at instants that strace chooses: the n-th call of a kind by a front-end or a runner.

However often it happens, an order gives one product, and the file of a product is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from dpu_trial.trial import TrialCounts

from awlta.errors import Unreachable
from awlta.persistent import tables
from awlta.processing import JobState
from awlta.processing.orders import order_for

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("strace") is None,
        reason="strace, which chooses the instants, is not installed",
    ),
]


class Killer:
    """Attach strace to processes, to kill the one that makes its n-th call of a kind."""

    def __init__(self, tasks: list[int], call: str, nth: int, *options: str) -> None:
        command = ["strace", *options, "-o", os.devnull, "-e", f"trace={call}"]
        command += ["-e", f"inject={call}:signal=SIGKILL:when={nth}"]
        command += [word for task in tasks for word in ("-p", str(task))]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for _ in tasks:
            line = self._process.stderr.readline()
            if "attached" not in line:
                self._process.communicate()
                pytest.skip(f"strace cannot attach here: {line}")

    def __enter__(self) -> Killer:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:  # it may miss the signal while a tracee is stopped
            self._process.kill()
            self._process.communicate()


def check(place, order_id):
    """One product, made once, with its file."""
    (product,) = place.rows(tables.product, class_name="TrialCounts")
    done = place.rows(tables.activity, order_id=order_id, outcome="done")
    assert [row.id for row in done] == [product.activity]
    (file,) = place.rows(tables.file, product=product.id)
    assert file.name in place.files()
    (intent,) = place.rows(tables.intent, class_name="TrialCounts")
    assert intent.state == "archived"
    assert intent.object_id == product.object_id


def kill_front_end(place, nth):
    """Kill a front-end at its n-th flush, from the order on; tell whether it came to that."""
    front = place.serve("--cores", "1")
    order = order_for(TrialCounts(n=3), place.workspace.context)
    threads = [int(task) for task in os.listdir(f"/proc/{front.process.pid}/task")]
    with Killer(threads, "fdatasync", nth):
        try:
            (record,) = place.dpu.client.submit([order])
            place.dpu.client.wait([record], 60)
        except Unreachable:
            front.process.wait(10)
    killed = front.process.poll() is not None
    if killed:
        front.kill()
        place.serve("--cores", "1")
    # The sender, who may not have heard that it was queued, sends the order again.
    (record,) = place.dpu.client.submit([order])
    (record,) = place.dpu.client.wait([record], 60)
    assert record.state is JobState.COMPLETED, record.reason
    check(place, order.order_id)
    return killed


@pytest.mark.parametrize("nth", [6])
def test_a_front_end_killed_at_a_flush_makes_each_product_once(place, nth):
    assert kill_front_end(place, nth)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_front_end_killed_at_any_flush_makes_each_product_once(new_place):
    nth = 1
    while kill_front_end(new_place(), nth):
        nth += 1
    assert nth > 10


def kill_runners(place, nth):
    """Kill each runner of an order at its n-th request; tell whether it came to that."""
    place.serve("--cores", "1")
    warm = place.dpu.run(TrialCounts(n=0))
    warm.wait(60)
    zygote = zygote_of(place)
    product = TrialCounts(n=3)
    with Killer([zygote], "sendto", nth, "-f"):
        job = place.dpu.run(product)
        job.wait(60)
    killed = job.record.attempt > 1
    if job.state is JobState.FAILED:
        assert "killed by signal 9" in job.reason
        job = place.dpu.run(product)
        assert job.wait(60) is JobState.COMPLETED, job.reason
    assert job.product.object_id == product.object_id
    n3 = [row.id for row in place.rows(tables.product, class_name="TrialCounts")]
    assert len(n3) == 2
    assert len(place.files()) == 2
    assert len(place.rows(tables.activity, outcome="done")) == 2
    return killed


def zygote_of(place):
    pid = place.fronts[-1].process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (zygote,) = [c for c in children if b"zygote" in Path(f"/proc/{c}/cmdline").read_bytes()]
    return int(zygote)


@pytest.mark.parametrize("nth", [9])
def test_a_runner_killed_at_a_request_makes_its_product_once(place, nth):
    assert kill_runners(place, nth)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_runner_killed_at_any_request_makes_its_product_once(new_place):
    nth = 1
    while kill_runners(new_place(), nth):
        nth += 1
    assert nth > 8
