"""What the front-end answers to those who speak HTTP to it, friendly or not."""

from __future__ import annotations

import copy
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import urllib3
from dpu_trial.trial import TrialCounts, TrialGate, TrialSum, TrialWeights

from awlta.errors import LeaseLost, NotFound, Refused, Unreachable
from awlta.persistent import new_object_id
from awlta.processing import DpuClient, JobState
from awlta.processing.orders import order_for
from awlta.processing.wire import Wire


@pytest.fixture
def counts(dpu):
    product = TrialCounts(n=5)
    product.make()
    return product


@pytest.fixture
def request_of(dpu, shared_place):
    """Send a request as it is, and return status and JSON."""

    def _request(method, path, body=None, token=shared_place.profile.token, **headers):
        if token:
            headers["Authorization"] = f"Bearer {token}"
        reply = urllib3.request(
            method, dpu.client.url + path, body=body, headers=headers, retries=False
        )
        return reply.status, reply.json()

    return _request


@pytest.fixture
def told(dpu, counts):
    """An order as JSON that could be carried out."""
    weights = TrialWeights(weight=5.0)
    dpu.workspace.commit(weights)
    product = TrialSum(counts=counts, others=[counts], weights=weights)
    return order_for(product, dpu.workspace.context).to_json()


@pytest.fixture
def wire(dpu, shared_place):
    wire = Wire(dpu.client.url, shared_place.profile.token)
    yield wire
    wire.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/jobs"), ("POST", "/orders"), ("GET", "/orders/x"), ("GET", "/none")],
)
def test_nobody_is_let_in_without_the_token(request_of, method, path):
    status, error = request_of(method, path, token=None)
    assert (status, error["code"]) == (401, "refused")
    status, error = request_of(method, path, token="guess")
    assert (status, error["code"]) == (403, "refused")


def test_health_tells_release_slots_and_jobs(dpu):
    health = dpu.client.health()
    assert health["service"] == "dpu"
    assert health["slots"] == 2
    assert len(health["release"]) == 64
    assert sorted(health["jobs"]) == ["active", "canceled", "completed", "failed", "queued"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nowhere", None, 404, "refused"),
        ("PUT", "/orders", None, 405, "refused"),
        ("GET", "/jobs/none", None, 404, "not_found"),
        ("GET", "/jobs/none/log", None, 404, "not_found"),
        ("GET", "/jobs/..%2F..%2Ftoken/log", None, 404, "not_found"),
        ("POST", "/jobs/none/cancel", b"{}", 404, "not_found"),
        ("GET", "/jobs?state=lazy", None, 400, "bad_value"),
        ("GET", "/jobs?after=-1", None, 400, "bad_value"),
        ("GET", "/jobs?wait=nan", None, 400, "bad_value"),
        ("POST", "/orders", b"{", 400, "bad_input"),
        ("POST", "/orders", b"[" * 100_000, 400, "bad_input"),
        ("POST", "/orders", b"\xff\xfe", 400, "bad_input"),
        ("POST", "/orders", b"[]", 400, "bad_input"),
        ("POST", "/orders", b'{"orders": [1]}', 400, "bad_value"),
        ("POST", "/orders/none/begin", b"{}", 400, "bad_input"),
        ("POST", "/orders/none/archive", b"[]", 404, "not_found"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_a_code(
    request_of, method, path, body, status, code
):
    found, error = request_of(method, path, body)
    assert (found, error["code"]) == (status, code)
    assert error["found"]


@pytest.mark.parametrize(
    ("path", "value", "status", "code", "words"),
    [
        (["product", "class"], "TrialSums", 404, "not_found", "TrialSums"),
        (["product", "class"], "TrialWeights", 400, "bad_value", "no data product"),
        (["product", "attributes", "colour"], 1, 400, "bad_value", "colour"),
        (["product", "attributes", "content_digest"], "0" * 64, 400, "bad_value", "system"),
        (["product", "attributes", "category"], "Z", 400, "bad_value", "category"),
        (["product", "links", "inputs"], [], 400, "bad_value", "no link 'inputs'"),
        (["product", "links", "counts"], [], 400, "bad_value", "counts"),
        (["product", "links", "counts"], [new_object_id()], 400, "not_made", "not there"),
        (["product", "links", "counts"], ["x"], 400, "bad_value", "no object_id"),
        (["product", "object_id"], "1", 400, "bad_value", "no object_id"),
        (["recipe", "digest"], "0" * 64, 409, "refused", "recipe of TrialSum"),
        (["recipe", "version"], "2", 409, "refused", "recipe of TrialSum"),
        (["user"], "eve", 403, "refused", "no account 'eve'"),
        (["project"], "NOBODYS", 403, "refused", "no project 'NOBODYS'"),
        (["user"], "a b", 400, "bad_value", "user"),
        (["level"], 0, 400, "bad_value", "privileges"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_before_it_is_queued(
    dpu, wire, told, request_of, path, value, status, code, words
):
    place = told
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    found, error = request_of("POST", "/orders", json_of({"orders": [told]}))
    assert (found, error["code"]) == (status, code)
    assert words in error["found"] + error["expected"]
    with pytest.raises(NotFound):
        dpu.client.job(told["order_id"])


def json_of(value):
    return json.dumps(value).encode()


def test_a_link_to_an_object_of_another_class_is_refused(request_of, told):
    told["product"]["links"]["weights"] = told["product"]["links"]["counts"]
    status, error = request_of("POST", "/orders", json_of({"orders": [told]}))
    assert (status, error["code"]) == (400, "bad_value")
    assert "TrialSum.weights" in error["found"]


def test_one_bad_order_keeps_all_of_a_request_out_and_every_bad_one_is_named(dpu, wire, told):
    others = [copy.deepcopy(told) for _ in range(3)]
    for one in others:
        one["order_id"], one["product"]["object_id"] = new_object_id(), new_object_id()
    others[0]["recipe"]["digest"] = "0" * 64
    others[2]["product"]["links"]["counts"] = [new_object_id()]
    with pytest.raises(Refused) as caught:
        wire.ask("POST", "/orders", {"orders": [told, *others]})
    assert [(f["order_id"], f["code"]) for f in caught.value.facts["faults"]] == [
        (others[0]["order_id"], "refused"),
        (others[2]["order_id"], "not_made"),
    ]
    with pytest.raises(NotFound):
        dpu.client.job(told["order_id"])


def test_an_order_sent_twice_is_one_job(dpu, wire, told):
    first = wire.ask("POST", "/orders", {"orders": [told]})["jobs"][0]
    (job,) = dpu.client.wait([dpu.client.job(told["order_id"])], 60)
    assert job.state is JobState.COMPLETED
    # Its product is committed by now: a new order for it would be refused.
    second = wire.ask("POST", "/orders", {"orders": [told]})["jobs"][0]
    assert second["order_id"] == first["order_id"]
    assert second["state"] == "completed"
    assert second["attempt"] == 1


def test_a_product_that_is_made_is_not_ordered_again(dpu, wire, told, request_of):
    wire.ask("POST", "/orders", {"orders": [told]})
    dpu.client.wait([dpu.client.job(told["order_id"])], 60)
    told["order_id"] = new_object_id()
    status, error = request_of("POST", "/orders", json_of({"orders": [told]}))
    assert (status, error["code"]) == (409, "already_made")


def test_waiting_for_a_change_ends_when_there_is_one(dpu):
    gone = dpu.client.health()["jobs"]["completed"]
    (job,) = dpu.submit_many([TrialCounts(n=1, label="wait")])
    assert job.wait(60) is JobState.COMPLETED
    assert dpu.client.health()["jobs"]["completed"] == gone + 1


class TestARunner:
    """What only the runner of a running attempt may do."""

    @pytest.fixture
    def job(self, dpu, tmp_path, until):
        job = dpu.run(TrialGate(gate=str(tmp_path / "gate")))
        until(lambda: "waiting" in job.log)
        yield job
        job.cancel()

    def ask(self, wire, job, request, **body):
        return wire.ask("POST", f"/orders/{job.order_id}/{request}", body)

    def test_with_other_sources_gets_no_order(self, wire, job):
        path = f"/orders/{job.order_id}?attempt=1&release={'0' * 64}"
        with pytest.raises(Refused, match="release is 000000000000"):
            wire.ask("GET", path)

    @pytest.mark.parametrize("request_name", ["begin", "storing", "verified", "objects", "links"])
    def test_of_an_attempt_that_is_over_is_turned_away(self, wire, job, request_name):
        body = {"attempt": 2, "work": "0" * 64, "lease": {}, "names": [], "ids": []}
        with pytest.raises(LeaseLost):
            self.ask(wire, job, request_name, role="x", owners=[], **body)

    def test_without_the_lease_commits_nothing(self, wire, job):
        lease = {"object_id": job.record.object_id, "attempt": 1, "token": "vm:1:1:guess"}
        for request_name in ("storing", "verified", "archive"):
            with pytest.raises(LeaseLost, match="another one now"):
                self.ask(wire, job, request_name, attempt=1, lease=lease, names=[])

    def test_that_begins_twice_gets_the_same_lease(self, wire, job):
        first = self.ask(wire, job, "begin", attempt=1, work="0" * 64)
        assert self.ask(wire, job, "begin", attempt=1, work="0" * 64) == first
        assert first["lease"]["attempt"] == 1

    def test_may_take_a_step_twice_and_none_backwards(self, wire, job):
        lease = self.ask(wire, job, "begin", attempt=1, work="0" * 64)["lease"]
        for request_name in ("storing", "storing", "verified", "verified"):
            self.ask(wire, job, request_name, attempt=1, lease=lease, names=[])
        with pytest.raises(Refused, match="cannot go from verified to transferring"):
            self.ask(wire, job, "storing", attempt=1, lease=lease, names=[])

    def test_that_fails_late_changes_nothing(self, dpu, wire, job):
        job.cancel()
        error = {"code": "fault", "found": "too late"}
        self.ask(wire, job, "fail", attempt=1, error=error)
        assert job.state is JobState.CANCELED
        assert "too late" not in job.reason


def test_an_address_that_is_no_front_end_is_told():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as stranger:
        thread = Thread(target=stranger.serve_forever, daemon=True)
        thread.start()
        client = DpuClient(f"http://127.0.0.1:{stranger.server_port}", "token")
        with pytest.raises(Unreachable, match="not as a DPU front-end: HTTP 501"):
            client.jobs()
        client.close()
        stranger.shutdown()
        thread.join()
