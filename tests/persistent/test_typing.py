"""What mypy --strict and pyright say of the code of users: nothing where it is right."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]

RIGHT = '''
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from awlta.lineage import Calibration, DataProduct, FileRecord, Parameters, new_hdf5, recipe
from awlta.persistent import (
    Attribute, Link, Links, OptionalLink, Persistent, Query, link, persistent, reference,
)


class Tower(Persistent):
    """A tower."""

    name: Attribute[str] = persistent("name")
    height: Attribute[float | None] = persistent("height", unit="m", default=None)


class RawCounts(DataProduct):
    """Raw counts of a tower."""

    telescope: Link[Tower] = link("tower that counted")
    start: Attribute[datetime] = persistent("when it began")


class Offset(Calibration):
    """A calibration."""

    telescope: Link[Tower] = link("tower it is for")


class Cuts(Parameters):
    """Parameters."""

    picture: Attribute[float] = persistent("picture", unit="p.e.", default=8.0, low=0)


class CameraImages(DataProduct):
    """Images."""

    raw: Link[RawCounts] = link("events")
    offset: Link[Offset] = link("offset", valid_at="raw.start", same="raw.telescope", default=None)
    dark: OptionalLink[RawCounts] = link("dark", default=None)
    others: Links[RawCounts] = link("others", default=())
    note: OptionalLink[Tower] = reference("note", default=None)
    cuts: Link[Cuts] = link("cuts")
    n_events: Attribute[int] = persistent("number", init=False)

    @recipe
    def make(self) -> None:
        path = self.create(".h5")
        with new_hdf5(path) as file:
            file["x"] = [self.cuts.picture]
        name: str = self.raw.telescope.name
        if self.dark is not None:
            name = self.dark.telescope.name
        for one in self.others:
            name += one.telescope.name
        self.n_events = len(name) + len(self.others)


class MoreImages(CameraImages):
    """A subclass."""

    @recipe(version="2")
    def make(self) -> None:
        self.n_events = 3


def use() -> Query[CameraImages]:
    telescope = Tower(name="LST-1")
    raw = RawCounts(telescope=telescope, start=datetime.now(UTC))
    images = CameraImages(raw=raw, cuts=Cuts(picture=6), category="A")
    images = CameraImages(raw=raw, cuts=Cuts(), others=[raw], dark=raw)
    conditions = [
        CameraImages.raw == raw,
        CameraImages.raw != raw,
        CameraImages.others.contains(raw),
        CameraImages.dark.is_(None),
        CameraImages.raw.in_([raw]),
        CameraImages.raw.telescope == telescope,
        CameraImages.raw.telescope.name == "LST-1",
        CameraImages.raw.telescope.name.like("LST*"),
        CameraImages.raw.telescope.height == None,
        CameraImages.raw.telescope.height > 3.0,
        CameraImages.object_id == images.object_id,
        CameraImages.creation_date >= datetime.now(UTC),
        CameraImages.n_events.in_([1, 2]),
        CameraImages.is_valid == 1,
        CameraImages.quality_flags == 0,
        CameraImages.content_digest != None,
        MoreImages.category == "A",
        CameraImages.raw.within(83.6, 22.0, 1),
        CameraImages.on_night("2026-03-01"),
        CameraImages._project == "CRAB",
    ]
    files: list[tuple[CameraImages, FileRecord]] = CameraImages.select_all().files()
    counts: dict[Any, int] = conditions[0].counts("raw.telescope.name")
    print(files, counts, CameraImages.select(category="A").limit(3).best_replica()[0].url)
    question = (conditions[0] & conditions[1]) | ~conditions[2]
    query = CameraImages.select(question, category="B").order_by("-creation_date")
    number: int = query[0].n_events + len(query)
    first = query.first()
    if first is not None:
        number = first.n_events
    target = MoreImages.get_target(raw=raw, cuts=Cuts())
    digest: str | None = target.content_digest
    offset = Offset(telescope=telescope)
    start: datetime = offset.timestamp_start
    flags: int = offset.quality_flags + offset.is_valid + number
    print(start, flags, digest, target.uptodate(), target.ancestors(), len(question))
    return query
'''

WRONG = """
from __future__ import annotations

from right import CameraImages, Cuts, MoreImages, Tower


def misspelt_step() -> object:
    return CameraImages.raw.telescpoe.name == "LST-1"


def misspelt_attribute() -> object:
    return CameraImages.raw.telescope.nmae == "LST-1"


def unknown_argument() -> object:
    return Tower(name="LST-1", hight=3.0)


def argument_of_the_wrong_type() -> object:
    return Cuts(picture="high")


def link_of_the_wrong_class(tower: Tower) -> object:
    return CameraImages(raw=tower, cuts=Cuts())


def argument_worked_out_by_the_recipe(images: CameraImages) -> object:
    return CameraImages(raw=images.raw, cuts=Cuts(), n_events=3)


def attribute_of_the_wrong_type(cuts: Cuts) -> None:
    cuts.picture = "high"


def value_used_as_another_type(images: MoreImages) -> str:
    return images.n_events


def condition_as_truth() -> None:
    many = CameraImages.n_events > 3
    if many:
        print("never")


def comparison_as_truth() -> None:
    if CameraImages.n_events > 3:
        print("never")
"""


UNSEEN_BY_MYPY = {"comparison_as_truth"}
"""mypy never looks at the type of a comparison that stands in ``if`` itself."""


def places(text: str) -> dict[str, tuple[int, int]]:
    """Return first and last line of every function of a text."""
    starts = [
        (n, m[1])
        for n, line in enumerate(text.split("\n"), 1)
        if (m := re.match(r"def (\w+)", line))
    ]
    ends = [n for n, _ in starts[1:]] + [text.count("\n") + 2]
    return {name: (n, end) for (n, name), end in zip(starts, ends, strict=True)}


def flagged(lines: set[int]) -> set[str]:
    """Return the functions in which there are errors."""
    return {
        name
        for name, (first, end) in places(WRONG).items()
        if any(first <= line < end for line in lines)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(WRONG)
    settings = {"extraPaths": [str(ROOT)], "include": ["right.py", "wrong.py"]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    return folder


def test_mypy_finds_every_mistake_and_no_other(folder):
    mypy = [sys.executable, "-m", "mypy", "--strict", "--warn-unreachable", "--config-file="]
    done = subprocess.run(
        [*mypy, "--follow-imports=silent", "right.py", "wrong.py"],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(ROOT), "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache/typed")},
        capture_output=True,
        text=True,
    )
    found = re.findall(r"^(\w+)\.py:(\d+): error:", done.stdout, re.MULTILINE)
    assert {name for name, _ in found} == {"wrong"}, done.stdout
    seen = flagged({int(line) for _, line in found})
    assert seen == set(places(WRONG)) - UNSEEN_BY_MYPY


def test_pyright_finds_every_mistake_and_no_other(folder):
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if not done.stdout.startswith("{"):
        pytest.skip(f"pyright does not run here: {done.stderr[-200:]}")
    found = [
        (Path(d["file"]).stem, d["range"]["start"]["line"] + 1)
        for d in json.loads(done.stdout)["generalDiagnostics"]
        if d["severity"] == "error"
    ]
    assert {name for name, _ in found} == {"wrong"}, done.stdout
    assert flagged({line for _, line in found}) == set(places(WRONG)), done.stdout
