"""What is out of date is told with its reasons, and judged as plain Python does."""

from __future__ import annotations

import itertools

import pytest
from factories import Exposure, ExposureFactory, Merged, Summed, Thresholds, key, made, zero
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import change_recipe, states, told

from awlta.lineage import Plan
from awlta.lineage.currency import currency
from awlta.lineage.currency.currency import Changes, stale, staleness
from awlta.lineage.planning.states import State


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


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
    old = zero(value=1)
    exposure, other = ExposureFactory(make=True), Exposure(n=5)
    other.make()
    summed = made(Summed(exposure=exposure, others=[other], thresholds=Thresholds()))
    assert summed.uptodate()
    change_recipe(workspace, exposure)
    assert [r.part for r in summed.uptodate(explain=True)] == ["recipe"]
    workspace.judge(other, 0, "clouds")
    assert [r.part for r in summed.uptodate(explain=True)] == ["recipe", "verdict"]
    new = zero(value=2)
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


@settings(max_examples=12)
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
