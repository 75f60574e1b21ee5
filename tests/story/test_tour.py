"""The pages that show a session are run: each line is typed, each answer compared."""

from __future__ import annotations

import contextvars
import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from awlta.face import cli

DOCS = Path(__file__).resolve().parents[2] / "docs"

BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.ELLIPSIS


@pytest.fixture
def at_a_new_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, with a home that is empty too."""
    monkeypatch.setenv("AWLTA_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield


def blocks(page: Path) -> Iterator[tuple[str, str, int]]:
    """Yield language, text and line of every block that is to be run."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        yield found[1], found[2], text.count("\n", 0, found.start(2))


def type_along(page: Path) -> list[str]:
    """Run a page from top to bottom; return what went otherwise than it says."""
    faults: list[str] = []
    names: dict[str, object] = {"__name__": "__main__"}
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=OPTIONS)
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
    faults = []
    for line in text.splitlines():
        if line.startswith("$ awlta "):
            code = cli.main(shlex.split(line)[2:])
            if code != 0:
                faults.append(f"{line} ended with {code}")
    return faults


@pytest.mark.parametrize("page", ["tour.md"])
def test_a_page_that_shows_a_session_runs_as_it_says(page: str, at_a_new_place: None) -> None:
    faults = contextvars.copy_context().run(type_along, DOCS / page)
    assert not faults, "\n".join(faults)
