"""A recipe of one's own is one new file, and is seen everywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from deliveries import deliver

pytestmark = pytest.mark.long

DOUBLED = '''
"""Twice the number of events."""
from __future__ import annotations
from awlta.lineage import DataProduct, Selection, recipe
from awlta.persistent import Attribute, Link, link, persistent
from awlta_recipes.raw_events import RawEvents


class Doubled(DataProduct):
    """Twice the number of events of a run."""

    raw: Link[RawEvents] = link("events that are counted")
    number: Attribute[int] = persistent("twice the number", init=False)

    @recipe
    def make(self) -> None:
        """Double the number."""
        self.number = 2 * self.raw.n_events

    @classmethod
    def targets(cls, wanted: Selection) -> list[Doubled]:
        """Return one for each raw run."""
        return [cls.get_target(raw=raw) for raw in wanted.of(RawEvents)]
'''

LYING = (
    DOUBLED.replace("Doubled", "Lying")
    .replace('    raw: Link[RawEvents] = link("events that are counted")\n', "")
    .replace("cls.get_target(raw=raw) for raw in wanted.of(RawEvents)", "cls.get_target()")
)


def test_a_recipe_is_one_new_file_and_is_seen_everywhere(tmp_path):
    package = tmp_path / "my_recipes"
    package.mkdir()
    (package / "__init__.py").write_text('"""Recipes of my own."""\n')
    (package / "doubled.py").write_text(DOUBLED)
    (package / "lying.py").write_text(LYING)
    environment = {
        **os.environ,
        "AWLTA_HOME": str(tmp_path / "home"),
        "AWLTA_RECIPES": "my_recipes",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }

    def say(program, *words, code=0):
        command = [Path(sys.executable).with_name(program), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    say("awlta", "init", "--json")
    say("awlta", "ingest", str(deliver(tmp_path)), "--json")
    steps = {s["class"]: s for s in json.loads(say("awlta", "submit", "Doubled", "--json"))}
    (made,) = steps["Doubled"]["made"]
    assert json.loads(say("awlta", "query", "Doubled", "number=6", "--json"))[0] == {
        "number": 6,
        "object_id": made,
    }
    graph = json.loads(say("awlta", "lineage", "Doubled", "--json"))
    assert {"Doubled", "RawEvents", "RawFile"} <= {o["class"] for o in graph["objects"]}
    line = "print(Doubled.select_all()[0].number, (Doubled.raw.run == 7)[0].raw.n_events)"
    assert say("awe", "-c", line) == "6 3\n"
    (step,) = json.loads(say("awlta", "submit", "Lying", "--json", code=1))
    assert "has no attribute 'raw'" in step["refused"][0]["message"]
    assert json.loads(say("awlta", "query", "Lying", "--json")) == []
