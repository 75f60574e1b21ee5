"""What must stay true of the whole house: light at the door, documented, rooms of a size."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from awlta import errors

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("awlta", "recipes", "dataserver", "dpu")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
LARGEST = 400

CROWDED = {
    "Session": "the face of a store, and the one way to the database",
    "Workspace": "the faces of a workplace and of a recorder",
    "BareWorkplace": "the same workplace where there is no database",
    "Query": "what one asks of a query",
    "Condition": "a condition is a query as it stands",
    "Shelf": "the steps of a file's way in and out, which must agree",
    "Queue": "the questions to one table, kept in one place",
}
"""Classes with more than 12 public methods of their own, each with its reason."""


def test_importing_awlta_loads_nothing_heavy() -> None:
    code = "import sys, awlta; print(' '.join(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"sqlalchemy", "numpy", "astropy", "h5py", "lxml", "aiohttp"}


def test_help_loads_no_database() -> None:
    code = (
        "import sys\nfrom awlta.face.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print('LOADED', ' '.join(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert not loaded & {"sqlalchemy", "numpy", "astropy", "rich"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_can_be_read_in_one_go(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LARGEST
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module says its job at its top"


def test_packages_only_re_export() -> None:
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
    for path in SOURCES:
        if path.name != "__init__.py" or path.parent == ROOT / "awlta":
            continue
        for node in ast.parse(path.read_text()).body:
            assert isinstance(node, allowed), f"{path}:{node.lineno} is logic"


@pytest.mark.parametrize("floor", ["persistent", "lineage"])
def test_every_room_stands_where_the_house_is_drawn(floor: str) -> None:
    rooms = {path.parent.name for path in (ROOT / "awlta" / floor).glob("*/__init__.py")}
    page = (ROOT / "docs" / "index.md").read_text()
    table = page.split(f"| `awlta.{floor}.` | holds |")[1].split("\n\n")[0]
    told = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row)}
    assert told == rooms


def test_no_class_does_everything() -> None:
    crowded = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                public = [
                    f.name
                    for f in node.body
                    if isinstance(f, ast.FunctionDef) and not f.name.startswith("_")
                ]
                if len(public) > 12 and node.name not in CROWDED:
                    crowded[node.name] = len(public)
    assert crowded == {}


@pytest.mark.parametrize(
    "module",
    ["awlta.persistent", "awlta.lineage", "awlta.archive", "awlta.processing", "awlta.storage"],
)
def test_public_names_are_documented(module: str) -> None:
    package = importlib.import_module(module)
    for name in package.__all__:
        thing = getattr(package, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), f"{module}.{name}"


def test_the_tree_of_errors_is_drawn_whole() -> None:
    drawing = errors.__doc__ or ""
    for name, thing in vars(errors).items():
        if inspect.isclass(thing) and issubclass(thing, Exception):
            assert name in drawing


def test_codes_of_errors_are_their_own() -> None:
    found = [t for t in vars(errors).values() if inspect.isclass(t) and issubclass(t, Exception)]
    codes = [t.code for t in found]  # type: ignore[attr-defined]
    assert len(set(codes)) == len(codes)


def test_errors_cross_a_wire_and_come_back() -> None:
    sent = errors.NameTaken("x is taken", expected="a free name", do="Choose another", name="x")
    back = errors.from_json(sent.to_json())
    assert type(back) is errors.NameTaken
    assert str(back) == str(sent) == "x is taken. Expected: a free name. Choose another."
    assert back.facts == {"name": "x"}
