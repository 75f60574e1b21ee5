"""Plans: what exists, what is to be made and why, what it costs, and that a run does just that."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from factories import (
    NOON,
    Exposure,
    ExposureFactory,
    Merged,
    Summed,
    SummedFactory,
    Thresholds,
    Zero,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from awlta.errors import BadValue, NotMade, RecipeFailed
from awlta.lineage import DataProduct, Plan
from awlta.lineage.currency import currency
from awlta.lineage.currency.currency import Changes, stale, staleness
from awlta.lineage.planning import chain
from awlta.lineage.planning.states import State
from awlta.persistent import tables

HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def made(product):
    product.make()
    return product


def key(product):
    return product.__dict__["_key"]


def states(plan):
    """Return the state of each product by its number, for graphs of Merged."""
    return {t.product.number: t.state.value for t in plan.targets}


def told(plan):
    """Return the reasons of each product that is to be made."""
    return {t.product.number: [(r.part, r.old, r.new) for r in t.reasons] for t in plan.to_make}


def change_recipe(workspace, *products):
    """Let products have been made by another version of their recipe."""
    with workspace.database.write() as connection:
        connection.execute(
            tables.activity.update()
            .where(
                tables.activity.c.id.in_(
                    tables.product.select()
                    .with_only_columns(tables.product.c.activity)
                    .where(tables.product.c.id.in_([key(p) for p in products]))
                )
            )
            .values(recipe_version="0", recipe_digest=bytes(32))
        )


@contextmanager
def counted(workspace) -> Iterator[list[str]]:
    """Give the statements that are executed in a block."""
    statements: list[str] = []

    def note(connection, cursor, statement, *more):
        statements.append(statement)

    engine = workspace.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


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

    with counted(workspace) as nothing_there:
        assert len(Plan.of(layers(40))) == 120
    assert len(nothing_there) == 1  # what needs something missing is not looked up
    Plan.of(layers(3)).run()
    statements = []
    for width in (3, 3, 40):
        with counted(workspace) as one:
            plan = Plan.of(layers(width))
        statements.append(len(one))
    assert sum(t.state is State.EXISTS for t in plan.targets) == 9
    assert statements[1] == statements[2] == 3 + 3  # three levels; recipes, their digests, verdicts


def test_what_is_up_to_date_is_told_by_class_without_reading_it(workspace):
    for n in range(3):
        made(Merged(number=n))
    with counted(workspace) as statements:
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


# what is out of date ---------------------------------------------------------------------


def test_a_changed_recipe_is_told_and_everything_above_it_is_made_again(workspace):
    root, other = made(Merged(number=0)), made(Merged(number=1))
    middle = made(Merged(number=2, inputs=[root, other]))
    top = made(Merged(number=3, inputs=[middle]))
    beside = made(Merged(number=4, inputs=[other]))
    change_recipe(workspace, root)
    digest = Merged.__recipe__.identity.digest[:12]
    recipe = ("recipe", f"version 0, {'0' * 12}", f"version 1, {digest}")
    for plan in (Plan.of([top, beside]), Plan.of(Merged.select_all())):
        assert states(plan) == {0: "stale", 2: "stale", 3: "stale"} | dict.fromkeys(
            {t.product.number for t in plan.targets} - {0, 2, 3}, "exists"
        )
        assert told(plan) == {
            0: [recipe],
            2: [("inputs", repr(root), "to be made again")],
            3: [("inputs", repr(middle), "to be made again")],
        }
    plan = top.plan()
    new = plan.run().made[-1]
    assert (new.number, new.uptodate(), top.uptodate()) == (3, True, False)
    assert new.inputs[0].inputs[1] is other
    assert states(top.plan()) == {0: "exists", 2: "exists", 3: "exists"}
    assert top.remake().inputs[0] is new.inputs[0]


def test_a_bad_product_is_the_cause_for_what_was_made_from_it_and_that_for_the_rest(workspace):
    root = made(Merged(number=0))
    middle = made(Merged(number=1, inputs=[root]))
    top = made(Merged(number=2, inputs=[middle, middle]))
    workspace.judge(root, 0, "clouds")
    for plan in (top.plan(), Merged(number=2, inputs=[middle, middle]).plan()):
        assert told(plan) == {
            0: [("verdict", "valid", "bad (ada: clouds)")],
            1: [("verdict", "valid", "bad (ada: clouds)")],
            2: [("inputs", repr(middle), "to be made again")],
        }
    assert {c.part for c in stale(workspace, [key(top)])[key(top)]} == {"inputs"}


def test_each_cause_alone_and_all_together_is_told(workspace):
    def zero(value):
        return made(Zero(value=value, since=NOON - HOUR, until=NOON + HOUR))

    old = zero(1)
    exposure, other = ExposureFactory(make=True), Exposure(n=5)
    other.make()
    summed = made(Summed(exposure=exposure, others=[other], thresholds=Thresholds()))
    assert summed.uptodate()
    change_recipe(workspace, exposure)
    assert [r.part for r in summed.uptodate(explain=True)] == ["recipe"]
    workspace.judge(other, 0, "clouds")
    assert [r.part for r in summed.uptodate(explain=True)] == ["recipe", "verdict"]
    new = zero(2)
    assert [(r.product, r.part) for r in summed.uptodate(explain=True)] == [
        (exposure, "recipe"),
        (other, "verdict"),
        (summed, "zero"),
    ]
    causes = stale(workspace, [key(summed)])[key(summed)]
    assert {(c.product, c.part) for c in causes} == {
        (key(summed), "zero"),
        (key(summed), "exposure"),
        (key(other), "verdict"),
    }
    plan = summed.plan()
    reasons = {(type(t.product).__name__, r.part) for t in plan.to_make for r in t.reasons}
    assert reasons == {
        ("Exposure", "recipe"),
        ("Exposure", "verdict"),
        ("Summed", "exposure"),
        ("Summed", "verdict"),
        ("Summed", "zero"),
    }
    again = plan.run().made[-1]
    assert again.zero is new
    assert old is summed.zero
    assert again.exposure is not exposure
    assert again.uptodate()


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


# random graphs ---------------------------------------------------------------------------


@st.composite
def graphs(draw):
    """Edges of a random graph without circles, and what has changed in it since."""
    number = draw(st.integers(2, 9))
    inputs = [
        draw(st.lists(st.integers(0, n - 1), max_size=3, unique=True)) if n else []
        for n in range(number)
    ]
    some = st.sets(st.integers(0, number - 1), max_size=3)
    return inputs, draw(some), draw(some), draw(st.sets(st.integers(0, number - 1), min_size=1))


numbers = itertools.count(0, 100)


@settings(max_examples=25)
@given(graph=graphs())
def test_random_graphs_are_judged_as_plain_python_does(new_workspace, graph):
    inputs, changed, bad, asked = graph
    base = next(numbers)  # all examples share one database
    with new_workspace().use() as workspace:
        products = []
        for number, edges in enumerate(inputs):
            made_of = [products[n] for n in edges]
            products.append(made(Merged(number=base + number, inputs=made_of)))
        change_recipe(workspace, *[products[n] for n in changed])
        for n in bad:
            workspace.judge(products[n], 0, "bad")
        out: set[int] = set()
        for number, edges in enumerate(inputs):
            if number in changed or any(n in out or n in bad for n in edges):
                out.add(number)
        wanted = [key(products[n]) for n in asked]
        expected = {key(products[n]) for n in out & asked}
        few = staleness(workspace, wanted)
        many = staleness(workspace, wanted, Changes(workspace, [Merged]))
        assert few.keys == many.keys == expected
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(currency, "MOST", 1)
            assert staleness(workspace, wanted, Changes(workspace, [Merged])).keys == expected
            to_make = {
                t.product.number - base for t in Plan.of([products[n] for n in asked]).to_make
            }
            assert to_make == needed(inputs, asked, out | bad)
        assert set(stale(workspace, wanted)) == expected
        assert all(stale(workspace, wanted).values())
        queried = stale(workspace, Merged.select(Merged.number.in_([base + n for n in asked])))
        assert set(queried) == expected
        assert {n for n in asked if products[n].uptodate()} == asked - out
        plan = Plan.of([products[n] for n in asked])
        to_make = {t.product.number - base for t in plan.to_make}
        assert to_make == needed(inputs, asked, out | bad)
        plan.run()
        after = Plan.of([products[n] for n in asked])
        assert {t.state for t in after.targets} == {State.EXISTS}


def needed(inputs, asked, out):
    """Return the products that must be made again for those asked for."""
    found: set[int] = set()
    pending = [n for n in asked if n in out]
    while pending:
        n = pending.pop()
        if n not in found:
            found.add(n)
            pending += [i for i in inputs[n] if i in out]
    return found


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


# asked of one product --------------------------------------------------------------------


def test_a_product_of_the_same_inputs_exists_whether_or_not_it_is_up_to_date(workspace):
    root = made(Merged(number=0))
    top = made(Merged(number=1, inputs=[root]))
    twin = Merged(number=1, inputs=[root])
    assert (twin.exist(), twin.is_made(), top.exist()) == (True, False, True)
    assert not Merged(number=2, inputs=[root]).exist()
    assert not Merged(number=1, inputs=[twin]).exist()
    workspace.judge(root, 0, "bad")
    assert twin.exist()
    assert Merged.get(number=1, inputs=[root]) is not top


def test_many_targets_are_asked_for_in_as_many_statements_as_one(workspace):
    zero = made(Zero(value=1, since=NOON - HOUR, until=NOON + HOUR))
    exposures = [ExposureFactory(make=True) for _ in range(6)]
    kept = made(Summed(exposure=exposures[0], thresholds=Thresholds()))
    numbers = []
    for some in (exposures[:1], exposures[:2], exposures):
        with counted(workspace) as statements:
            found = Summed.get_targets({"exposure": e, "thresholds": Thresholds()} for e in some)
        numbers.append(len(statements))
        assert found[0] is kept
        assert all(target.zero is zero for target in found)
        assert [target.is_made() for target in found[1:]] == [False] * (len(some) - 1)
    assert numbers[1] == numbers[2]


def test_remake_is_the_same_with_inputs_as_of_now(workspace):
    old = made(Zero(value=1, since=NOON - HOUR, until=NOON + HOUR))
    summed = made(SummedFactory(zero=old, thresholds=Thresholds(weight=3), category="C"))
    assert summed.remake().zero is old
    new = made(Zero(value=2, since=NOON - HOUR, until=NOON + HOUR, category="C"))
    again = summed.remake()
    assert (again.zero, again.exposure, again.category) == (new, summed.exposure, "C")
    assert again.thresholds.weight == 3
    assert not again.is_made()
    with pytest.raises(NotMade):
        again.remake()


def test_dependents_are_what_was_made_of_it_and_still_counts(workspace):
    root, other = made(Merged(number=0)), made(Merged(number=9))
    low = [made(Merged(number=n, inputs=[root])) for n in (1, 2)]
    high = made(Merged(number=3, inputs=[low[0], other]))
    bad = made(Merged(number=4, inputs=[root]))
    workspace.judge(bad, 0, "bad")
    assert root.dependents().counts() == {"Merged": 3}
    assert root.dependents().products() == [*low, high]
    assert str(root.dependents()) == "3 products: 3 Merged"
    workspace.judge(root, 0, "bad")
    assert len(root.dependents()) == 3
    workspace.judge(other, 0, "bad")
    assert root.dependents().products() == low
    assert len(Merged(number=7).dependents()) == 0


def test_another_environment_is_told_apart_and_makes_nothing_stale(workspace, new_workspace):
    product = made(Merged(number=1))
    assert product.differences() == []
    recorded = workspace.environment()
    with workspace.database.write() as connection:
        table = tables.table_of(type(recorded))
        lines = recorded.packages.split("\n")
        now = next(line for line in lines if line.startswith("numpy=="))
        then = ["gone==1.0", *("numpy==0.1" if line == now else line for line in lines)]
        packages = "\n".join(then)
        connection.execute(table.update().values(packages=packages, python="2.7.18"))
    with new_workspace().use() as other:
        product = other.get(product.object_id)
        assert product.uptodate()
        found = {r.part: (r.old, r.new) for r in product.differences()}
    assert found["numpy"] == ("0.1", now.removeprefix("numpy=="))
    assert found["gone"] == ("1.0", "absent")
    assert found["python"][0] == "2.7.18"
