from __future__ import annotations

import sqlite3

import pytest

from awlta.errors import ConfigError, NotFound, Refused
from awlta.persistent import new_object_id
from awlta.persistent.classes.records import ObjectRecord
from awlta.processing import JobState, WorkOrder
from awlta.storage.intent import Lease
from awlta_dpu.queue import PAGE, Queue


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dpu.db"


@pytest.fixture
def queue(path):
    queue = Queue(path)
    yield queue
    queue.close()


def order(category="B", **changes):
    product = ObjectRecord(new_object_id(), "CameraImages", {"category": category}, {})
    values = {
        "order_id": new_object_id(),
        "product": product,
        "recipe_version": "1",
        "recipe_digest": "0" * 64,
        "user": "ada",
        "project": "TRIAL",
        "level": 1,
    }
    return WorkOrder(**{**values, **changes})


def test_what_was_queued_is_there_when_the_file_is_opened_again(queue, path):
    one = order()
    queue.add([one])
    again = Queue(path)
    assert again.order(one.order_id) == one
    assert again.job(one.order_id).state is JobState.QUEUED
    assert again.revision == queue.revision == 1
    again.close()


def test_an_order_sent_twice_is_one_job(queue):
    one = order()
    queue.add([one])
    assert queue.new([one]) == []
    queue.add([one, one])
    assert queue.counts()["queued"] == 1
    assert queue.revision == 1


def test_an_id_with_another_content_is_refused_and_nothing_of_the_request_is_queued(queue):
    one = order()
    queue.add([one])
    with pytest.raises(Refused, match="another content"):
        queue.add([order(), order(order_id=one.order_id)])
    assert queue.counts()["queued"] == 1
    assert queue.revision == 1


def test_a_product_is_ordered_once_at_a_time(queue):
    one = order()
    queue.add([one])
    second = order(product=one.product)
    with pytest.raises(Refused, match=f"Follow the job of order {one.order_id}"):
        queue.add([second])
    queue.move(one.order_id, JobState.CANCELED)
    queue.add([second])
    assert queue.job(second.order_id).state is JobState.QUEUED


def test_urgent_orders_come_first_then_those_that_waited_longest(queue):
    orders = [order("C"), order("B"), order("A"), order("B")]
    queue.add(orders)
    waiting = [job.order_id for job in queue.in_state(JobState.QUEUED)]
    assert waiting == [orders[i].order_id for i in (2, 1, 3, 0)]
    assert len(queue.in_state(JobState.QUEUED, 1)) == 1


def test_a_start_counts_the_attempt_and_forgets_the_lease(queue):
    one = order()
    queue.add([one])
    assert queue.move(one.order_id, JobState.ACTIVE).attempt == 1
    lease = Lease(new_object_id(), 1, "host:1:2:3")
    queue.leased(one.order_id, lease)
    queue.started(one.order_id, "host:1:2")
    assert queue.lease(one.order_id) == lease
    assert queue.job(one.order_id).object_id == lease.object_id
    queue.move(one.order_id, JobState.QUEUED, reason="lost")
    job = queue.move(one.order_id, JobState.ACTIVE)
    assert (job.attempt, job.runner, job.reason) == (2, "", "")
    assert queue.lease(one.order_id) is None


def test_an_illegal_move_changes_nothing(queue):
    one = order()
    queue.add([one])
    before = queue.job(one.order_id)
    with pytest.raises(Refused, match="from queued to completed"):
        queue.move(one.order_id, JobState.COMPLETED)
    assert queue.job(one.order_id) == before
    assert queue.revision == before.revision


def test_what_changed_is_told_in_order_and_in_pages(queue):
    orders = [order() for _ in range(PAGE + 2)]
    queue.add(orders)
    queue.move(orders[0].order_id, JobState.CANCELED)
    first = queue.changed(0)
    assert len(first) == PAGE
    rest = queue.changed(first[-1].revision)
    assert [job.order_id for job in rest] == [orders[i].order_id for i in (PAGE + 1, 0)]
    assert [job.state for job in queue.changed(0, JobState.CANCELED)] == [JobState.CANCELED]
    assert queue.changed(queue.revision) == []


def test_an_unknown_order_is_not_found(queue):
    with pytest.raises(NotFound, match="no order nobody"):
        queue.job("nobody")


def test_the_queue_of_another_version_is_left_alone(path):
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(ConfigError, match="version 9"):
        Queue(path)
