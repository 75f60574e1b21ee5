"""Make and submit at the command line: plans, dates, and making again."""

from __future__ import annotations

import pytest


def test_a_plan_tells_what_would_be_made_and_makes_nothing(at_home, ask, run):
    plan = ask("make", "ShowerGeometry", "--plan")
    assert plan["plan"] == 1
    counts = plan["counts"]
    assert counts["ImageParameters"] == {"exists": 1}
    assert counts["RawEvents"] == {"exists": 3}
    code, out, _ = run("make", "ImageParameters", "--plan")
    assert code == 0
    assert "nothing to make; up to date: 3 RawEvents" in out
    assert ask("make", "ImageParameters", "--plan") == ask("submit", "ImageParameters", "--plan")


def test_as_of_a_day_before_there_is_nothing_to_make_it_from(at_home, ask, run):
    assert ask("make", "ImageParameters", "--as-of", "2001-01-01", "--plan")["targets"] == []
    code, out, _ = run("make", "ImageParameters", "--as-of", "2001-01-01")
    assert code == 0
    assert "There is nothing to make it from" in out


@pytest.mark.parametrize("verb", ["make", "submit"])
def test_a_date_that_cannot_be_read_is_a_mistake(at_home, fail, verb):
    error = fail(2, verb, "ImageParameters", "--as-of", "yesterday")
    assert error["found"] == "The date 'yesterday' cannot be read"


def test_remake_makes_the_class_again_and_nothing_else(at_home, ask, run):
    before = ask("query", "ImageParameters")
    plan = ask("make", "ImageParameters", "--plan", "--remake")
    assert plan["counts"]["ImageParameters"] == {"stale": 1}
    (target,) = [t for t in plan["targets"] if t["class"] == "ImageParameters"]
    assert target["reasons"][0]["new"] == "asked for again"
    assert target["object_id"] == before[0]["object_id"]
    assert target["cost"]["runs"] == 1
    code, out, _ = run("make", "ImageParameters", "--plan", "--remake")
    assert code == 0
    assert "to make: 1 ImageParameters (about " in out
    steps = {s["class"]: s for s in ask("make", "ImageParameters", "--remake")}
    assert len(steps["ImageParameters"]["made"]) == 1
    assert steps["ImageParameters"]["up_to_date"] == []
    assert all(not s["made"] for name, s in steps.items() if name != "ImageParameters")
    code, out, _ = run("make", "ImageParameters", "--remake")
    assert "to make: 1 ImageParameters (about " in out
    assert len(ask("query", "ImageParameters")) == len(before) + 2
