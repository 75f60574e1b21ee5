"""What is public is told: every verb, name and error has its place in the pages."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from awlta import errors
from awlta.face import arguments
from awlta.lineage.recipes.packages import load_recipes
from awlta.persistent import registry, tables

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
GUIDE = sorted(DOCS.glob("*.md"))
PAGES = [*GUIDE, *sorted(DOCS.glob("*/*.md")), PROJECT / "README.md", PROJECT / "CONTRIBUTING.md"]

PUBLIC = (
    "awlta",
    "awlta.persistent",
    "awlta.lineage",
    "awlta.archive",
    "awlta.archive.sip",
    "awlta.processing",
    "awlta.kernels",
)

LARGEST_PICTURE = 60_000
LONGEST_DECISION = 40


def words_of(*pages: Path) -> set[str]:
    """Return every word of some pages that could be a name."""
    return set(re.findall(r"\w+", "\n".join(page.read_text() for page in pages)))


def section(page: Path, title: str) -> str:
    """Return the text under one heading of the third level."""
    found = re.search(rf"^### {title}$(.*?)(?=^##|\Z)", page.read_text(), re.M | re.S)
    assert found, f"{page.name} has no section {title}"
    return found[1]


def links_of(page: Path) -> list[str]:
    """Return the files that a page links or shows."""
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", page.read_text())
    return [a or b for a, b in found if "://" not in (a or b)]


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_told_in_the_guide(package: str) -> None:
    names = set(importlib.import_module(package).__all__)
    assert names - words_of(*GUIDE) == set()


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_package_has_a_page_from_its_docstrings(package: str) -> None:
    pages = "\n".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
    assert f".. automodule:: {package}\n" in pages


@pytest.mark.parametrize("verb", arguments.VERBS)
def test_every_verb_and_option_of_the_command_line_is_told(verb: str) -> None:
    text = section(DOCS / "command-line.md", f"awlta {verb}")
    assert f"```sh\nawlta {verb}" in text
    assert "JSON" in text or verb == "serve"
    parser = argparse.ArgumentParser(add_help=False)
    arguments.VERBS[verb][2](parser)
    everywhere = (DOCS / "command-line.md").read_text()
    for action in parser._actions:
        for option in action.option_strings:
            assert option in text, f"{option} of awlta {verb}"
    assert "`--json`" in everywhere
    assert "`--home FOLDER`" in everywhere


def tree_of_errors() -> list[type[errors.AwltaError]]:
    found = [errors.AwltaError]
    for cls in found:
        found += cls.__subclasses__()
    return [cls for cls in found if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("error", tree_of_errors()[1:])
def test_every_error_is_told_with_its_code(error: type[errors.AwltaError]) -> None:
    assert f"| `{error.__name__}` | `{error.code}` |" in (DOCS / "errors.md").read_text()


def test_every_data_product_has_a_page_from_its_docstring() -> None:
    load_recipes()
    pages = "\n".join(page.read_text() for page in (DOCS / "api").glob("*.md"))
    modules = {c.__module__ for c in registry.values() if c.__module__.startswith("awlta_recipes.")}
    assert {m for m in modules if f".. automodule:: {m}\n" not in pages} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    missing = [link for link in links_of(page) if not (page.parent / link).exists()]
    assert missing == []


def test_every_page_of_the_guide_is_in_the_table_of_contents() -> None:
    listed = set((DOCS / "index.md").read_text().split())
    assert {page.stem for page in GUIDE} - listed == {"index"}


def test_the_class_on_the_page_about_classes_is_the_one_of_the_recipes() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "classes.md").read_text(), re.M | re.S)
    recipe = PROJECT / "recipes" / "awlta_recipes" / "camera_calibration.py"
    assert blocks[0] in recipe.read_text()


@pytest.mark.parametrize("name", ["camera_calibration", "calibration", "product"])
def test_the_tables_on_the_page_about_classes_are_those_that_are_made(name: str) -> None:
    load_recipes()
    made = {t.name: t for _, t in tables.class_tables(registry["CameraCalibration"])}
    made["product"] = tables.product
    statement = str(CreateTable(made[name]).compile(dialect=sqlite.dialect()))
    shown = re.sub(r"\s+", " ", (DOCS / "classes.md").read_text())
    assert re.sub(r"\s+", " ", statement).strip() in shown


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("0*.md")), ids=lambda p: p.stem)
def test_a_decision_tells_question_choice_and_price_in_forty_lines(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= LONGEST_DECISION
    assert all(f"**{part}.**" in text for part in ("Question", "Choice", "Price"))
    assert text.startswith(f"# {int(page.name[:4])}. ")


def test_pictures_are_small_enough_to_keep() -> None:
    pictures = list((DOCS / "images").iterdir())
    assert pictures
    assert all(picture.stat().st_size < LARGEST_PICTURE for picture in pictures)
