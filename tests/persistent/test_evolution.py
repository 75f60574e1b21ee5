"""Classes change, and the tables of a populated database follow: what is done, what is refused."""

from __future__ import annotations

import re
import sys

import pytest
from changing import FIRST, N_FRAMES, SECOND, contents, differences

from awlta.errors import ConfigError, NotFound
from awlta.persistent import schema
from awlta.persistent.database import open_engine
from awlta.persistent.evolution.differences import Cure
from awlta.persistent.evolution.revisions import migrate
from awlta.persistent.session import Session


def not_shared(url):
    """Return the rows of all objects but parameters, whose digests change with their class."""
    return [row for row in contents(url)["product"][2] if "'Limits'" not in row]


def index_names(url, table):
    """Return the indexes of a table."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = schema.indexes(connection).get(table, {})
    engine.dispose()
    return set(found)


def refusal(database, package, source, **options):
    """Let the package become something that only a person can migrate; return the sentence."""
    package.becomes(source)
    before = contents(database.url)
    with pytest.raises(ConfigError, match=r"need a decision") as refused:
        migrate(database, 0, package.folders, **options)
    assert contents(database.url) == before
    return str(refused.value)


# what is done ------------------------------------------------------------------------------


def test_attributes_links_values_and_classes_are_added_to_a_populated_database(
    populated, database, url
):
    products = not_shared(url)
    new = populated.becomes(SECOND)
    migrate(database, 0, populated.folders)
    assert not_shared(url) == products
    session = Session(url, "ada", "CRAB")
    with session.use():
        frames = new.Frame.select_all().order_by("number").all()
        assert [f.number for f in frames] == list(range(N_FRAMES))
        assert {(f.gain, f.note, f.twin) for f in frames} == {(1.5, None, None)}
        assert len(new.Frame.gain == 1.5) == N_FRAMES
        assert len((new.Frame.tower.name == "LST-2") & (new.Frame.gain > 1)) == 75
        albums = new.Album.select_all().all()
        assert [(a.title, len(a.frames)) for a in albums] == [("it's 100%: new", 3)] * 10
        assert {(p.least, p.most) for p in new.Limits.select_all()} == {(2.0, 9.0), (3.0, 9.0)}
        deep = new.DeepFrame(
            number=-1, colour=new.Colour.GREEN, tower=frames[0].tower, twin=frames[0], gain=2.0
        )
        session.commit(deep, new.Catalogue(title="first"))
        assert len(new.Frame.select_all()) == N_FRAMES + 1
        assert (new.Frame.twin.number == 0).all() == [deep]
        assert [f.number for f in (new.Frame.gain > 1.5)] == [-1]
    session.close()
    assert differences(database, populated) == {}


def test_a_dry_run_shows_every_statement_and_changes_nothing(populated, database, url):
    populated.becomes(SECOND)
    before = contents(url)
    tried = migrate(database, 0, populated.folders, dry_run=True)
    assert contents(url) == before
    said = "\n".join(s for stage in tried.stages for s in stage.statements)
    assert "ALTER TABLE frame ADD COLUMN gain" in said
    assert re.search(r"DEFAULT \(?1\.5", said)
    assert "CREATE TABLE deep_frame" in said
    assert "INSERT INTO album" in said
    done = migrate(database, 0, populated.folders)
    assert done.stages == tried.stages
    assert migrate(database, 0, populated.folders).stages == []


def test_who_runs_the_older_classes_goes_on_and_writes_the_default(populated, database, url):
    old_recipes = sys.modules[f"{populated.name}.recipes"]
    session = Session(url, "ada", "CRAB")
    with session.use():
        tower = old_recipes.Tower.select_all().first()
        new = populated.becomes(SECOND)
        migrate(database, 0, populated.folders)
        session.commit(old_recipes.Frame(number=1000, tower=tower))
    session.close()
    session = Session(url, "ada", "CRAB")
    with session.use():
        assert (new.Frame.number == 1000).all()[0].gain == 1.5
    session.close()


def test_the_lineage_of_old_products_is_as_it_was(package, new_workspace):
    recipes = package.becomes(FIRST)
    workspace = new_workspace()
    with workspace.use():
        album = recipes.Album(frames=[recipes.Frame(number=7, tower=recipes.Tower(name="LST-1"))])
        tally = recipes.Tally(album=album, limits=recipes.Limits())
        tally.make()
        told = (tally.object_id, tally.content_digest)
    new = package.becomes(SECOND)
    workspace = new_workspace()
    migrate(workspace.database, 0, package.folders)
    with workspace.use():
        tally = new.Tally.select_all().first()
        assert (tally.object_id, tally.content_digest, tally.total) == (*told, 1)
        assert [type(o).__name__ for o in tally.ancestors()].count("Frame") == 1
        assert tally.album.frames[0].gain == 1.5
        assert tally.limits.most == 9.0


@pytest.mark.parametrize(
    ("kind", "default", "reads"),
    [
        ("float", 'float("inf")', float("inf")),
        ("float", "-0.1", -0.1),
        ("int", "-3", -3),
        ("bool", "True", True),
        ("bool", "False", False),
        ("str", '"o\'clock 100% a:b \\\\ ä"', "o'clock 100% a:b \\ ä"),
        ("bytes", 'b"\\x00\\xff"', b"\x00\xff"),
        ("tuple[float, ...]", "(1.0, 2.5)", (1.0, 2.5)),
        ("Colour", "Colour.RED", "Colour.RED"),
    ],
)
def test_old_objects_read_a_default_of_any_type(populated, database, url, kind, default, reads):
    line = f'    x: Attribute[{kind}] = persistent("x", default={default})\n'
    new = populated.becomes(FIRST.replace("    tower: Link", f"{line}    tower: Link"))
    migrate(database, 0, populated.folders)
    session = Session(url, "ada", "CRAB")
    with session.use():
        values = {f.x if kind != "Colour" else str(f.x) for f in new.Frame.select_all()}
        assert values == {reads}
        assert len(new.Frame.x == new.Frame.select_all().first().x) == N_FRAMES
    session.close()


def test_a_class_that_gets_another_base_has_its_rows_there(populated, database, url):
    body = SECOND.replace("class Tower(Persistent):", "class Tower(Ground):").replace(
        "class Tower(",
        'class Ground(Persistent):\n    """A place."""\n\n'
        '    height: Attribute[float] = persistent("height", unit="m", default=2200.0)\n\n\n'
        "class Tower(",
    )
    new = populated.becomes(body)
    session = Session(url, "ada", "CRAB")
    with session.use(), pytest.raises(ConfigError, match=r"objects of Ground.*awlta migrate"):
        new.Tower.select_all().all()
    session.close()
    migrate(database, 0, populated.folders)
    session = Session(url, "ada", "CRAB")
    with session.use():
        assert {t.height for t in new.Tower.select_all()} == {2200.0}
        assert len(new.Ground.select_all()) == 4
    session.close()


def test_an_index_is_made_for_an_attribute_that_gets_one(populated, database, url):
    line = '    ra: Attribute[float] = persistent("ra", unit="deg", default=1.0, sky="ra")\n'
    sky = line + line.replace("ra:", "dec:").replace('"ra"', '"dec"')
    source = FIRST.replace("    tower: Link", f"{sky}    tower: Link", 1)
    populated.becomes(source.replace('of the frame"', 'of the frame", index=True'))
    found = [d for d in differences(database, populated).values() if d.kind == "index"]
    assert {d.cure for d in found} == {Cure.MIGRATE}
    migrate(database, 0, populated.folders)
    assert index_names(url, "frame") == {"ix_frame_number", "ix_frame_sky"}
    assert differences(database, populated) == {}


# what is kept ------------------------------------------------------------------------------


def test_what_a_class_no_longer_has_is_kept_and_told(populated, database, url):
    populated.becomes(
        FIRST.replace('    colour: Attribute[Colour] = persistent("colour of the filter", '
                      "default=Colour.BLUE)\n", "")
        .replace('    tower: Link[Tower] = link("where it was taken")\n', "")
        .replace("Album", "Book")
    )  # fmt: skip
    before = contents(url)["frame"], contents(url)["dep"]
    kept = {d.place: str(d) for d in migrate(database, 0, populated.folders).kept}
    assert (contents(url)["frame"], contents(url)["dep"]) == before
    assert kept["Frame.colour"].startswith(f"The column frame.colour holds {N_FRAMES} values")
    assert kept["Frame.tower"].startswith(f"{N_FRAMES} objects of Frame have a link tower")
    assert kept["Album"].startswith("There are 10 objects of Album; no such class was imported")


# what a person decides ---------------------------------------------------------------------


def attribute(line, source=FIRST):
    """Return the package with one line more in Frame."""
    return source.replace("    tower: Link[Tower]", f"    {line}\n    tower: Link[Tower]")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            attribute('exposure: Attribute[float] = persistent("time", unit="s")'),
            "Give Frame.exposure a default, or let the type end in | None: 300 old objects",
        ),
        (
            attribute('site: Link[Tower] = link("where it is kept")'),
            "300 objects of Frame have no link site; Frame.site is compulsory. "
            "Let it be an OptionalLink[Tower]",
        ),
        (
            FIRST.replace('    RED = "red"\n', '    CRIMSON = "crimson"\n'),
            "frame.colour is 'red' in 150 rows; Colour has only blue, crimson",
        ),
        (
            FIRST.replace("number: Attribute[int]", "number: Attribute[str]"),
            "frame.number is integer; Frame.number is of type str, text",
        ),
        (
            FIRST.replace("    number: Attribute[int]", "    count: Attribute[int]"),
            "Is it number under another name?",
        ),
        (
            FIRST.replace("class Tower", "class Mast").replace("Link[Tower]", "Link[Mast]"),
            "There are 4 objects of Tower; no such class was imported, and Mast has no objects. "
            "Is it Mast now?",
        ),
        (
            FIRST.replace(
                'default=())\n', 'default=())\n    title: Attribute[str] = persistent("title")\n'
            ),
            "There is no table album for the rows of 10 objects; Album declares title. "
            "Give Album.title a default",
        ),
        (
            attribute('', FIRST).replace(
                "class Tower(Persistent):",
                'class Ground(Persistent):\n    """A."""\n\n'
                '    name: Attribute[str] = persistent("name")\n\n\nclass Tower(Ground):',
            ).replace(
                'observe from."""\n\n    name: Attribute[str] = persistent("name")\n',
                'observe from."""\n\n    n: Attribute[int] = persistent("n", default=1)\n',
            ),
            "Were name of tower moved here?",
        ),
    ],
    ids=["compulsory", "link", "value", "type", "renamed", "class", "table", "moved"],
)  # fmt: skip
def test_what_only_a_person_can_know_is_refused_with_words(populated, database, source, said):
    assert said in refusal(database, populated, source)


def test_what_may_have_been_renamed_is_added_where_a_person_says_it_is_new(
    populated, database, url
):
    line = '    count: Attribute[int] = persistent("count", default=0)\n    colour: Attribute'
    number = '    number: Attribute[int] = persistent("number of the frame")\n    colour: Attribute'
    source = FIRST.replace(number, line)
    source = source.replace("class Tower", "class Mast").replace("Link[Tower]", "Link[Mast]")
    assert "'awlta migrate --new Frame.count'" in refusal(database, populated, source)
    assert "--new Mast" in refusal(database, populated, source, new=["Frame.count"])
    migrate(database, 0, populated.folders, new=["Frame.count", "Mast"])
    assert {"number", "count"} <= set(contents(url)["frame"][0])
    with pytest.raises(NotFound, match=r"There is no Frame\.cuont"):
        migrate(database, 0, populated.folders, new=["Frame.cuont"])


def test_a_value_that_must_be_there_and_is_not_is_refused(populated, database):
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE frame SET number = NULL WHERE number < 5")
        connection.exec_driver_sql("DELETE FROM tower WHERE name = 'LST-1'")
    said = refusal(database, populated, FIRST)
    assert "frame.number is NULL in 5 rows; Frame.number must have a value" in said
    assert "1 objects of Tower have no row in tower" in said
    assert "bring the rows from a backup" in said
