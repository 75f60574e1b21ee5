"""The list of people: read from a file with all its faults, applied as a whole."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from observatory import PEOPLE, Observatory

from awlta.errors import DocumentRefused, NotFound, Refused
from awlta.persistent.database import Database
from awlta.persistent.people.enrolment import apply_people, stored_people
from awlta.persistent.people.entry import present
from awlta.persistent.people.people import People, Project, read_people
from awlta.persistent.session import Session

WHOLE = """
[projects.CRAB]
description = "the nebula"
managers = ["ada"]
members = ["bob"]

[projects.POOL]
is_open = true
max_level = 2

[users.ada]
role = "ada"
[users.bob]
"""


def people_of(tmp_path: Path, text: str) -> People:
    path = tmp_path / "people.toml"
    path.write_text(text)
    return read_people(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    assert people_of(tmp_path, WHOLE) == People(
        {
            "CRAB": Project("CRAB", "the nebula", frozenset({"ada"}), frozenset({"ada", "bob"})),
            "POOL": Project("POOL", max_level=2, is_open=True),
        },
        {"ada": "ada", "bob": None},
    )


def test_all_faults_are_told_with_their_places(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused) as refused:
        people_of(
            tmp_path,
            """
            [projects.CRAB]
            managers = ["ada", "evee"]
            max_level = 6
            is_open = "yes"
            colour = "blue"
            [projects.VELA]
            [projects."1st"]
            is_open = true
            [users]
            ada = { role = "ada" }
            bob = { role = "ada" }
            eve = { role = "drop table", size = 3 }
            zoe = 7
            [groups]
            """,
        )
    assert sorted(fault.path for fault in refused.value.faults) == [
        "groups",
        "projects.1st",
        "projects.CRAB.colour",
        "projects.CRAB.is_open",
        "projects.CRAB.managers[1]",
        "projects.CRAB.max_level",
        "projects.VELA",
        "users.bob.role",
        "users.eve.role",
        "users.eve.size",
        "users.zoe",
    ]
    assert "projects.CRAB.managers[1]: there is no user 'evee'" in str(refused.value)


def test_a_file_that_is_no_toml_or_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentRefused, match="it is no TOML"):
        people_of(tmp_path, "[projects")
    with pytest.raises(NotFound, match="cannot be read"):
        read_people(tmp_path / "none.toml")


def test_what_was_written_is_read_and_written_once(observatory: Observatory) -> None:
    with closing(Database(observatory.url)) as database:
        with database.read() as connection:
            found = stored_people(connection)
        assert apply_people(database, PEOPLE, 0) == []
    assert found == PEOPLE


def test_the_list_is_the_truth(observatory: Observatory) -> None:
    changed = People(
        {
            "CRAB": Project("CRAB", "a nebula", frozenset({"bob"}), frozenset({"bob"}), 3),
            "LYRA": Project("LYRA", is_open=True),
        },
        {"ada": "bob", "bob": "ada", "zoe": None},
    )
    with closing(Database(observatory.url)) as database:
        told = apply_people(database, changed, 0, dry_run=True)
        with database.read() as connection:
            assert stored_people(connection) == PEOPLE
        assert apply_people(database, changed, 0) == told
        with database.read() as connection:
            found = stored_people(connection)
    assert found.projects["CRAB"] == changed.projects["CRAB"]
    assert found.projects["POOL"] == Project("POOL", "for all")
    assert found.projects["VELA"].members == frozenset()
    assert found.users == {"ada": "bob", "bob": "ada", "eve": None, "zoe": None}
    assert {
        "project CRAB: description a nebula, max_level 3",
        "project CRAB: ada is no longer manager",
        "project CRAB: bob is manager",
        "project POOL: closed, not in the list",
        "project LYRA: new",
        "user zoe: new",
        "user eve: no login, not in the list",
    } <= set(told)


@pytest.mark.parametrize(
    ("user", "project", "level", "message"),
    [
        ("bob", "VELA", 1, r"bob is no member of the project VELA.*its managers \(eve\) to add"),
        ("bob", "CRAB", 3, r"at level 3.*1 \(MyDB\) or 2 \(project\).*\(ada\) to publish"),
        ("eve", "VELA", 5, "whose highest is 4"),
        ("ada", "LYRA", 1, "no project 'LYRA'"),
        ("ada", "CRAB", 6, "no level 6"),
    ],
)
def test_a_profile_that_may_not_be_is_refused_and_so_is_a_switch_to_it(
    observatory: Observatory, user: str, project: str, level: int, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        Session(observatory.url_of(user), user, project, level)
    workspace = observatory.open(user, "POOL")
    before = workspace.context
    with pytest.raises(Refused, match=message):
        workspace.switch(project=project, level=level)
    assert workspace.context == before


@pytest.mark.parametrize(
    ("user", "project", "level"),
    [
        ("bob", "CRAB", 2),
        ("ada", "CRAB", 5),
        ("ada", "VELA", 2),
        ("eve", "VELA", 4),
        ("bob", "POOL", 5),
    ],
)
def test_a_switch_that_may_be_is_made(
    observatory: Observatory, user: str, project: str, level: int
) -> None:
    workspace = observatory.open(user, "POOL")
    workspace.switch(project=project, level=level)
    assert (workspace.context.project, workspace.context.level) == (project, level)
    assert present(workspace.database, workspace.context).highest >= level


def test_a_user_whom_the_list_does_not_name_is_refused(observatory: Observatory) -> None:
    with pytest.raises(Refused, match=r"There is no user 'mallory'.*keep the list"):
        Session(observatory.url, "mallory", "POOL")
    assert observatory.run("SELECT * FROM account WHERE name = 'mallory'") == []


def test_without_a_list_whoever_comes_is_a_user_and_names_a_project(new_session) -> None:
    zoe = new_session("zoe", "LYRA", level=3)
    place = present(zoe.database, zoe.context)
    assert (place.is_open, place.max_level, place.managers, place.highest) == (True, 5, (), 5)
