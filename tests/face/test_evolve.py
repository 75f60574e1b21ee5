"""The verb migrate: dry run, one command, a revision that is written, and what it refuses."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from changing import FIRST, N_FRAMES, SECOND, ChangingPackage

from awlta import config
from awlta.lineage import connect
from awlta.persistent import registry, tables


@pytest.fixture
def package(tmp_path, monkeypatch, run):
    """A home whose database holds objects of a package that has changed since."""
    home = tmp_path / "home"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AWLTA_HOME", str(home))
    monkeypatch.setenv("AWLTA_RECIPES", ChangingPackage.name)
    package = ChangingPackage(tmp_path)
    others = {n: c for n, c in registry.items() if c.__module__ == "factories"}
    for name in others:
        del registry[name]
    package.becomes(FIRST)
    assert run("init", "--user", "ada", "--project", "CRAB")[0] == 0
    package.populate(config.load(home).database_url)
    package.becomes(SECOND)
    yield package
    package.forget()
    registry.update(others)


def columns(table):
    """Return the columns of a table of the home's database."""
    with sqlite3.connect(config.load().home / "awlta.db") as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def test_a_dry_run_tells_the_statements_and_one_command_does_them(package, run, ask):
    code, out, _ = run("migrate", "--dry-run")
    assert code == 0
    assert "The table frame has no column gain; Frame.gain is declared." in out
    assert "ALTER TABLE frame ADD COLUMN gain FLOAT DEFAULT" in out
    assert "change(s) were tried and taken back: 'awlta migrate' keeps them." in out
    assert "gain" not in columns("frame")
    assert ask("migrate", "--dry-run")["stages"] == ask("migrate")["stages"]
    assert "gain" in columns("frame")
    code, out, _ = run("migrate")
    assert (code, out.split(".")[0]) == (0, "Tables and classes agree")
    query = ask("query", "Frame", "gain=1.5", "--limit", str(N_FRAMES + 1))
    assert len(query) == N_FRAMES


def test_products_are_found_at_once_after_the_command(package, run, ask):
    recipes = package.becomes(FIRST)
    with closing(connect(config.load())) as workspace, workspace.use():
        recipes.Tally(album=recipes.Album.select_all()[0], limits=recipes.Limits()).make()
    recipes = package.becomes(SECOND)
    assert "by which equal ones are found: 1 Tally" in run("migrate", "--dry-run")[1]
    ask("migrate")
    with closing(connect(config.load())) as workspace, workspace.use():
        (tally,) = recipes.Tally.select_all()
        assert recipes.Tally.get_target(album=tally.album, limits=recipes.Limits()) is tally
        with workspace.database.write() as connection:
            connection.execute(tables.product.update().values(work=None))
    assert run("doctor")[0] == 1
    ask("migrate")
    assert ask("doctor")["findings"] == []


def test_the_doctor_tells_what_differs_and_offers_to_migrate(package, run, ask):
    code, out, _ = run("doctor", "--json")
    tables = [f for f in json.loads(out)["findings"] if f["kind"] == "table"]
    assert code == 1
    assert [f["what"].split(";")[0] for f in tables] == [
        "There is no table album for the rows of 10 objects",
        "The table frame has no column gain",
        "The table frame has no column note",
        "The table limits has no column most",
    ]
    assert {f["remedy"].split(" mends")[0] for f in tables} == {"'awlta migrate'"}
    ask("migrate")
    assert ask("doctor")["findings"] == []


def test_a_revision_is_written_and_a_database_that_lacks_it_is_named(package, run, ask, fail):
    answer = ask("migrate", "--write", package.name, "-m", "Frames have a gain")
    assert answer == {"file": str(package.versions / "0001_frames_have_a_gain.py")}
    error = fail(2, "status")
    assert (error["code"], error["expected"]) == ("config", "0001")
    assert error["do"] == "Run 'awlta migrate'"
    code, out, _ = run("migrate")
    assert code == 0
    assert out.startswith("changing_recipes, revision 0001: Frames have a gain\n")
    assert run("status")[0] == 0
    assert fail(2, "migrate", "--write", package.name, "-m", "x")["found"].startswith("There is no")


def test_what_a_person_must_decide_is_refused_and_nothing_is_changed(package, fail, run):
    package.becomes(FIRST.replace("    number: Attribute", "    count: Attribute"))
    error = fail(2, "migrate")
    assert "Is it number under another name?" in error["found"]
    assert [d["place"] for d in error["facts"]["differences"]] == ["Frame.count"]
    assert "count" not in columns("frame")
    package.becomes(FIRST.replace("number: Attribute[int] = persistent(", "count: Attribute[int] "
                                  "= persistent(default=0, doc="))  # fmt: skip
    assert run("migrate", "--new", "Frame.count")[0] == 0
    assert "count" in columns("frame")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--write", "changing_recipes"), "Only one of --write and --message was given"),
        (("-m", "text"), "Only one of --write and --message was given"),
        (("--write", "x", "-m", "text", "--dry-run"), "--dry-run was given with --write"),
        (("--write", "nobody", "-m", "text"), "There is no recipe package 'nobody'"),
        (("--new", "Nobody"), "There is no Nobody"),
    ],
)
def test_a_call_that_cannot_be_meant_is_a_mistake(package, fail, words, found):
    assert fail(2, "migrate", *words)["found"] == found


def test_there_must_be_a_database(package, fail):
    (config.load().home / "awlta.db").unlink()
    assert fail(2, "migrate")["do"] == "Run 'awlta init'"
