"""What is asked of one product: does it exist, made anew, what was made of it."""

from __future__ import annotations

import pytest
from counting import counted
from factories import ExposureFactory, Merged, Summed, SummedFactory, Thresholds, made, zero

from awlta.errors import NotMade
from awlta.persistent import tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


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
    chosen = zero()
    exposures = [ExposureFactory(make=True) for _ in range(6)]
    kept = made(Summed(exposure=exposures[0], thresholds=Thresholds()))
    numbers = []
    for some in (exposures[:1], exposures[:2], exposures):
        with counted() as statements:
            found = Summed.get_targets({"exposure": e, "thresholds": Thresholds()} for e in some)
        numbers.append(len(statements))
        assert found[0] is kept
        assert all(target.zero is chosen for target in found)
        assert [target.is_made() for target in found[1:]] == [False] * (len(some) - 1)
    assert numbers[0] == numbers[1] == numbers[2]


def test_remake_is_the_same_with_inputs_as_of_now(workspace):
    old = zero(value=1)
    summed = made(SummedFactory(zero=old, thresholds=Thresholds(weight=3), category="C"))
    assert summed.remake().zero is old
    new = zero(value=2, category="C")
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
