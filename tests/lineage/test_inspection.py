"""Pictures: drawn once, stored as products, linked to what they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import Exposure, ExposureFactory, Summed, Thresholds

from awlta.errors import NotMade, RecipeFailed, UndeclaredInput
from awlta.lineage import DataProduct, Inspection, Workspace, recipe
from awlta.persistent import Attribute, Link, link, persistent
from awlta.persistent.queries.query import store

PNG = b"\x89PNG\r\n\x1a\n"


class Curve(DataProduct):
    """A line from an exposure, with a picture of its own."""

    exposure: Link[Exposure] = link("counts")
    slope: Attribute[float] = persistent("slope", unit="1 / s", init=False)

    @recipe
    def make(self) -> None:
        """Take the mean count for the slope."""
        self.slope = self.exposure.total / max(1, self.exposure.n)

    def draw(self, figure: Any) -> None:
        """Draw the line."""
        axes = figure.subplots()
        axes.plot([0, 1], [0, self.slope])
        axes.set_xlabel("time (s)")
        axes.set_ylabel(f"counts of {self.exposure.n}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every test runs on both databases."""
    return str(request.param)


def curve() -> Curve:
    made = Curve(exposure=ExposureFactory(make=True))
    made.make()
    return made


def test_any_product_has_a_picture(workspace: Workspace, tmp_path: Path) -> None:
    exposure = ExposureFactory(make=True)
    picture = exposure.inspect()
    assert isinstance(picture, Inspection)
    path = picture.retrieve(tmp_path / "exposure.png")
    assert path.read_bytes().startswith(PNG)
    assert picture.file().media_type == "image/png"


def test_a_picture_is_drawn_once(workspace: Workspace) -> None:
    exposure = ExposureFactory(make=True)
    assert exposure.inspect() is exposure.inspect()
    assert len(Inspection.select_all()) == 1


def test_a_picture_is_linked_to_what_it_shows(workspace: Workspace) -> None:
    exposure = ExposureFactory(make=True)
    picture = exposure.inspect()
    assert picture.subject is exposure
    assert exposure.descendants() == [picture]
    assert picture in Inspection.select(Inspection.subject == exposure)
    assert "Exposure" in picture.lineage().tree()


def test_what_a_class_draws_is_its_picture(workspace: Workspace, tmp_path: Path) -> None:
    made = curve()
    own = made.inspect().retrieve(tmp_path / "own.png").read_bytes()
    plain = made.exposure.inspect().retrieve(tmp_path / "plain.png").read_bytes()
    assert own.startswith(PNG)
    assert own != plain


def test_another_drawing_is_another_picture(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = curve()
    first = made.inspect()
    monkeypatch.setattr(Curve, "draw", lambda self, figure: figure.suptitle("new"))
    inspected = __import__("awlta.lineage.inspected", fromlist=["_drawn_by"])
    inspected._drawn_by.cache_clear()
    second = made.inspect()
    inspected._drawn_by.cache_clear()
    assert second is not first
    assert second.drawn_by != first.drawn_by


def test_the_same_product_gives_the_same_picture(workspace: Workspace) -> None:
    made = curve()
    first = made.inspect()
    again = Inspection(subject=made, drawn_by=first.drawn_by)
    again.make()
    assert again.content_digest == first.content_digest


def test_what_is_not_made_has_no_picture(workspace: Workspace) -> None:
    with pytest.raises(NotMade, match="nothing to show yet"):
        ExposureFactory().inspect()


def test_a_drawing_reads_what_is_linked_and_no_more(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, other = curve(), ExposureFactory(make=True, n=9)
    monkeypatch.setattr(Curve, "draw", lambda self, figure: figure.suptitle(str(other.n)))
    with pytest.raises(UndeclaredInput, match="Exposure"):
        made.inspect()


def test_a_drawing_that_fails_is_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = curve()
    monkeypatch.setattr(Curve, "draw", lambda self, figure: 1 / 0)
    with pytest.raises(RecipeFailed, match="ZeroDivisionError"):
        made.inspect()


# the lines that an expert types ------------------------------------------------------------


def test_make_verify_inspect_commit_as_typed(workspace: Workspace) -> None:
    summed = Summed(exposure=ExposureFactory(make=True), zero=None, thresholds=Thresholds())
    summed.others.append(ExposureFactory(make=True))
    summed.thresholds.weight = 3.0
    summed.make()
    summed.verify()
    summed.inspect()
    assert summed.is_made()
    assert summed.get_qcflags_set() == []
    assert summed.store() is summed
    assert summed.commit() is summed
    assert summed.value == 3.0 * 3 + 3 - 0 * 3
    assert len(Summed.select(Summed.thresholds.weight == 3.0)) == 1


def test_what_needs_no_recipe_is_committed(workspace: Workspace) -> None:
    thresholds = Thresholds(weight=7.0)
    assert thresholds.commit() is thresholds
    assert len(Thresholds.select(weight=7.0)) == 1


def test_what_needs_its_recipe_is_neither_committed_nor_stored(workspace: Workspace) -> None:
    with pytest.raises(NotMade, match="was never made"):
        ExposureFactory().commit()
    with pytest.raises(NotMade, match="has no files yet"):
        ExposureFactory().store()
    assert store.get() is workspace
