"""Products are found by what they ask for although their class, or one that they link, changed."""

from __future__ import annotations

import pytest
from changing import FIRST, ChangingPackage

from awlta.lineage.planning.refill import refill, without_work
from awlta.persistent import registry
from awlta.persistent.database import Database
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


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A recipe package whose classes change, alone with those of the system."""
    monkeypatch.syspath_prepend(tmp_path)
    package = ChangingPackage(tmp_path)
    others = {n: c for n, c in registry.items() if not c.__module__.startswith("awlta.")}
    for name in others:
        del registry[name]
    yield package
    package.forget()
    registry.update(others)


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
        found = recipes.Tally(album=album, limits=recipes.Limits()).exist()
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
    assert refill(url) == 1
    assert (without_work(ada), refill(url)) == (0, 0)
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
