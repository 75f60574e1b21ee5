"""A recipe is run: all of what it gives is committed together, or nothing is."""

import logging
import socket

import h5py
import pytest
from factories import (
    Dish,
    DishFactory,
    Exposure,
    ExposureFactory,
    Merged,
    SummedFactory,
    Thresholds,
)

from awlta.digest import digest_file
from awlta.errors import (
    AlreadyMade,
    AwltaError,
    BadValue,
    Fault,
    LeaseLost,
    NotFound,
    NotMade,
    RecipeFailed,
    Refused,
)
from awlta.lineage import DataProduct, new_hdf5, recipe
from awlta.lineage.making.making import work_of
from awlta.persistent import Attribute, Link, Links, link, persistent
from awlta.persistent.watches import pause
from awlta.storage.intent import State, begin, intents, release_lease

HOW = {"fail": None, "n": 1}
"""What the recipes below do; their products do not know, which is what the tests are about."""


class Unreliable(DataProduct):
    """A product whose recipe does what HOW says."""

    source: Link[Exposure] = link("exposure")
    more: Links[Exposure] = link("more", default=())
    setting: Attribute[int] = persistent("a setting", default=1)
    optional: Attribute[int | None] = persistent("may be left out", init=False)
    value: Attribute[int] = persistent("result", init=False)

    @recipe
    def make(self):
        """Do what HOW says."""
        with new_hdf5(self.create(".h5")) as file:
            file["n"] = HOW["n"]
        self.value = 5
        if HOW["fail"] is not None:
            HOW["fail"](self)


@pytest.fixture
def source(workspace):
    HOW.update(fail=None, n=1)
    return ExposureFactory(make=True)


def rows(workspace, text):
    with workspace.database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(text)]


def failing(product, how, error):
    """Make a product whose recipe does this, and return the error."""
    HOW["fail"] = how
    with pytest.raises(error) as caught:
        product.make()
    HOW["fail"] = None
    return caught.value


def raise_it(product):
    raise ValueError("no light")


def test_product_files_links_and_activity_are_committed_together(workspace, new_workspace):
    summed = SummedFactory(others=[ExposureFactory(n=5, make=True)])
    summed.make()
    assert (summed.is_made(), summed.value) == (True, 2 * 3 + 10)
    with new_workspace("ada").use() as other:
        back = other.get(summed.object_id)
        assert (back.value, back.exposure.n, back.others[0].total) == (16, 3, 10)
        assert back.thresholds.weight == 2
        assert (back.zero, back.remark) == (None, None)
        activity = other.lineage(back).activities[back.object_id]
        assert (activity["kind"], activity["outcome"], activity["operator"]) == (
            "make",
            "done",
            "ada",
        )
        assert activity["recipe"] == "factories:Summed.make"
        assert [f.role for f in back.exposure.files] == ["data"]
    assert [i.state for i in intents(workspace, *State)] == [State.ARCHIVED] * 3


def test_the_file_is_stored_verified_and_brought_back(workspace, tmp_path):
    exposure = ExposureFactory(n=4, make=True)
    path = exposure.retrieve(tmp_path)
    record = exposure.file()
    assert path.name == record.name == f"exposure-{exposure.object_id}.h5"
    assert digest_file(path) == record.digests
    with h5py.File(path) as file:
        assert file["counts"][:].tolist() == [0, 1, 2, 3]
    assert exposure.retrieve(tmp_path / "other.h5").name == "other.h5"
    with pytest.raises(NotFound, match=r"no file for 'figure'. Expected: data"):
        exposure.retrieve(role="figure")


def test_a_failed_recipe_leaves_a_record_and_no_product(workspace, source):
    product = Unreliable(source=source)
    before = product.object_id
    error = failing(product, raise_it, RecipeFailed)
    assert "Unreliable.make raised ValueError: no light" in str(error)
    assert isinstance(error.__cause__, ValueError)
    assert not product.is_made()
    assert "value" not in product.__dict__
    assert len(Unreliable.select_all()) == 0
    assert rows(workspace, "SELECT count(*) FROM dep") == [(0,)]
    (activity,) = rows(workspace, "SELECT outcome, log FROM activity WHERE recipe LIKE '%Unr%'")
    assert activity[0] == "failed"
    assert "no light" in activity[1]
    (intent,) = intents(workspace, State.FAILED)
    assert (intent.object_id, intent.attempt) == (before, 1)
    assert "no light" in intent.reason


def test_what_failed_can_be_made_again_under_the_same_identity(workspace, source):
    product = Unreliable(source=source)
    before = product.object_id
    failing(product, raise_it, RecipeFailed)
    product.make()
    assert (product.object_id, product.value) == (before, 5)
    assert intents(workspace, State.FAILED) == []
    outcomes = rows(workspace, "SELECT outcome FROM activity WHERE recipe LIKE '%Unr%' ORDER BY id")
    assert outcomes == [("failed",), ("done",)]


def test_a_new_intention_takes_over_the_identity_of_one_that_failed(workspace, source):
    first = Unreliable(source=source)
    failing(first, raise_it, RecipeFailed)
    second = Unreliable(source=source)
    assert second.object_id != first.object_id
    second.make()
    assert second.object_id == first.object_id


def test_other_settings_after_a_failure_are_another_product(workspace, source):
    product = Unreliable(source=source)
    before = product.object_id
    failing(product, raise_it, RecipeFailed)
    product.setting = 2
    product.make()
    assert product.object_id != before
    assert [i.object_id for i in intents(workspace, State.FAILED)] == [before]


def test_a_keyboard_interrupt_ends_the_attempt(workspace, source):
    def interrupt(product):
        raise KeyboardInterrupt

    product = Unreliable(source=source)
    failing(product, interrupt, KeyboardInterrupt)
    assert len(intents(workspace, State.FAILED)) == 1
    product.make()
    assert product.is_made()


def test_a_product_is_made_once(workspace, source):
    with pytest.raises(AlreadyMade, match=r"get_target\(...\) gives a new one"):
        source.make()


def test_inputs_must_have_been_made(workspace):
    with pytest.raises(NotMade, match=r"was never made"):
        Unreliable(source=ExposureFactory()).make()
    with pytest.raises(NotMade, match=r"was never made"):
        Merged(inputs=[ExposureFactory()]).make()
    assert intents(workspace, *State) == []


def test_other_objects_are_committed_along(workspace):
    summed = SummedFactory(remark=DishFactory())
    summed.make()
    assert (Dish.select_all().first(), len(Thresholds.select_all())) == (summed.remark, 1)


def test_a_category_is_one_of_three(workspace):
    with pytest.raises(BadValue, match=r"category = 'D'.*Expected: A \(minutes\)"):
        ExposureFactory(category="D").make()
    exposure = ExposureFactory(category="C")
    exposure.make()
    assert list(Exposure.category == "C") == [exposure]


def test_a_product_without_recipe_cannot_be_made(workspace):
    bare = type("WithoutRecipe", (DataProduct,), {})
    with pytest.raises(NotMade, match=r"has no recipe.*awlta ingest"):
        bare().make()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (lambda p: p.__dict__.pop("value"), "did not set value"),
        (lambda p: p.create(".png", role="figure"), "created no file for 'figure'"),
        (lambda p: p.create(".h5"), "'data' .* was created before"),
        (lambda p: setattr(p, "value", "five"), "value = 'five'"),
        (lambda p: setattr(p, "setting", 2), "set setting, which it was given"),
        (lambda p: setattr(p, "source", p.source), "set source, which it was given"),
        (lambda p: p.more.append(p.source), "set more, which it was given"),
        (lambda p: setattr(p, "category", "A"), "set category, which it was given"),
        (lambda p: p.create("h5", role="x"), "The ending 'h5'"),
        (lambda p: p.create(".a/b", role="x"), "The ending '.a/b'"),
        (lambda p: p.source.create(".h5"), "is not being made"),
        (lambda p: Unreliable(source=p.source, setting=9).make(), "makes another product"),
    ],
)
def test_a_recipe_that_does_what_it_must_not_fails(workspace, source, how, why):
    product = Unreliable(source=source)
    HOW["fail"] = how
    with pytest.raises(AwltaError, match=why):
        product.make()
    assert not product.is_made()
    assert len(intents(workspace, State.FAILED)) == 1


def test_an_attribute_that_may_be_none_need_not_be_set(workspace, source):
    product = Unreliable(source=source)
    product.make()
    assert product.optional is None


def test_what_is_being_made_elsewhere_is_refused(workspace, source):
    product = Unreliable(source=source)
    lease = begin(
        workspace,
        object_id=product.object_id,
        kind="make",
        class_name="Unreliable",
        work=work_of(product),
        names=[],
    )
    with pytest.raises(Refused, match=r"is being made by process \d+ on"):
        Unreliable(source=source).make()
    release_lease(workspace, lease.object_id)
    product.make()
    assert product.object_id == lease.object_id


def test_an_attempt_that_was_taken_over_commits_nothing(workspace, source):
    product = Unreliable(source=source)
    work = work_of(product)

    def lose(product):
        with pause():
            release_lease(workspace, product.object_id)
            begin(
                workspace,
                object_id=product.object_id,
                kind="make",
                class_name="Unreliable",
                work=work,
                names=[],
            )

    failing(product, lose, LeaseLost)
    assert not product.is_made()
    assert [i.attempt for i in intents(workspace, State.REQUESTED)] == [2]


@pytest.fixture
def broken_database(workspace):
    """Make commits of the product class fail, until the function that is given is called."""

    def change(text):
        with workspace.database.write() as connection:
            connection.exec_driver_sql(text)

    change(
        "CREATE TRIGGER broken BEFORE INSERT ON product WHEN new.class_name = 'Unreliable' "
        "BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    return lambda: change("DROP TRIGGER broken")


def test_a_commit_that_fails_can_be_repeated_at_once(workspace, source, broken_database):
    product = Unreliable(source=source)
    before = product.object_id
    with pytest.raises(Fault, match=r"refused a change: broken"):
        product.make()
    assert not product.is_made()
    assert [i.state for i in intents(workspace, *State)][-1] is State.FAILED
    broken_database()
    product.make()
    assert product.object_id == before
    assert product.file().name == f"unreliable-{before}.h5"


def test_another_attempt_with_other_content_gets_another_name(workspace, source, broken_database):
    product = Unreliable(source=source)
    with pytest.raises(Fault, match=r"broken"):
        product.make()
    HOW["n"] = 2
    with pytest.raises(Fault, match=r"broken"):
        product.make()
    names = intents(workspace, State.FAILED)[-1].names
    assert [n.removeprefix(f"unreliable-{product.object_id}") for n in names] == [".h5", "-2.h5"]
    broken_database()
    HOW["n"] = 3
    product.make()
    assert product.file().name.endswith("-3.h5")
    with h5py.File(product.retrieve(workspace.profile.home)) as file:
        assert file["n"][()] == 3


def test_the_log_of_a_recipe_is_kept_up_to_its_limit(workspace, source):
    def talk(product):
        logging.getLogger("awlta.tests").info("first")
        for number in range(3000):
            logging.getLogger("awlta.tests").warning("line %d %s", number, "x" * 20)

    level = logging.getLogger("awlta").level
    summed = SummedFactory()
    summed.make()
    (log,) = rows(workspace, "SELECT log FROM activity WHERE recipe LIKE '%Summed%'")[0]
    assert log.endswith("INFO awlta.tests: 3 counts\n")
    HOW["fail"] = talk
    Unreliable(source=source).make()
    (log,) = rows(workspace, "SELECT log FROM activity WHERE recipe LIKE '%Unr%'")[0]
    assert len(log) == 65536
    assert "line 2999" in log
    assert logging.getLogger("awlta").level == level


def test_the_scratch_folder_goes_and_so_does_what_a_killed_attempt_left(workspace, source):
    root = workspace.profile.home / "scratch"
    assert list(root.iterdir()) == []
    product = Unreliable(source=source)
    left = root / f"bench.{socket.gethostname()}.4000000.17.abc"  # no system has so many processes
    left.mkdir()
    (left / "half.h5").write_bytes(b"half")
    product.make()
    assert list(root.iterdir()) == []


def test_a_file_of_no_content_type_and_one_of_several_are_kept(workspace):
    class TwoFiles(DataProduct):
        @recipe
        def make(self):
            """Write a text and a picture."""
            self.create(".txt").write_text("text")
            self.create(".png", role="figure").write_bytes(b"png")

    product = TwoFiles()
    product.make()
    kinds = [(f.role, f.name.rsplit(".")[-1], f.media_type, f.size) for f in product.files]
    assert kinds == [
        ("data", "txt", "application/octet-stream", 4),
        ("figure", "png", "image/png", 3),
    ]
    assert product.file("figure").name == f"two_files-{product.object_id}-figure.png"
