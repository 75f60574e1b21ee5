"""Products and parameters travel although their classes have changed since they were made."""

from __future__ import annotations

import json

import pytest
from changing import FIRST
from parcels import altered
from sqlalchemy import select

from awlta.archive.parcel import export_parcel, import_parcel
from awlta.errors import BadInput
from awlta.lineage.ancestry.publishing import publish
from awlta.lineage.planning.refill import refill
from awlta.persistent import tables
from awlta.persistent.classes.forms import FORM
from awlta.persistent.database import Database
from awlta.persistent.evolution.revisions import migrate

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])

TOTAL = '    total: Attribute[int] = persistent("number of frames", init=False)\n'

SECOND = FIRST.replace(
    TOTAL,
    '    step: Attribute[int] = persistent("every which", default=1)\n'
    f'{TOTAL}    mean: Attribute[float | None] = persistent("mean", init=False, default=None)\n',
).replace(
    "default=2.0)\n",
    'default=2.0)\n    most: Attribute[float] = persistent("most number", default=9.0)\n',
)
"""The product has a setting and a result more, its parameters have a number more."""

THIRD = SECOND.replace(
    "Tally(DataProduct):",
    "Counted(DataProduct):\n"
    '    """What is counted."""\n\n'
    '    unit: Attribute[str] = persistent("what one counts", default="frame")\n\n\n'
    "class Tally(Counted):",
)
"""The product derives from a class that has an attribute."""

FOURTH = THIRD.replace(
    '    unit: Attribute[str] = persistent("what one counts", default="frame")\n',
    '    unit: Attribute[str] = persistent("what one counts", default="frame")\n'
    '    note: Attribute[str | None] = persistent("remark", default=None)\n',
)
"""That class has another one."""


def make(recipes, workspace):
    """Make a tally; return it."""
    with workspace.use():
        tower = recipes.Tower(name="LST-1")
        album = recipes.Album(frames=[recipes.Frame(number=1, tower=tower)])
        workspace.commit(album)
        tally = recipes.Tally(album=album, limits=recipes.Limits())
        tally.make()
        return tally


def bring_forward(*workspaces):
    """Do what 'awlta migrate' does to some databases."""
    for workspace in workspaces:
        database = Database(workspace.database.url)
        migrate(database, 0, {})
        database.close()
        refill(workspace.database.url)


def came_later(workspace):
    """Return what is noted in a database to have come later."""
    s = tables.standing
    with workspace.database.read() as connection:
        found = connection.execute(select(s.c.detail).where(s.c.kind == FORM).order_by(s.c.id))
        return [json.loads(detail) for detail in found.scalars()]


def digest_in(workspace, object_id):
    """Return the content digest that stands in the row of an object."""
    with workspace.database.read() as connection:
        p = tables.product
        rows = connection.execute(select(p.c.object_id, p.c.content_digest))
        found = {bytes(raw).hex(): bytes(digest).hex() for raw, digest in rows if digest}
    return found[object_id.replace("-", "")]


def test_a_parcel_arrives_after_one_change_of_the_classes_and_after_more(
    package, new_workspace, new_place, tmp_path
):
    here, there = new_workspace(), new_place()
    old = make(package.becomes(FIRST), here)
    recipes = package.becomes(SECOND)
    bring_forward(here, there)
    new = make(recipes, new_workspace())
    assert came_later(here) == [["mean", "step"]]
    export_parcel(new_workspace(), tmp_path / "second", [old.object_id, new.object_id])
    import_parcel(there, tmp_path / "second")
    assert came_later(there) == [["mean", "step"]]

    for number, source in enumerate((THIRD, FOURTH)):
        recipes = package.becomes(source)
        bring_forward(here, there)
        for place in (new_workspace(), there):
            path = tmp_path / f"{number}-{place.database.dialect}"
            export_parcel(place, path, [old.object_id, new.object_id])
            with new_place().use() as third:
                import_parcel(third, path)
                assert {t.object_id for t in recipes.Tally.select_all()} == {
                    old.object_id,
                    new.object_id,
                }
                found = third.get(old.object_id)
                assert (found.total, found.step, found.mean, found.unit) == (1, 1, None, "frame")
                target = recipes.Tally.get_target(album=found.album, limits=recipes.Limits())
                assert target is found
                assert found.content_digest == old.content_digest
    assert sorted(came_later(here)) == [["mean", "step"], ["note"], ["note"], ["unit"], ["unit"]]
    for product in (old, new):  # what reproduce() compares with
        assert digest_in(here, product.object_id) == product.content_digest


def test_what_was_published_after_a_change_of_its_class_is_exported_by_others(
    package, new_workspace, new_place, tmp_path
):
    here = new_workspace()
    old = make(package.becomes(FIRST), here)
    recipes = package.becomes(SECOND)
    bring_forward(here)
    ada = new_workspace()
    with ada.use():
        publish(ada, ada.get(old.object_id), 3)
    export_parcel(new_workspace("bob", "MOON"), tmp_path / "p", [old.object_id])
    with new_place().use() as there:
        import_parcel(there, tmp_path / "p", as_mine=True)
        (tally,) = recipes.Tally.select_all()
        assert tally.content_digest == old.content_digest
    assert came_later(there) == [["mean", "step"]]


def test_what_was_damaged_is_refused_after_a_change_of_the_classes(
    package, new_workspace, new_place, tmp_path
):
    here, there = new_workspace(), new_place()
    old = make(package.becomes(FIRST), here)
    package.becomes(SECOND)
    bring_forward(here, there)
    export_parcel(new_workspace(), tmp_path / "whole", [old.object_id])
    for statement, told in (
        ("UPDATE tally SET total = total + 1", "the content of Tally"),
        ("UPDATE limits SET most = most + 1", "the content of Limits"),
        ("UPDATE limits SET least = least + 1", "the content of Limits"),
        ("DELETE FROM standing WHERE kind = 'form'", "the content of Tally"),
        ("UPDATE standing SET detail = '[\"mean\"]' WHERE kind = 'form'", "the content of Tally"),
        ("UPDATE standing SET detail = '7' WHERE kind = 'form'", "what came later to the object"),
    ):
        path = altered(tmp_path / "whole", tmp_path / "altered", statement)
        with pytest.raises(BadInput, match=told):
            import_parcel(there, path)
    assert import_parcel(there, tmp_path / "whole").new > 0
