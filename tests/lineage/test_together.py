"""Many products made in one block: committed in one transaction, or none of them."""

from __future__ import annotations

import pytest
from factories import ExposureFactory, Merged, Summed, SummedFactory, Thresholds

from awlta.errors import NotMade, UndeclaredInput
from awlta.lineage import DataProduct, recipe
from awlta.persistent import Attribute, Link, link, persistent
from awlta.storage.intent import State, intents


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


class Peeping(DataProduct):
    """Reads what it was not given."""

    secret: DataProduct | None = None
    number: Attribute[int] = persistent("number", init=False)

    @recipe
    def make(self) -> None:
        """Look at another product."""
        self.number = type(self).secret.number


class Doubled(DataProduct):
    """Twice another one's number."""

    source: Link[Merged] = link("what is doubled")
    number: Attribute[int] = persistent("number", init=False)

    @recipe
    def make(self) -> None:
        """Double."""
        self.number = 2 * self.source.number


def test_what_is_made_together_is_committed_in_one_transaction(workspace, statements):
    Merged(number=0).make()
    statements.clear()
    with workspace.together():
        first = Merged(number=3)
        first.make()
        second = Doubled(source=first)
        second.make()
        assert (second.number, first.is_stored, second.is_stored) == (6, False, False)
        assert len(Merged.select_all()) == 1
    assert (first.is_stored, second.is_stored) == (True, True)
    assert len([s for s in statements if "INTO product" in s or "COPY product" in s]) <= 2
    assert len(Merged.select_all()) == 2
    assert second.ancestors() == [first]
    activity = workspace.lineage(second).activities[second.object_id]
    assert (activity["outcome"], activity["recipe"]) == ("done", f"{__name__}:Doubled.make")


def test_files_of_what_is_made_together_are_stored_and_found(workspace):
    with workspace.together():
        exposure = ExposureFactory(n=4, make=True)
        summed = Summed(exposure=exposure, zero=None, thresholds=Thresholds())
        summed.make()
    assert summed.value == 12
    assert exposure.retrieve(workspace.profile.home).exists()
    assert [i.state for i in intents(workspace, *State)] == [State.ARCHIVED] * 2


def test_of_a_block_that_raises_nothing_is_committed_and_all_can_be_made_again(workspace):
    first, second = Merged(number=1), Merged(number=2)

    def make_both():
        with workspace.together():
            first.make()
            second.make()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_both()
    assert len(Merged.select_all()) == 0
    assert not first.is_stored
    with pytest.raises(NotMade):
        Doubled(source=first).make()
    first.make()
    assert [m.number for m in Merged.select_all()] == [1]


def test_what_waits_for_its_commit_may_not_be_read_undeclared(workspace):
    with workspace.together():
        Peeping.secret = Merged(number=1)
        Peeping.secret.make()
        with pytest.raises(UndeclaredInput):
            Peeping().make()
    assert Peeping.secret.is_stored


def test_a_block_within_a_block_is_part_of_it(workspace):
    with workspace.together():
        with workspace.together():
            inner = Merged(number=1)
            inner.make()
        assert not inner.is_stored
    assert inner.is_stored


def test_an_empty_block_writes_nothing(workspace, statements):
    with workspace.together():
        pass
    assert statements == []


def summed(thresholds: Thresholds, n: int = 3) -> Summed:
    product = SummedFactory(exposure__n=n, thresholds=thresholds)
    product.make()
    return product


def test_equal_parameters_of_what_is_made_together_are_one_object(workspace):
    known = summed(Thresholds(weight=3))
    with workspace.together():
        products = [summed(Thresholds(weight=3), n) for n in (4, 5)]
    assert all(product.thresholds is known.thresholds for product in products)


def test_parameters_taken_from_an_intention_are_the_known_ones(workspace):
    known = summed(Thresholds(weight=3))
    asked = SummedFactory(thresholds=known.thresholds)
    other = summed(asked.thresholds, 4)
    assert other.thresholds is known.thresholds
