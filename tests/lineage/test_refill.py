"""Products are found by what they ask for although their class, or one that they link, changed."""

from __future__ import annotations

import pytest
from changing import FIRST

from awlta.archive.doctor import examine
from awlta.lineage.planning.refill import refill, without_work
from awlta.persistent.database import Database
from awlta.persistent.evolution.naming import without_name
from awlta.persistent.evolution.revisions import migrate

TOTAL = '    total: Attribute[int] = persistent("number of frames", init=False)\n'

CHANGES = {
    "setting": (TOTAL, f'    step: Attribute[int] = persistent("every which", default=1)\n{TOTAL}'),
    "parameter": (
        "default=2.0)\n",
        'default=2.0)\n    most: Attribute[float] = persistent("most number", default=9.0)\n',
    ),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request):
    return request.param


def make(recipes, workspace):
    """Make a tally; return its object_id."""
    with workspace.use():
        tower = recipes.Tower(name="LST-1")
        album = recipes.Album(frames=[recipes.Frame(number=1, tower=tower)])
        workspace.commit(album)
        tally = recipes.Tally(album=album, limits=recipes.Limits())
        tally.make()
        return tally.object_id


def find(recipes, workspace):
    """Return the object_id of the tally that is found by typing its inputs anew, or None."""
    with workspace.use():
        (album,) = recipes.Album.select_all()
        target = recipes.Tally.get_target(album=album, limits=recipes.Limits())
        found = recipes.Tally(album=album, limits=recipes.Limits()).exist()
        assert found is target.is_stored
        return recipes.Tally.select_all().first().object_id if found else None


@pytest.mark.parametrize("change", CHANGES)
def test_products_are_found_after_their_class_has_changed(package, new_workspace, change):
    made = make(package.becomes(FIRST), new_workspace("ada"))
    recipes = package.becomes(FIRST.replace(*CHANGES[change]))
    url = new_workspace("bob").database.url
    database = Database(url)
    told = migrate(database, 0, {}, dry_run=True)
    assert any(s.what.endswith("equal ones are found: 1 Tally.") for s in told.stages)
    ada = new_workspace("ada")
    assert without_work(ada) == 0
    assert [s.what for s in migrate(database, 0, {}).stages] == [s.what for s in told.stages]
    database.close()
    assert without_work(ada) == 1  # as after a kill: the doctor tells it
    assert without_name(ada) == (change == "parameter")
    assert refill(url) == 1 + (change == "parameter")
    assert (without_work(ada), without_name(ada), refill(url)) == (0, 0, 0)
    assert find(recipes, ada) == made


def test_what_no_digest_covers_leaves_them_as_they_are(package, new_workspace):
    ada = new_workspace("ada")
    make(package.becomes(FIRST), ada)
    package.becomes(
        FIRST.replace(
            TOTAL, f'{TOTAL}    mean: Attribute[float | None] = persistent("mean", init=False)\n'
        )
    )
    database = Database(ada.database.url)
    told = migrate(database, 0, {})
    database.close()
    assert any("The table tally has no column mean" in stage.what for stage in told.stages)
    assert without_work(ada) == 0


# shared objects ----------------------------------------------------------------------------

LINKING = (
    FIRST
    + """

class Scheme(Parameters):
    \"\"\"How albums are filled: it has a link alone, to other parameters.\"\"\"

    limits: Link[Limits] = link("how frames are counted")
"""
)


def changed(package, url, source=LINKING):
    """Let the parameters of the package gain an attribute; return the module."""
    recipes = package.becomes(source.replace(*CHANGES["parameter"]))
    database = Database(url)
    migrate(database, 0, {})
    database.close()
    return recipes


def count(workspace, table):
    """Return how many rows a table has, whoever's."""
    with workspace.database.read() as connection:
        return connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()


def test_an_equal_shared_object_typed_anew_is_the_one_that_is_there(package, new_workspace):
    recipes = package.becomes(LINKING)
    ada = new_workspace("ada")
    scheme = recipes.Scheme(limits=recipes.Limits(least=3.0))
    ada.commit(scheme)
    ids = [scheme.object_id, scheme.limits.object_id]
    recipes = changed(package, ada.database.url)
    ada = new_workspace("ada")
    (finding,) = (f for f in examine(ada) if "by what they hold" in f.what)
    assert finding.what.startswith("2 shared object(s)")
    assert count(ada, "shared") == 0
    assert refill(ada.database.url) == 2
    assert not any("by what they hold" in f.what for f in examine(ada))
    with ada.use():
        again = recipes.Scheme(limits=recipes.Limits(least=3.0))
        ada.commit(again)
        assert [again.object_id, again.limits.object_id] == ids
        ada.commit(recipes.Limits(least=3.0, most=8.0))
    assert count(ada, "limits") == count(ada, "shared") - 1 == 2


def test_the_doctor_goes_on_with_names_where_a_migration_was_killed(package, new_workspace):
    recipes = package.becomes(LINKING)
    ada = new_workspace("ada")
    ada.commit(recipes.Limits())
    recipes = changed(package, ada.database.url)
    ada = new_workspace("ada")
    for finding in examine(ada):
        if "by what they hold" in finding.what:
            finding.clean()
    assert (without_name(ada), count(ada, "shared")) == (0, 1)
    ada.commit(recipes.Limits())
    assert count(ada, "limits") == 1


def test_the_older_keeps_the_name_where_an_equal_one_came_before_the_refill(package, new_workspace):
    recipes = package.becomes(LINKING)
    ada = new_workspace("ada")
    old = recipes.Limits()
    ada.commit(old)
    recipes = changed(package, ada.database.url)
    ada = new_workspace("ada")
    meanwhile = recipes.Limits()
    ada.commit(meanwhile)
    assert meanwhile.object_id != old.object_id
    refill(ada.database.url)
    again = recipes.Limits()
    ada.commit(again)
    assert again.object_id == old.object_id
    assert count(ada, "shared") == 1


def test_names_serve_those_whom_they_served(package, new_workspace):
    recipes = package.becomes(LINKING)
    hers, ours, everybodys = (new_workspace("ada", "CRAB", level=n) for n in (1, 2, 3))
    made = {
        workspace: recipes.Limits(least=float(n))
        for n, workspace in enumerate((hers, ours, everybodys))
    }
    for workspace, limits in made.items():
        workspace.commit(limits)
    recipes = changed(package, hers.database.url)
    refill(hers.database.url)

    def is_there(user, project, least):
        limits = recipes.Limits(least=least)
        new_workspace(user, project).commit(limits)
        return limits.object_id in {old.object_id for old in made.values()}

    assert [is_there("ada", "CRAB", n) for n in (0.0, 1.0, 2.0)] == [True, True, True]
    assert [is_there("bob", "CRAB", n) for n in (0.0, 1.0, 2.0)] == [False, True, True]
    assert [is_there("bob", "MOON", n) for n in (0.0, 1.0, 2.0)] == [False, False, True]


def test_an_embargo_keeps_names_from_those_who_do_not_read_them_yet(package, new_workspace):
    recipes = package.becomes(LINKING)
    ada = new_workspace("ada", "CRAB", level=3)
    limits = recipes.Limits()
    ada.commit(limits)
    with ada.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE product SET embargo = {2**62}")
    recipes = changed(package, ada.database.url)
    refill(ada.database.url)
    for user, project, is_one in (("bob", "MOON", False), ("ada", "CRAB", True)):
        again = recipes.Limits()
        new_workspace(user, project).commit(again)
        assert (again.object_id == limits.object_id) is is_one
