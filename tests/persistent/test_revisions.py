"""Revisions of a recipe package: written, read by people, run in order, and taken back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from changing import FIRST, N_FRAMES, SECOND

import awlta.persistent
from awlta.errors import BadValue, ConfigError
from awlta.persistent.database import Database
from awlta.persistent.evolution.differences import Step
from awlta.persistent.evolution.revisions import migrate
from awlta.persistent.evolution.versions import check_revisions, newest, version_of
from awlta.persistent.evolution.writing import call, write_revision
from awlta.persistent.session import Session

PROJECT = Path(__file__).parents[2]

RENAMED = (
    FIRST.replace("    number: Attribute[int]", "    count: Attribute[int]")
    .replace("class Tower", "class Mast")
    .replace("Link[Tower]", "Link[Mast]")
    .replace('    RED = "red"\n', '    CRIMSON = "crimson"\n')
)
"""An attribute, a class and a value of an Enum have other names."""


def write(database, package, text="Frames have a gain.", **options):
    return write_revision(database, package.name, package.versions, text, **options)


def ruff(*words):
    """Return what ruff says of a file, by the rules of this project for revisions."""
    if shutil.which("ruff", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("ruff is not installed")
    program = Path(sys.executable).parent / "ruff"
    settings = str(PROJECT / "pyproject.toml")
    done = subprocess.run(
        [str(program), *words, "--config", settings, "--no-cache"], capture_output=True, text=True
    )
    return done.stdout if done.returncode else ""


def decide(path, *lines):
    """Do what a person does with a revision: steps in the place of what is undecided."""
    text = path.read_text()
    called = sorted({line.split("(")[0] for line in lines})
    head, _, body = text.partition("def upgrade() -> None:\n")
    head = head.replace("import undecided", f"import {', '.join(called)}")
    path.write_text(f"{head}def upgrade() -> None:\n    " + "\n    ".join(lines) + "\n")
    return body


def values(url, statement):
    database = Database(url)
    with database.read() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(statement)]
    database.close()
    return found


def test_a_revision_is_written_to_be_read(populated, database):
    populated.becomes(SECOND)
    path = write(database, populated)
    assert path.name == "0001_frames_have_a_gain.py"
    assert path.read_text() == (
        '''\
"""Frames have a gain."""

from awlta.persistent.steps import add_column, add_rows, add_table, drop_column, drop_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_table("album", {"title": "text"})
    add_rows("album", ["Album"], {"title": "it's 100%: new"})
    add_column("frame", "gain", "real", default=1.5)
    add_column("frame", "note", "text")
    add_column("limits", "most", "real", default=9.0)


def downgrade() -> None:
    drop_column("limits", "most")
    drop_column("frame", "note")
    drop_column("frame", "gain")
    drop_table("album")
'''
    )
    assert ruff("check", "--ignore", "D103", str(path)) == ""
    assert ruff("format", "--check", str(path)) == ""


def test_a_revision_is_run_once_and_the_classes_have_nothing_to_add(populated, database, url):
    populated.becomes(SECOND)
    write(database, populated)
    stages = [s.what for s in migrate(database, 0, populated.folders).stages]
    assert stages[0] == f"{populated.name}, revision 0001: Frames have a gain"
    assert not [s for s in stages if "frame" in s and "deep_frame" not in s]
    with database.read() as connection:
        assert version_of(connection, populated.name) == "0001"
    assert values(url, "SELECT DISTINCT gain, note FROM frame") == [(1.5, None)]
    assert migrate(database, 0, populated.folders).stages == []


def test_a_revision_of_what_is_there_already_changes_nothing(populated, database, url):
    populated.becomes(SECOND)
    write(database, populated)
    migrate(database, 0, {})  # as the classes say, before the revision came
    (stage,) = migrate(database, 0, populated.folders).stages
    assert stage.what == f"{populated.name}, revision 0001: Frames have a gain"
    changed = [s for s in stage.statements if "alembic_version" not in s]
    assert [s.split(" (")[0] for s in changed] == ["INSERT INTO album"]
    assert len(values(url, "SELECT * FROM album")) == 10


def test_a_revision_is_taken_back(populated, database, url):
    before = values(url, "SELECT * FROM frame ORDER BY id")
    populated.becomes(SECOND)
    write(database, populated)
    migrate(database, 0, populated.folders)
    config = Config()
    folder = Path(awlta.persistent.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("version_locations", str(populated.versions))
    config.set_main_option("path_separator", "newline")
    with database.write() as connection:
        config.attributes["connection"] = connection
        config.attributes["version_table"] = f"alembic_version_{populated.name}"
        command.downgrade(config, "base")
    populated.becomes(FIRST)
    assert values(url, "SELECT * FROM frame ORDER BY id") == before
    session = Session(url, "ada", "CRAB")
    session.close()


def test_what_a_person_must_decide_is_proposed_and_not_run(populated, database, url):
    populated.becomes(RENAMED)
    path = write(database, populated, "Frames are counted from masts")
    text = path.read_text()
    assert '    #     rename_column("frame", "number", "count")\n' in text
    assert '    #     rename_class("Tower", "Mast")\n' in text
    assert '    #     replace_value("frame", "colour", "red", "crimson")\n' in text
    assert text.count('    undecided("Frame.count")\n') == 2
    assert ruff("check", "--ignore", "D103", str(path)) == ""
    assert ruff("format", "--check", str(path)) == ""
    before = values(url, "SELECT * FROM frame")
    with pytest.raises(ConfigError, match=r"0001.*was not finished.*Frame"):
        migrate(database, 0, populated.folders)
    assert values(url, "SELECT * FROM frame") == before


def test_a_revision_that_a_person_finished_renames_attribute_class_and_value(
    populated, database, url
):
    new = populated.becomes(RENAMED)
    path = write(database, populated, "Frames are counted from masts")
    decide(
        path,
        'rename_column("frame", "number", "count")',
        'replace_value("frame", "colour", "red", "crimson")',
        'rename_table("tower", "mast")',
        'rename_class("Tower", "Mast")',
    )
    migrate(database, 0, populated.folders)
    session = Session(url, "ada", "CRAB")
    with session.use():
        frames = new.Frame.select_all().order_by("count").all()
        assert [f.count for f in frames] == list(range(N_FRAMES))
        assert len(new.Frame.colour == new.Colour.CRIMSON) == N_FRAMES // 2
        assert len(new.Frame.tower.name == "LST-1") == N_FRAMES // 4
    session.close()


def test_a_class_that_was_used_under_its_new_name_keeps_both(populated, database, url):
    new = populated.becomes(RENAMED.replace("count: Attr", "number: Attr"))
    session = Session(url, "ada", "CRAB")
    with session.use():
        session.commit(new.Mast(name="MST-1"))
    session.close()
    path = write(database, populated, "Masts")
    decide(
        path,
        'replace_value("frame", "colour", "red", "crimson")',
        'rename_table("tower", "mast")',
        'rename_class("Tower", "Mast")',
    )
    migrate(database, 0, populated.folders)
    assert sorted(values(url, "SELECT name FROM mast")) == [
        ("LST-1",), ("LST-2",), ("LST-3",), ("LST-4",), ("MST-1",),
    ]  # fmt: skip


def test_an_attribute_moves_to_a_base_class_with_its_values(populated, database, url):
    line = '    name: Attribute[str] = persistent("name")\n'
    moved = FIRST.replace(
        "class Tower(Persistent):",
        f'class Ground(Persistent):\n    """A place."""\n\n{line}\n\nclass Tower(Ground):',
    ).replace(f'observe from."""\n\n{line}', 'observe from."""\n')
    new = populated.becomes(moved)
    path = write(database, populated, "The name is that of the ground")
    text = path.read_text()
    proposed = [line[10:] for line in text.splitlines() if line.startswith("    #     ")]
    assert proposed == [
        'add_table("ground", {"name": "text"})',
        'add_rows("ground", ["Tower"], {})',
        'move_column("tower", "ground", "name")',
    ]
    decide(path, *proposed)
    migrate(database, 0, populated.folders)
    session = Session(url, "ada", "CRAB")
    with session.use():
        assert sorted(t.name for t in new.Tower.select_all()) == [f"LST-{n}" for n in (1, 2, 3, 4)]
    session.close()


@pytest.mark.parametrize("text", ["", "...", 'two " marks', "x" * 91, "back\\slash"])
def test_a_revision_needs_a_name(populated, database, text):
    populated.becomes(SECOND)
    with pytest.raises(BadValue, match=r"cannot be named"):
        write(database, populated, text)
    assert newest(populated.versions) is None


def test_there_is_nothing_to_write_for_classes_that_were_never_stored(populated, database):
    populated.becomes(FIRST + '\n\nclass Later(Persistent):\n    """New."""\n\n'
                      '    name: Attribute[str] = persistent("name")\n')  # fmt: skip
    with pytest.raises(ConfigError, match=r"nothing to write.*needs no revision"):
        write(database, populated)


def test_a_call_too_long_for_a_line_has_an_argument_a_line():
    kinds = {f"a_long_name_of_a_column_{n}": "integer" for n in range(5)}
    assert call(Step("add_table", ("frame", kinds), (("x", float("inf")),))) == (
        "    add_table(\n"
        '        "frame",\n'
        "        {\n"
        + "".join(f'            "{name}": "integer",\n' for name in kinds)
        + "        },\n"
        '        x=float("inf"),\n'
        "    )"
    )


# which revision a database is at -----------------------------------------------------------


def revision(package, number, before, body="pass"):
    """Write a revision of the package."""
    package.versions.mkdir(parents=True, exist_ok=True)
    text = f"""
from awlta.persistent.steps import *

revision = "{number}"
down_revision = {before!r}


def upgrade():
    {body}
"""
    (package.versions / f"{number}_change.py").write_text(f'"""Change {number}."""\n{text}')


def version(database, package):
    with database.read() as connection:
        return version_of(connection, package.name)


def test_a_package_that_is_new_to_a_database_is_at_its_newest_revision(package, database):
    package.becomes(FIRST)
    revision(package, "0001", None, "raise ZeroDivisionError")
    check_revisions(database, package.folders)
    assert version(database, package) == "0001"
    assert [s.what for s in migrate(database, 0, package.folders).stages if "0001" in s.what] == []


def test_a_migration_too_takes_a_package_that_is_new_as_it_is(package, database):
    package.becomes(FIRST)
    revision(package, "0001", None, "raise ZeroDivisionError")
    (first, *_) = migrate(database, 0, package.folders).stages
    assert first.what.startswith(f"{package.name} is new here")
    assert version(database, package) == "0001"


def test_objects_from_before_the_first_revision_await_it(populated, database, url):
    revision(populated, "0001", None, "replace_value('tower', 'name', 'LST-1', 'LST-A')")
    with pytest.raises(ConfigError, match=r"at no revision. Expected: 0001. Run 'awlta migrate'"):
        check_revisions(database, populated.folders)
    migrate(database, 0, populated.folders)
    check_revisions(database, populated.folders)
    revision(populated, "0002", "0001", "replace_value('tower', 'name', 'LST-A', 'LST-B')")
    with pytest.raises(ConfigError, match=r"at revision 0001. Expected: 0002. Run 'awlta migrate'"):
        write(database, populated)
    migrate(database, 0, populated.folders)
    assert ("LST-B",) in values(url, "SELECT name FROM tower")


def test_a_package_whose_only_class_has_another_name_is_not_new(populated, database, url):
    path_text = "rename_table('tower', 'mast'); rename_class('Tower', 'Mast')"
    (_, tower, rest) = FIRST.partition("class Tower(Persistent):")
    head = rest.split("\n\n\nclass ")[0]
    populated.becomes(f"class Mast(Persistent):{head}\n")
    revision(populated, "0001", None, path_text)
    assert tower
    with pytest.raises(ConfigError, match=r"at no revision"):
        check_revisions(database, populated.folders)
    migrate(database, 0, populated.folders)
    assert len(values(url, "SELECT name FROM mast")) == 4


def test_a_database_that_is_newer_than_its_package_is_refused(populated, database):
    revision(populated, "0001", None)
    revision(populated, "0002", "0001")
    migrate(database, 0, populated.folders)
    (populated.versions / "0002_change.py").unlink()
    with pytest.raises(ConfigError, match=r"at revision 0002.*Install the newer changing_recipes"):
        check_revisions(database, populated.folders)
    with pytest.raises(ConfigError, match=r"cannot be run.*as new as the database"):
        migrate(database, 0, populated.folders)


def test_a_revision_that_raises_changes_nothing_and_is_named(populated, database, url):
    before = values(url, "SELECT name FROM tower")
    body = "replace_value('tower', 'name', 'LST-1', 'x'); raise ZeroDivisionError('oops')"
    revision(populated, "0001", None, body)
    with pytest.raises(ConfigError, match=r"revisions of changing_recipes cannot be run: oops"):
        migrate(database, 0, populated.folders)
    assert values(url, "SELECT name FROM tower") == before
    assert version(database, populated) is None
