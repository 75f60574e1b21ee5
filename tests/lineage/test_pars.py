"""Parameters: edited through an intention, by telescope and category, and of a whole chain."""

from __future__ import annotations

import copy

import pytest
from factories import Exposure, ExposureFactory, Summed, SummedFactory, Thresholds
from hypothesis import given
from hypothesis import strategies as st

from awlta.errors import AlreadyMade, BadValue, NotFound
from awlta.lineage import Case, DataProduct, Parameters, Pars, Selection, Workspace, recipe
from awlta.persistent import Attribute, Link, Links, OptionalLink, link, persistent
from awlta.persistent.classes.model import registry


class Cuts(Parameters):
    """Cuts that depend on telescope and category."""

    low: Attribute[float] = persistent("least light", unit="p.e.", default=8.0, low=0)
    high: Attribute[int] = persistent("most pixels", default=100, low=1, high=1000)
    name: Attribute[str] = persistent("what they are for")

    defaults = (
        Case(telescope="LST*", low=6.0),
        Case(category="A", high=50),
        Case(telescope="LST-1", category="A", low=7),
    )


class Shape(Parameters):
    """Another set."""

    width: Attribute[int] = persistent("width", default=3)


class Band(Parameters):
    """Two values that go together."""

    least: Attribute[float] = persistent("least light", default=1.0)
    most: Attribute[float] = persistent("most light", default=2.0)

    def check(self) -> None:
        """Raise BadValue for a band that is none."""
        if self.least > self.most:
            raise BadValue(f"A band from {self.least} to {self.most}", expected="least <= most")


class Banded(DataProduct):
    """A product of one set."""

    band: Link[Band] = link("what is let through")

    @recipe
    def make(self) -> None:
        """Nothing to do."""


class Snapshot(DataProduct):
    """A product at the beginning."""

    shape: Link[Shape] = link("shape")

    @recipe
    def make(self) -> None:
        """Nothing to do."""

    @classmethod
    def targets(cls, wanted: Selection) -> list[Snapshot]:
        """Return one photo."""
        return [cls.get_target(shape=wanted.parameters(cls, "LST-1", role="shape"))]


class Gallery(DataProduct):
    """A product in the middle, which leads to its beginning twice."""

    photos: Links[Snapshot] = link("photos", default=())
    best: OptionalLink[Snapshot] = link("the best of them", default=None)

    @recipe
    def make(self) -> None:
        """Nothing to do."""


class Exhibition(DataProduct):
    """A product at the end."""

    gallery: Link[Gallery] = link("what is shown")
    parameters: Link[Cuts] = link("cuts")
    spare: OptionalLink[Shape] = link("another shape", default=None)

    @recipe
    def make(self) -> None:
        """Nothing to do."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every test that has a workspace runs on both databases."""
    return str(request.param)


# through an intention ----------------------------------------------------------------------


def test_an_intention_gets_a_changed_copy_of_shared_parameters(workspace: Workspace) -> None:
    shared = Thresholds(weight=2.0)
    one, other = SummedFactory(thresholds=shared), SummedFactory(thresholds=shared)
    one.thresholds.weight = 5.0
    assert (one.thresholds.weight, other.thresholds.weight, shared.weight) == (5.0, 2.0, 2.0)
    one.make()
    other.make()
    assert one.value == 5 * 3
    assert len(Thresholds.select_all()) == 2


def test_committed_parameters_are_edited_through_an_intention_too(workspace: Workspace) -> None:
    shared = Thresholds(weight=2.0).commit()
    summed = SummedFactory(thresholds=shared)
    assert summed.thresholds.object_id == shared.object_id
    summed.thresholds.weight = 5.0
    summed.thresholds.note = "steep"
    assert not summed.thresholds.is_stored
    assert summed.thresholds.object_id != shared.object_id
    assert (summed.thresholds.weight, summed.thresholds.note) == (5.0, "steep")
    assert (shared.weight, shared.note) == (2.0, "")
    with pytest.raises(AlreadyMade):
        shared.weight = 5.0


def test_values_that_do_not_go_together_are_neither_committed_nor_made_with(
    workspace: Workspace,
) -> None:
    banded = Banded(band=Band(least=1.0))
    banded.band.least = 5.0  # for a moment, until most follows
    with pytest.raises(BadValue, match=r"A band from 5\.0 to 2\.0"):
        banded.make()
    with pytest.raises(BadValue, match="least <= most"):
        workspace.commit(banded.band)
    assert (len(Band.select_all()), banded.is_stored) == (0, False)
    banded.band.most = 6.0
    banded.make()
    assert banded.is_stored


def test_a_set_that_was_assigned_can_be_edited(workspace: Workspace) -> None:
    summed = SummedFactory()
    summed.thresholds = Thresholds()
    handle = summed.thresholds
    handle.weight = 9
    handle.note = "by its handle"
    assert (summed.thresholds.weight, summed.thresholds.note) == (9.0, "by its handle")


def test_a_wrong_value_changes_nothing(workspace: Workspace) -> None:
    summed = SummedFactory()
    with pytest.raises(BadValue, match="from 0 to 10"):
        summed.thresholds.weight = 11
    with pytest.raises(BadValue, match="float"):
        summed.thresholds.weight = "much"
    assert summed.thresholds.weight == 2.0


def test_the_parameters_of_a_product_that_is_made_stay(workspace: Workspace) -> None:
    summed = SummedFactory()
    before = summed.thresholds
    summed.make()
    with pytest.raises(AlreadyMade):
        summed.thresholds.weight = 3.0
    before.note = "too late for the product"
    assert (summed.thresholds.weight, summed.thresholds.note) == (2.0, "")


def test_reading_does_not_change_what_an_intention_asks_for(workspace: Workspace) -> None:
    shared = Thresholds()
    summed = SummedFactory(thresholds=shared)
    assert summed.thresholds.weight == 2.0
    assert summed.__dict__["thresholds"] is shared
    assert summed.linked()[-1][2] is shared


# defaults for a telescope and a category ---------------------------------------------------


@pytest.mark.parametrize(
    ("telescope", "category", "low", "high"),
    [
        (None, "B", 8.0, 100),
        ("MST-3", "C", 8.0, 100),
        ("LST-1", "B", 6.0, 100),
        ("LST-1", "A", 7.0, 50),
        ("LST-2", "A", 6.0, 50),
    ],
)
def test_defaults_depend_on_telescope_and_category(
    telescope: str | None, category: str, low: float, high: int
) -> None:
    cuts = Cuts.for_(telescope=telescope, category=category, name="test")
    assert (cuts.low, cuts.high) == (low, high)


def test_what_is_given_is_stronger_than_a_default() -> None:
    assert Cuts.for_(telescope="LST-1", low=9.0, name="test").low == 9.0
    assert Cuts(name="test").low == 8.0


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case(telescope="LST*", low=-1.0), "Cuts.low = -1.0"),
        (Case(telescope="LST*", lwo=1.0), "names lwo"),
        (Case(category="D", low=1.0), "the category 'D'"),
        (Case(telescope="", low=1.0), "names ''"),
        ("LST*", "defaults = "),
    ],
)
def test_defaults_are_checked_when_the_class_is_made(case: object, words: str) -> None:
    known = dict(registry)
    with pytest.raises(BadValue, match=words):
        type("MoreCuts", (Cuts,), {"defaults": (case,), "__module__": __name__})
    for name in set(registry) - set(known):
        del registry[name]


def test_a_category_is_one_of_three() -> None:
    with pytest.raises(BadValue, match="category = 'D'"):
        Cuts.for_(category="D", name="test")


# of a whole chain --------------------------------------------------------------------------


def test_the_tree_holds_everything_upstream_once() -> None:
    pars = Pars(Exhibition)
    assert dir(pars)[:3] == ["Exhibition", "Snapshot", "apply"]
    assert dir(pars.Exhibition) == ["parameters", "spare"]
    assert dir(pars.Exhibition.parameters) == ["high", "low", "name"]
    assert repr(Pars("Exhibition")) == str(pars.show())


def test_the_tree_tells_defaults_units_ranges_and_what_differs() -> None:
    pars = Pars("Exhibition", telescope="LST-1", category="A")
    pars.Snapshot.shape.width = 5
    assert pars.show().splitlines() == [
        "Exhibition (telescope LST-1, category A)",
        "  parameters: Cuts",
        "    low = 7.0 p.e.    least light [float in p.e. from 0 to inf]",
        "    high = 50    most pixels [int from 1 to 1000]",
        "    name = ?    what they are for [str]",
        "  spare: Shape",
        "    width = 3    width [int]",
        "  Gallery",
        "    Snapshot",
        "      shape: Shape",
        "      * width = 5    width [int, default 3]",
    ]


def test_only_differences_are_told() -> None:
    pars = Pars(Exhibition)
    assert pars.get() == {}
    pars.Exhibition.parameters.low = 5
    pars.Snapshot.shape.width = 3
    assert pars.get() == {"Exhibition.parameters.low": 5.0}
    assert pars.difference() == {"Exhibition.parameters.low": (8.0, 5.0)}
    pars.Exhibition.parameters.low = 8.0
    pars.Exhibition.parameters.name = "test"
    assert pars.difference() == {"Exhibition.parameters.name": (None, "test")}


def test_values_are_checked_when_they_are_set() -> None:
    pars = Pars(Exhibition)
    with pytest.raises(BadValue, match=r"Cuts.low = -1.0. Expected: float in p.e. from 0"):
        pars.Exhibition.parameters.low = -1
    with pytest.raises(NotFound, match=r"Exhibition.parameters has no value named 'lwo'.* low"):
        pars.Exhibition.parameters.lwo = 3
    with pytest.raises(NotFound, match="Exhibition has no parameters named 'parametres'"):
        _ = pars.Exhibition.parametres
    with pytest.raises(NotFound, match=r"named 'Foto'. Expected: .*Snapshot"):
        _ = pars.Foto
    with pytest.raises(NotFound, match=r"Exhibition.parameters.name has no default"):
        _ = pars.Exhibition.parameters.name
    with pytest.raises(BadValue, match="Snapshot of the parameters was set"):
        pars.Snapshot = 3
    with pytest.raises(BadValue, match=r"Snapshot.shape = .*Expected: a Shape"):
        pars.Snapshot.shape = Cuts(name="test")
    assert pars.get() == {}


def test_a_whole_set_can_be_given() -> None:
    pars = Pars(Exhibition)
    pars.Snapshot.shape = Shape(width=8)
    assert pars.get() == {"Snapshot.shape.width": 8}


def test_a_copy_is_like_the_first() -> None:
    pars = Pars(Exhibition)
    pars.Snapshot.shape.width = 8
    assert copy.deepcopy(pars).get() == pars.get()


@given(low=st.floats(0, 1e9), width=st.integers(-(2**40), 2**40))
def test_what_is_set_is_what_products_get(low: float, width: int) -> None:
    pars = Pars(Exhibition, telescope="LST-1")
    pars.Exhibition.parameters.low, pars.Snapshot.shape.width = low, width
    pars.Exhibition.parameters.name = "test"
    assert pars["parameters"].values() == {"low": low, "high": 100, "name": "test"}
    assert pars.parameters(Snapshot, "shape").width == width
    assert len(pars.get()) == 1 + (low != 6.0) + (width != 3)


def test_an_intention_is_given_its_parameters(workspace: Workspace) -> None:
    pars = Pars(Summed)
    pars.Summed.thresholds.weight = 4
    summed = pars.apply(SummedFactory())
    assert summed.thresholds.weight == 4.0
    exposure = ExposureFactory(make=True)
    assert Summed(exposure=exposure, zero=None, **pars).thresholds.weight == 4.0
    target = Summed.get_target(exposure=exposure, zero=None, thresholds=pars)
    assert target.thresholds.weight == 4.0
    assert pars.apply(Exposure()).n == 3


def test_targets_take_what_a_selection_is_given(workspace: Workspace) -> None:
    pars = Pars(Exhibition)
    pars.Snapshot.shape.width = 12
    (steered,) = Selection(pars=pars).targets(Snapshot)
    (plain,) = Selection().targets(Snapshot)
    (other,) = Selection(pars=Pars(Summed)).targets(Snapshot)
    assert (steered.shape.width, plain.shape.width, other.shape.width) == (12, 3, 3)


def test_many_intentions_share_one_set() -> None:
    wanted = Selection()
    sets = {id(wanted.parameters(Snapshot, "LST-1", role="shape")) for _ in range(10)}
    assert len(sets) == 1
