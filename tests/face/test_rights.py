"""The verbs about people and levels, and the context at the prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from factories import Merged, Node

from awlta import config
from awlta.errors import BadValue, Refused
from awlta.face.context import ContextFace
from awlta.lineage import opened

PEOPLE = """
[projects.CRAB]
description = "the nebula"
managers = ["ada"]
members = ["bob"]
max_level = 4
[users.ada]
[users.bob]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:
    """A home of ada's, who works for CRAB."""
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path))
    (tmp_path / "people.toml").write_text(PEOPLE)
    assert run("init", "--user", "ada", "--project", "CRAB")[0] == 0
    return tmp_path


def test_a_list_of_people_is_looked_at_loaded_and_shown(
    home: Path, run: Run, ask: Callable[..., Any]
) -> None:
    path = str(home / "people.toml")
    told = ask("people", "load", path, "--dry-run", "--json")
    assert told["dry_run"]
    assert "user bob: new" in told["changes"]
    assert set(ask("people", "show", "--json")["users"]) == {"ada"}
    code, out, _ = run("people", "load", path)
    assert (code, out.splitlines()[-1]) == (0, "4 change(s) made.")
    assert run("people", "load", path)[1] == "The database has this list already.\n"
    shown = ask("people", "show", "--json")
    assert shown["projects"]["CRAB"] == {
        "description": "the nebula",
        "managers": ["ada"],
        "members": ["ada", "bob"],
        "max_level": 4,
        "is_open": False,
    }
    assert "4 (world)" in run("people", "show")[1]


def test_a_list_with_faults_is_refused(home: Path, run: Run) -> None:
    (home / "people.toml").write_text("[projects.CRAB]\nmembers = ['zoe']\n")
    code, _, err = run("people", "load", str(home / "people.toml"))
    assert code == 2
    assert "projects.CRAB.members[0]: there is no user 'zoe' under [users]" in err
    assert run("people", "load")[0] == 2


def test_the_context_tells_the_project_and_refuses_with_a_sentence(home: Path, run: Run) -> None:
    assert run("people", "load", str(home / "people.toml"))[0] == 0
    with opened() as workspace:
        context = ContextFace(workspace)
        assert repr(context.get_current_project()).splitlines() == [
            "project CRAB: the nebula",
            "  user                ada",
            "  maximum privileges  4 (world)",
            "  current privileges  1 (MyDB), up to 4",
            "  managers            ada",
        ]
        context.set_privileges(4)
        with pytest.raises(Refused, match="whose highest is 4"):
            context.set_privileges(5)
        with pytest.raises(Refused, match="There is no project 'VELA'"):
            context.set_project("VELA")
        assert repr(context) == "project CRAB, user ada, privileges 4 (world)"
        assert context.get_current_project().managers == ("ada",)


def test_an_object_is_published_by_its_id(home: Path, run: Run, ask: Callable[..., Any]) -> None:
    with opened() as workspace:
        first = Node(number=1)
        node = Node(number=2, before=first)
        workspace.commit(node)
    code, out, _ = run("publish", node.object_id, "--level", "3", "--dry-run")
    assert code == 0
    assert out.count("of ada in CRAB: 1 (MyDB) to 3 (observatory)") == 2
    told = ask("publish", node.object_id, "--level", "3", "--embargo", "2100-01-01", "--json")
    assert [one["object_id"] for one in told["raised"]] == [first.object_id, node.object_id]
    assert (told["done"], told["embargo"]) == (True, "2100-01-01T00:00:00+00:00")
    assert run("publish", node.object_id, "--level", "1")[0] == 2


def test_what_speaks_against_it_is_told_and_the_code_says_so(home: Path, run: Run) -> None:
    assert run("people", "load", str(home / "people.toml"))[0] == 0
    with opened() as workspace:
        node = Node(number=1)
        workspace.commit(node)
    code, out, _ = run("publish", node.object_id, "--level", "5", "--dry-run")
    assert code == 2
    assert "refused: Node" in out
    assert "belongs to CRAB, up to level 4" in out
    code, _, err = run("publish", node.object_id, "--level", "5")
    assert code == 2
    assert "belongs to CRAB, up to level 4" in err


def test_the_context_publishes(home: Path) -> None:
    with opened(config.load()) as workspace:
        node = Node(number=1)
        workspace.commit(node)
        context = ContextFace(workspace)
        assert not context.publish(node, 3, dry_run=True).is_done
        assert context.publish(node, 3).is_done
        assert node._privileges == 3
        with pytest.raises(BadValue, match="one object"):
            context.publish([node], 3)  # type: ignore[arg-type]
        assert Merged.select_all().all() == []
