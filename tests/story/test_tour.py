"""The pages that show a session are run: each line is typed, each answer compared."""

from __future__ import annotations

import contextvars
import doctest
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import awlta
from awlta.face import cli, prompt
from awlta.persistent import registry
from awlta.processing import Dpu

pytestmark = pytest.mark.long

PROJECT = Path(__file__).resolve().parents[2]
TOUR = PROJECT / "docs" / "tour.md"

BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> Iterator[tuple[str, str, int]]:
    """Yield language, text and line of every block that is to be run."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        yield found[1], found[2], text.count("\n", 0, found.start(2))


def type_along(page: Path) -> list[str]:
    """Run a page from top to bottom; return what went otherwise than it says."""
    faults: list[str] = []
    names: dict[str, object] = {"__name__": "__main__"}
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for language, text, line in blocks(page):
        if language == "console":
            faults += commands(text)
        elif ">>>" in text:
            session = parser.get_doctest(text, {}, page.name, str(page), line)
            session.globs = names
            runner.run(session, out=faults.append, clear_globs=False)
    return faults


def commands(text: str) -> list[str]:
    """Give each command of a block to the command line; return those that did not end well."""
    lines = [line for line in text.splitlines() if line.startswith("$ awlta ")]
    codes = [cli.main(shlex.split(line)[2:]) for line in lines]
    return [f"{line} ended with {code}" for line, code in zip(lines, codes, strict=True) if code]


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Take the tour in an empty home and folder; give what went otherwise than it says."""
    known = dict(registry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWLTA_HOME", str(tmp_path_factory.mktemp("home")))
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield contextvars.copy_context().run(type_along, TOUR)
    for name in set(registry) - set(known):  # classes that the pages typed
        del registry[name]


def test_the_tour_runs_as_it_says(toured: list[str]) -> None:
    assert not toured, "\n".join(toured)


def test_the_picture_of_the_tour_is_the_map_s_own(toured: list[str]) -> None:
    assert Path("skymap.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert Path("map.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "page",
    [
        "queries.md",
        "classes.md",
        "migrations.md",
        "contexts.md",
        "python.md",
        "targets.md",
        "parameters.md",
        "verdicts.md",
        "calibrations.md",
        "transfer.md",
        "retention.md",
        "campaigns.md",
        "performance.md",
        "kernels.md",
        "reading.md",
        "dl1-files.md",
    ],
)
def test_a_page_that_follows_the_tour_runs_as_it_says(page: str, toured: list[str]) -> None:
    faults = contextvars.copy_context().run(type_along, PROJECT / "docs" / page)
    assert not faults, "\n".join(faults)


def test_every_line_of_the_readme_s_session_can_be_typed(toured: list[str]) -> None:
    lines = re.findall(r"^awe> (.*)$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    assert 10 <= len(lines) <= 15
    contextvars.copy_context().run(at_the_prompt, lines)


def at_the_prompt(lines: list[str]) -> None:
    """Type lines with the names in reach that ``awe`` gives."""
    workspace = awlta.connect()
    try:
        reach = prompt.names(workspace, Dpu(workspace))
        for line in lines:
            exec(compile(line, "<awe>", "single"), reach)
        assert reach["other"].parameters.picture == 10
        assert reach["found"][0].images.calibration.is_valid == 0
    finally:
        workspace.close()


def test_the_data_product_of_contributing_is_one_file_and_is_made(
    toured: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (code,) = (t for _, t, _ in blocks(PROJECT / "CONTRIBUTING.md") if "class RoundImages" in t)
    (tmp_path / "my_recipes").mkdir()
    (tmp_path / "my_recipes" / "__init__.py").write_text('"""Recipes of my own."""\n')
    (tmp_path / "my_recipes" / "round_images.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("AWLTA_RECIPES", "my_recipes")
    try:
        assert cli.main(["make", "RoundImages", "--run", "4", "--json"]) == 0
        steps = {step["class"]: step for step in json.loads(capsys.readouterr().out)}
        assert len(steps["RoundImages"]["made"]) == 4
    finally:
        for name in [n for n in sys.modules if n.startswith("my_recipes")]:
            del sys.modules[name]
