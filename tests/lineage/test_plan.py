"""Plans: what exists, what is to be made, what it costs, and that a run does just that."""

from __future__ import annotations

import json

import pytest
from counting import counted
from factories import Exposure, Merged, made
from plans import states, told

from awlta.errors import BadValue, NotMade, RecipeFailed
from awlta.lineage import DataProduct, Plan
from awlta.lineage.planning import chain
from awlta.lineage.planning.states import State
from awlta.persistent import tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


# what is planned -------------------------------------------------------------------------


def test_intentions_that_link_intentions_are_one_plan_inputs_first(workspace):
    root = Merged(number=1)
    left, right = Merged(number=2, inputs=[root]), Merged(number=3, inputs=[root])
    top = Merged(number=4, inputs=[left, right])
    plan = Plan.of([top])
    assert states(plan) == {1: "missing", 2: "missing", 3: "missing", 4: "missing"}
    numbers = {t.product.number: n for n, t in enumerate(plan.targets)}
    assert plan.targets[numbers[4]].inputs == (numbers[2], numbers[3])
    assert plan.targets[numbers[3]].inputs == (numbers[1],)
    assert set(told(plan)[1]) == {("make", "never made", "to be made")}
    done = plan.run()
    assert [p.number for p in done.made] == [1, 2, 3, 4]
    assert top.is_made()
    assert list(top.inputs) == [left, right]
    assert states(top.plan()) == {4: "exists"}


def test_equal_intentions_find_what_was_made_before_and_are_made_once(workspace):
    first = made(Merged(number=1, inputs=[made(Merged(number=0))]))
    twin = Merged(number=1, inputs=[Merged(number=0)])
    top = Merged(number=2, inputs=[twin, Merged(number=5), Merged(number=5)])
    plan = Plan.of([top])
    assert states(plan) == {0: "exists", 1: "exists", 2: "missing", 5: "missing"}
    done = plan.run()
    assert [p.number for p in done.made] == [5, 2]
    assert top.inputs[0] is first
    assert top.inputs[1] is top.inputs[2]
    assert not twin.is_made()


def test_a_level_is_one_statement_however_many_products_it_has(workspace):
    def layers(width):
        before = [Merged(number=n) for n in range(width)]
        for layer in (1, 2):
            before = [Merged(number=100 * layer + n, inputs=[p]) for n, p in enumerate(before)]
        return before

    with counted() as nothing_there:
        assert len(Plan.of(layers(40))) == 120
    assert len(nothing_there) == 1  # what needs something missing is not looked up
    Plan.of(layers(3)).run()
    statements = []
    for width in (3, 3, 40):
        with counted() as one:
            plan = Plan.of(layers(width))
        statements.append(len(one))
    assert sum(t.state is State.EXISTS for t in plan.targets) == 9
    assert statements[1] == statements[2] == 3 + 3  # three levels; recipes, their digests, verdicts


def test_what_is_up_to_date_is_told_by_class_without_reading_it(workspace):
    for n in range(3):
        made(Merged(number=n))
    with counted() as statements:
        plan = Plan.of(Merged.select_all())
        assert plan.counts() == {"Merged": {State.EXISTS: 3}}
        assert plan.summary() == "nothing to make; up to date: 3 Merged"
    assert len(statements) <= 6
    assert {t.product.number for t in plan.targets} == {0, 1, 2}
    assert len(plan) == 3


def test_a_product_cannot_be_made_from_itself(workspace):
    one = Merged(number=1)
    one.inputs = [Merged(number=2, inputs=[one])]
    with pytest.raises(BadValue, match="is made from itself"):
        Plan.of([one])


def test_what_cannot_be_replaced_blocks_what_needs_it(workspace):
    class Delivered(DataProduct):
        """A product that is ingested."""

    given_one = Delivered()
    top = Merged(number=2, inputs=[Merged(number=1, inputs=[given_one])])
    beside = Merged(number=3)
    plan = Plan.of([top, beside])
    blocked = {getattr(t.product, "number", 0): t for t in plan.targets}
    assert {n: t.state.value for n, t in blocked.items()} == {
        0: "blocked",
        1: "blocked",
        2: "blocked",
        3: "missing",
    }
    assert isinstance(blocked[0].error, NotMade)
    assert "Delivered has no recipe" in str(blocked[0].error)
    assert blocked[2].error is None
    done = plan.run()
    assert [p.number for p in done.made] == [3]
    assert len(done.blocked) == 3
    assert plan.why() == [f"Delivered cannot be made: {blocked[0].error}"]


def test_a_failure_keeps_back_only_what_needs_it(workspace):
    bad = Exposure(n=2)
    good = Exposure(n=4)
    tops = [Merged(number=n, inputs=[p]) for n, p in enumerate((bad, good))]

    def make(products):
        return [
            RecipeFailed("the sky fell") if p is bad else chain.make_here([p])[0] for p in products
        ]

    done = Plan.of(tops).run(make)
    assert [(p, str(e)) for p, e in done.failed] == [(bad, "the sky fell.")]
    ((blocked, why),) = done.blocked
    assert blocked is tops[0]
    assert f"needs {bad!r}, which could not be made" in str(why)
    assert done.made == [good, tops[1]]


# cost, text, JSON ------------------------------------------------------------------------


def test_the_cost_is_the_median_of_past_runs(workspace):
    sizes = []
    for n, seconds in enumerate((1, 2, 6)):
        product = made(Exposure(n=n))
        sizes.append(product.file().size)
        with workspace.database.write() as connection:
            a = tables.activity
            start = 1_000_000
            connection.execute(
                a.update()
                .where(a.c.subject == bytes.fromhex(product.object_id.replace("-", "")))
                .values(started=start, ended=start + seconds * 1_000_000)
            )
    plan = Plan.of([Exposure(n=10), Exposure(n=11), Merged(number=1)])
    cost = plan.cost("Exposure")
    assert (cost.seconds, cost.runs, cost.same_recipe) == (4, 3, True)
    assert cost.size == 2 * sorted(sizes)[1]
    assert plan.cost().unknown == 1
    assert "to make: 2 Exposure, 1 Merged (about 4 s, " in str(plan)
    assert "from 3 past runs; 1 more never made before)" in str(plan)


def test_a_plan_is_written_as_json(workspace):
    root = made(Merged(number=0))
    top = Merged(number=1, inputs=[root])
    value = json.loads(json.dumps(Plan.of([top, root]).to_json()))
    assert value["plan"] == 1
    assert value["counts"] == {"Merged": {"missing": 1, "exists": 1}}
    assert value["cost"]["runs"] == 1
    first, second = value["targets"]
    assert (first["state"], first["object_id"], first["inputs"]) == ("missing", None, [])
    assert first["reasons"][0]["new"] == "to be made"
    assert (second["state"], second["object_id"]) == ("exists", root.object_id)
    assert (value["as_of"], value["later"]) == (None, [])
