"""awlta query: by place, by night, counted."""

import pytest


def test_runs_are_asked_for_by_place(at_home, run, ask):
    near = ask("query", "RawFile", "run>2", "--within", "83.63,22.01,1", "--columns", "run")
    assert near == [{"run": 7}]
    assert ask("query", "RawFile", "--within", "263.63,-22.01,1") == []
    (row,) = ask("query", "ImageParameters", "--within", "83.63,22.01,1", "--columns", "n_events")
    assert row["n_events"] == 3


def test_runs_are_asked_for_by_night_told_in_local_time_and_utc(at_home, run, ask):
    runs = ask("query", "RawFile", "kind=observation", "--night", "2026-01-15", "--columns", "run")
    assert runs == [{"run": 7}]
    assert ask("query", "RawFile", "--night", "2026-01-14") == []
    code, out, _ = run("query", "RawEvents", "--night", "2026-01-15")
    assert code == 0
    assert "night of 2026-01-15 at Atlantic/Canary: 2026-01-15 12:00 WET" in out


def test_objects_are_counted_by_paths(at_home, run, ask):
    assert ask("query", "RawEvents", "--count", "kind,telescope.name") == [
        {"kind": kind, "telescope.name": "T-1", "objects": 1}
        for kind in ("flatfield", "observation", "pedestal")
    ]
    code, out, _ = run("query", "RawEvents", "--count", "telescope.name")
    assert code == 0
    assert out.split() == [
        "3",
        "RawEvents",
        "telescope.name",
        "objects",
        *[out.split()[4]],
        "T-1",
        "3",
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("RawFile", "--within", "83,22"), "--within 83,22"),
        (("RawFile", "--within", "83,22,wide"), "--within 83,22,wide"),
        (("RawFile", "--within", "83,122,1"), "dec = 122"),
        (("Camera", "--within", "83,22,1"), "Camera has no position on the sky"),
        (("RawFile", "--night", "yesterday"), "'yesterday' is no date"),
        (("Camera", "--night", "2026-01-15"), "Camera does not say which of its times"),
        (("RawFile", "--count", "telescopes.name"), "has many values an object"),
    ],
)
def test_what_cannot_be_asked_is_a_mistake(at_home, fail, words, found):
    assert found in fail(2, "query", *words)["found"]
