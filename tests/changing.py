"""A recipe package whose classes change, as its author would change them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from awlta.persistent import registry, schema, tables
from awlta.persistent.database import open_engine
from awlta.persistent.evolution.evolution import compare
from awlta.persistent.session import Session

HEAD = '''"""Recipes of a small observatory."""

from enum import Enum

from awlta.lineage import DataProduct, Parameters, recipe
from awlta.persistent import (
    Attribute, Link, Links, OptionalLink, Persistent, link, persistent, reference,
)

'''

FIRST = '''
class Colour(Enum):
    """What a filter lets through."""

    BLUE = "blue"
    RED = "red"


class Tower(Persistent):
    """Something to observe from."""

    name: Attribute[str] = persistent("name")


class Frame(Persistent):
    """A picture."""

    number: Attribute[int] = persistent("number of the frame")
    colour: Attribute[Colour] = persistent("colour of the filter", default=Colour.BLUE)
    tower: Link[Tower] = link("where it was taken")


class Album(Persistent):
    """Frames that belong together: it has links alone, and no table."""

    frames: Links[Frame] = link("its frames", default=())


class Limits(Parameters):
    """How frames are counted."""

    least: Attribute[float] = persistent("least number", default=2.0)


class Tally(DataProduct):
    """How many frames an album has."""

    album: Link[Album] = link("album that is counted")
    limits: Link[Limits] = link("how to count")
    total: Attribute[int] = persistent("number of frames", init=False)

    @recipe
    def make(self) -> None:
        """Count."""
        self.total = len(self.album.frames)
'''
"""The package as it was when the objects were made."""

SECOND = (
    FIRST.replace('    RED = "red"\n', '    RED = "red"\n    GREEN = "green"\n')
    .replace(
        '    tower: Link[Tower] = link("where it was taken")\n',
        '    gain: Attribute[float] = persistent("counts of a photon", default=1.5)\n'
        '    note: Attribute[str | None] = persistent("remark", default=None)\n'
        '    tower: Link[Tower] = link("where it was taken")\n'
        '    twin: OptionalLink["Frame"] = reference("the same again", default=None)\n',
    )
    .replace(
        '    frames: Links[Frame] = link("its frames", default=())\n',
        '    frames: Links[Frame] = link("its frames", default=())\n'
        '    title: Attribute[str] = persistent("title", default="it\'s 100%: new")\n',
    )
    .replace(
        "default=2.0)\n",
        'default=2.0)\n    most: Attribute[float] = persistent("most number", default=9.0)\n',
    )
    + '''

class DeepFrame(Frame):
    """A picture of faint things."""

    depth: Attribute[int] = persistent("magnitude", default=25)


class Catalogue(Persistent):
    """A class that is new."""

    title: Attribute[str] = persistent("title")
'''
)
"""The package with an attribute of every kind, an enum value, links and classes more."""


N_FRAMES = 300


class ChangingPackage:
    """One package in a folder; each ``becomes`` is a new process that imports it."""

    name = "changing_recipes"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        (self.folder / "__init__.py").write_text('"""Recipes that change."""\n')
        self.versions = self.folder / "migrations" / "versions"

    @property
    def folders(self) -> dict[str, Path]:
        """The package with the folder of its revisions."""
        return {self.name: self.versions}

    def becomes(self, source: str) -> Any:
        """Write the classes of the package and import them afresh; return their module."""
        self.forget()
        (self.folder / "recipes.py").write_text(HEAD + source)
        importlib.invalidate_caches()
        # the compiled file of a source of the same second and length would be taken for it
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            module: ModuleType = importlib.import_module(f"{self.name}.recipes")
        finally:
            sys.dont_write_bytecode = before
        return module

    def forget(self) -> None:
        """Take the classes away, as if they were never imported."""
        for name in [n for n in sys.modules if n.split(".")[0] == self.name]:
            del sys.modules[name]
        for cls in [c for c in registry.values() if c.__module__.startswith(self.name)]:
            del registry[cls.__name__]
            table = tables.CLASSES.tables.get(cls.__table_name__)
            if table is not None:
                tables.CLASSES.remove(table)

    def populate(self, url: str) -> Any:
        """Fill a database with objects of the first classes; return their module."""
        recipes = self.becomes(FIRST)
        session = Session(url, "ada", "CRAB")
        with session.use():
            towers = [recipes.Tower(name=f"LST-{n}") for n in range(1, 5)]
            colours = list(recipes.Colour)
            frames = [
                recipes.Frame(number=n, tower=towers[n % 4], colour=colours[n % 2])
                for n in range(N_FRAMES)
            ]
            session.commit(*towers, *frames)
            session.commit(*(recipes.Album(frames=frames[n : n + 3]) for n in range(0, 30, 3)))
            session.commit(recipes.Limits(), recipes.Limits(least=3.0))
        session.close()
        return recipes


def contents(url):
    """Return every table with its columns, indexes and rows."""
    engine = open_engine(url)
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        found = {
            name: (
                [c["name"] for c in inspector.get_columns(name)],
                sorted(schema.indexes(connection).get(name, {})),
                sorted(map(repr, connection.execute(sa.text(f'SELECT * FROM "{name}"')))),
            )
            for name in inspector.get_table_names()
        }
    engine.dispose()
    return found


def differences(database, package):
    """Return the differences of the package's classes by place."""
    with database.read() as connection:
        found = compare(connection)
    return {d.place: d for d in found if d.package.startswith(package.name) or not d.package}
