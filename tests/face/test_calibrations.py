"""The verb that shows calibrations, and what is made with a pinned set."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from deliveries import START


@pytest.fixture(autouse=True)
def home(at_home):
    return at_home


def test_the_timeline_is_shown_as_text_and_as_json(run, ask):
    code, out, err = run("calibrations", "CameraCalibration", "--at", START.isoformat())
    (place,) = ask("calibrations", "CameraCalibration", "--at", START.isoformat())["places"]
    (known,) = place["calibrations"]
    assert (code, err) == (0, "")
    assert known["object_id"][-12:] in out
    assert "█" in out
    assert f"at {START:%Y-%m-%d %H:%M}: {place['chosen']}" in out
    assert place["chosen"] == known["object_id"]
    assert known["parts"] == [
        {
            "start": known["timestamp_start"],
            "end": known["timestamp_end"],
            "chosen": known["object_id"],
        }
    ]
    named = ask("calibrations", "CameraCalibration", "--telescope", place["place"])
    assert named["places"][0]["calibrations"] == [known]


def test_the_picture_is_written_and_the_time_can_be_said(run, tmp_path):
    day = START.date().isoformat()
    words = ["--svg", str(tmp_path / "c.svg"), "--from", day, "--to", f"{day}T23:59:00+00:00"]
    code, _, err = run("calibrations", "PedestalCalibration", *words, "--category", "A")
    assert (code, err) == (0, "")
    root = ElementTree.parse(tmp_path / "c.svg").getroot()
    assert root.tag.endswith("svg")


def test_why_a_product_has_its_calibration_is_told(run, ask):
    images = ask("query", "CameraImages")[0]
    told = ask("calibrations", "CameraCalibration", "--why", images["object_id"])
    (best,) = told["calibration"]
    assert (best["chosen"], best["used"]) == (True, True)
    code, out, _ = run("calibrations", "CameraCalibration", "--why", images["object_id"][-12:])
    assert code == 0
    assert best["object_id"] in out
    assert "the newest of those that fit" in out


def test_conflicts_are_listed_or_their_absence_is_said(run, ask):
    told = ask("calibrations", "CameraCalibration", "--conflicts")
    assert (told["ties"], told["gaps"], told["eclipsed"], told["uses"]) == ([], [], [], [])
    code, out, _ = run("calibrations", "CameraCalibration", "--conflicts")
    assert code == 0
    assert "without ties, gaps and bad ones in use" in out
    code, out, _ = run("calibrations", "CameraCalibration", "--conflicts", "--from", "2020-01-01")
    assert code == 0
    assert "Times without a calibration: 1" in out


def test_what_is_chosen_now_is_kept_as_a_set_and_pinned(run, ask, fail):
    kept = ask("calibrations", "CameraCalibration", "--keep", "night one")
    assert (kept["set"], kept["members"]) == ("night one", 1)
    (found,) = ask("query", "CalibrationSet", "name=night one")
    assert (found["name"], found["object_id"]) == ("night one", kept["object_id"])
    again = fail(2, "calibrations", "CameraCalibration", "--keep", "night one")
    assert "already" in again["found"]
    steps = ask("make", "ImageParameters", "--pinned", "night one")
    assert [step["made"] for step in steps] == [[] for _ in steps]
    every = ask("calibrations", "Calibration", "--keep", "all of night one")
    assert every["members"] == 2
    wrong = fail(2, "make", "ImageParameters", "--pinned", "night two")
    assert "'awlta query CalibrationSet' lists them" in wrong["do"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["CameraImages"], "CameraImages has no validity"),
        (["CameraCalibration", "--telescope", "X"], "There is no CameraCalibration of X"),
        (["CameraCalibration", "--at", "noon"], "'noon' is no time"),
        (["CameraCalibration", "--from", "2030-01-01"], "The time from 2030-01-01T00:00:00+00:00"),
    ],
)
def test_a_mistake_is_a_sentence(fail, words, found):
    assert found in fail(2, "calibrations", *words)["found"]


def test_an_object_without_such_a_calibration_is_refused(ask, fail):
    (raw, *_) = ask("query", "RawEvents")
    error = fail(2, "calibrations", "CameraCalibration", "--why", raw["object_id"])
    assert "has no CameraCalibration that is chosen by validity" in error["found"]
