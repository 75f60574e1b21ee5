"""What make() gives here, the DPU gives there."""

from __future__ import annotations

import pytest
from dpu_trial.trial import (
    TrialChecked,
    TrialCounts,
    TrialDeep,
    TrialSum,
    TrialWeights,
    TrialWrong,
)

from awlta.errors import AlreadyMade, BadValue, JobFailed, NotMade, Refused
from awlta.persistent import tables
from awlta.processing import JobState, submit


@pytest.fixture
def counts(dpu):
    """Five numbers, made here: 0 + 1 + 2 + 3 + 4 = 10."""
    product = TrialCounts(n=5)
    product.make()
    return product


def test_a_product_made_there_has_the_content_digest_of_one_made_here(dpu, counts):
    other = TrialCounts(n=7)
    other.make()

    def intention():
        return TrialSum(counts=counts, others=[other, counts], weights=TrialWeights(weight=3.0))

    here = intention()
    here.make()
    job = dpu.run(intention())
    assert job.wait(60) is JobState.COMPLETED
    there = job.product
    assert there is not here
    assert there.total == here.total == 10 * 3 + 7 + 5
    assert there.content_digest == here.content_digest
    assert there.weights is here.weights
    assert [o.n for o in there.others] == [7, 5]
    assert there.uptodate()


def test_a_file_written_there_has_the_content_of_one_written_here(dpu, counts, tmp_path):
    job = dpu.run(TrialCounts(n=5))
    assert job.wait(60) is JobState.COMPLETED
    there = job.product
    assert there.content_digest == counts.content_digest
    assert there.files[0].content_digest == counts.files[0].content_digest
    assert there.retrieve(tmp_path).stat().st_size == counts.files[0].size


@pytest.mark.parametrize(("n", "flags"), [(3, 0), (5, 0b100)])
def test_what_verify_finds_there_is_committed_with_the_product(dpu, n, flags):
    job = dpu.run(TrialChecked(n=n))
    assert job.wait(60) is JobState.COMPLETED
    assert job.product.is_verified()
    assert job.product.quality_flags == flags
    found = [(raised.value, raised.threshold) for raised in job.product.quality_report()]
    assert found == [(5.0, 3.0)] * bool(flags)


def test_the_activity_names_the_order_and_who_gave_it(dpu, counts):
    job = dpu.run(TrialSum(counts=counts, weights=TrialWeights()))
    job.wait(60)
    a = tables.activity
    with dpu.workspace.database.read() as connection:
        found = connection.execute(a.select().where(a.c.order_id == job.order_id)).all()
    assert [(row.outcome, row.operator, "the sum is 10" in row.log) for row in found] == [
        ("done", "ada", True)
    ]


def test_links_of_links_files_and_standing_are_read_through_the_front_end(dpu, counts):
    sums = []
    for weight in (1.0, 2.0):
        sums.append(TrialSum(counts=counts, others=[counts], weights=TrialWeights(weight=weight)))
        sums[-1].make()
    dpu.workspace.judge(sums[1], 2, "proposed")
    job = dpu.run(TrialDeep(sums=sums))
    assert job.wait(60) is JobState.COMPLETED, job.log
    assert job.product.text == "5 [5] 1 1 0 True TRIAL; 5 [5] 2 2 0 True TRIAL"


def test_the_log_holds_what_the_recipe_logged(dpu, counts):
    job = dpu.run(TrialSum(counts=counts, weights=TrialWeights()))
    job.wait(60)
    assert "trial the sum is 10" in job.log
    assert dpu.get_logs([job.order_id]) == {job.order_id: job.log}


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("query", "undeclared_input", "asked a query for TrialCounts"),
        ("target", "undeclared_input", "TrialCounts"),
        ("open", "undeclared_input", ".bashrc"),
        ("connect", "undeclared_input", "socket.connect"),
        ("descendants", "undeclared_input", "lineage"),
        ("make", "undeclared_input", "another product"),
        ("raise", "recipe_failed", "ZeroDivisionError"),
        ("exit", "recipe_failed", "status 3"),
        ("change", "already_made", "committed"),
    ],
)
def test_a_recipe_that_goes_wrong_fails_at_once_with_its_reason(dpu, counts, how, code, words):
    job = dpu.run(TrialWrong(how=how, counts=counts))
    assert job.wait(60) is JobState.FAILED
    assert job.record.code == code
    assert words in job.reason
    assert words in job.log
    assert job.record.attempt == 1
    with pytest.raises(JobFailed, match="failed"):
        _ = job.product


def test_control_codes_of_a_recipe_reach_no_terminal(dpu, counts):
    job = dpu.run(TrialWrong(how="colour", counts=counts))
    job.wait(60)
    assert "red bell" in job.log
    assert "cleared" in job.reason
    assert "\x1b" not in job.log + job.reason
    assert "\x07" not in job.log


def test_a_failed_product_can_be_ordered_again_and_keeps_its_identity(dpu, counts):
    product = TrialWrong(how="raise", counts=counts)
    first, second = dpu.run(product), None
    first.wait(60)
    second = dpu.run(product)
    second.wait(60)
    assert first.order_id != second.order_id
    assert first.record.object_id == second.record.object_id == product.object_id


def test_many_orders_go_in_one_request_and_progress_is_told(dpu):
    told = []
    jobs = dpu.submit_many([TrialCounts(n=n, label="many") for n in range(4)])
    dpu.wait_all(jobs, progress=lambda n, total: told.append((n, total)))
    assert [job.product.largest for job in jobs] == [None, 0, 1, 2]
    assert told[-1] == (4, 4)
    assert set(dpu.get_jobids(JobState.COMPLETED)) >= {job.order_id for job in jobs}


def test_the_dpu_is_a_maker_for_chains(dpu, counts):
    good, bad = TrialCounts(n=1, label="chain"), TrialWrong(how="raise", counts=counts)
    outcomes = dpu.make([good, bad])
    assert outcomes[0] is None
    assert outcomes[1].code == "recipe_failed"


def test_submit_takes_a_product_and_a_workspace(place):
    job = submit(TrialCounts(n=2), place.workspace)
    assert job.wait(60) is JobState.COMPLETED
    assert job.product.largest == 1


def test_what_was_never_made_cannot_be_an_input(dpu):
    with pytest.raises(NotMade, match="never made"):
        dpu.run(TrialSum(counts=TrialCounts(n=1), weights=TrialWeights()))


def test_what_is_made_is_not_ordered(dpu, counts):
    with pytest.raises(AlreadyMade):
        dpu.run(counts)


def test_parameters_without_a_recipe_are_not_ordered(dpu):
    with pytest.raises(BadValue, match="is no data product"):
        dpu.run(TrialWeights())


def test_a_job_that_has_ended_is_not_canceled(dpu):
    job = dpu.run(TrialCounts(n=1, label="ended"))
    job.wait(60)
    with pytest.raises(Refused, match="from completed to canceled"):
        job.cancel()
    assert job.state is JobState.COMPLETED
