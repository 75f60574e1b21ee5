"""The verbs judge, inspect and pars, and the question about dependents."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from awlta.face import judge as verbs
from awlta.face import prompt
from awlta.lineage import opened
from awlta.lineage.quality.verdicts import asker
from awlta_recipes.camera_calibration import CameraCalibration
from awlta_recipes.image_parameters import ImageParameters


@pytest.fixture
def calibration(at_home: Path) -> str:
    """The object_id of a calibration that the images of run 7 were made with."""
    with opened():
        images = ImageParameters.select(ImageParameters.images.raw.run == 7)[0]
        assert images.images.calibration is not None
        return images.images.calibration.object_id


class Terminal(io.StringIO):
    """A terminal at which an answer is typed."""

    def isatty(self) -> bool:
        return True


def sit(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Let a person sit at a terminal and give an answer."""
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stdout", Terminal())


def test_a_product_is_judged_and_its_history_shown(ask, run, calibration):
    told = ask("judge", calibration, "0", "--reason", "lid on")
    assert (told["value"], told["author"], told["reason"]) == (0, "ada", "lid on")
    assert told["used_by"]["ImageParameters"] == 1
    assert (told["marked"], told["left"]) == (0, 0)
    assert ask("judge", calibration, "1")["used_by"] == {}
    shown = ask("judge", calibration)
    assert [v["value"] for v in shown["verdicts"]] == [0, 1]
    assert shown["is_verified"] is True
    assert shown["is_selectable"] is True
    assert [flag["flag"] for flag in shown["flags"]] == ["FEW_FLASHES"]  # of three flashes
    code, out, _ = run("judge", calibration[-12:])
    assert code == 0
    assert "1 (good), verified, may be selected" in out
    assert "no reason given" in out


def test_dependents_are_marked_on_request(ask, run, calibration):
    told = ask("judge", calibration, "0", "--reason", "lid on", "--dependents", "mark")
    assert told["marked"] == sum(told["used_by"].values())
    with opened() as workspace:
        judged = workspace.get(calibration)
        below = judged.descendants()
        assert {product.is_valid for product in below} == {0}
        workspace.judge([judged, *below], 1, "lid off")
    code, out, _ = run("judge", calibration, "0", "--dependents", "leave")
    assert code == 0
    assert "out of date now: 1 CameraImages, 1 ImageParameters" in out
    run("judge", calibration, "1")


@pytest.mark.parametrize(("answer", "value"), [("y\n", 0), ("\n", 1), ("", 1)])
def test_a_person_is_asked(calibration, monkeypatch, answer, value):
    with opened() as workspace:
        judged = workspace.get(calibration)
        verdict = judged.judge(0, "lid on")
        sit(monkeypatch, answer)
        verbs.ask_and_mark(verdict)
        monkeypatch.undo()
        assert {product.is_valid for product in judged.descendants()} == {value}
        workspace.judge([judged, *judged.descendants()], 1, "lid off")


def test_nobody_is_asked_without_a_terminal(calibration, monkeypatch):
    with opened() as workspace:
        judged = workspace.get(calibration)
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        assert not verbs.ask(judged.judge(0, "lid on"))
        judged.judge(1, "lid off")
    assert asker.get() is None


def test_what_is_no_product_cannot_be_judged(fail, at_home):
    with opened():
        camera = ImageParameters.select_all()[0].images.raw.telescope.camera.object_id
    assert fail(2, "judge", camera, "0")["code"] == "bad_value"
    assert fail(2, "judge", "f00f00f00f00")["code"] == "not_found"
    assert fail(2, "pars", "ImageParameter")["expected"].startswith("such as ImageParameters")


def test_a_picture_is_brought_here(ask, run, calibration, tmp_path):
    told = ask("inspect", calibration, "--to", "look.png")
    assert Path("look.png").read_bytes().startswith(b"\x89PNG")
    assert told["size"] == Path("look.png").stat().st_size
    code, out, _ = run("inspect", calibration, "--to", str(tmp_path / "again.png"))
    assert code == 0
    assert told["object_id"] in out


def test_every_product_of_the_chain_has_a_picture_of_its_own(ask, at_home):
    with opened():
        images = ImageParameters.select_all()[0]
        chain = [images, images.images, images.images.raw, images.images.calibration]
        ids = [product.object_id for product in [*chain, images.images.calibration.pedestal]]
    for number, object_id in enumerate(ids):
        assert ask("inspect", object_id, "--to", f"{number}.png")["size"] > 5000


def test_parameters_are_shown_as_a_tree(ask, run, at_home):
    code, out, _ = run("pars", "ImageParameters", "--telescope", "LST-1")
    assert code == 0
    assert "ImageParameters (telescope LST-1, category B)" in out
    assert "picture = 7.5 p.e." in out
    told = {entry["path"]: entry for entry in ask("pars", "ImageParameters", "--category", "A")}
    picture = told["ImageParameters.parameters.picture"]
    assert (picture["value"], picture["default"], picture["is_default"]) == (8.0, 8.0, True)
    assert "CameraCalibration.parameters.validity" in told


def test_the_prompt_has_what_judges(at_home):
    with opened() as workspace:
        reach = prompt.names(workspace, None)
        assert {"Pars", "QCFlag", "because", "judge", "Case"} <= set(reach)
        judged = CameraCalibration.select_all()[0]
        with reach["because"]("lid on"):
            assert reach["judge"](judged, 2).reason == "lid on"
        judged.is_valid = 1
