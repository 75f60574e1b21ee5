"""How Sphinx builds these pages: MyST for the text, numpydoc for the docstrings, no network."""

from typing import Any

from sphinx.application import Sphinx

import awlta
from awlta.lineage.packages import load_recipes
from awlta.persistent import Attribute, Persistent
from awlta.persistent.attributes import AnyLink
from awlta.persistent.conditions import Column, Path

load_recipes()  # so that a link to a class which another module declares can be described

project = "awlta"
author = "the awlta authors"
copyright = "2026, the awlta authors"
version = release = awlta.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
numpydoc_show_class_members = False

html_theme = "alabaster"
html_theme_options = {
    "description": "every data product knows its origin",
    "page_width": "1080px",
    "sidebar_width": "240px",
}
html_show_sourcelink = False


def leave_out(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out attributes and links: :func:`describe` lists them with their meaning."""
    return True if isinstance(obj, Attribute | AnyLink | Column | Path) else None


def describe(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Add what a persistent class declares to its text: name, type, unit, meaning."""
    if what != "class" or not issubclass(obj, Persistent) or obj.__module__ == Persistent.__module__:
        return
    own = {n: obj.__attributes__[n] for n in getattr(obj, "__own_attributes__", ())}
    declared = {**own, **{n: s for n, s in obj.__links__.items() if n in vars(obj)}}
    if declared:
        lines += ["", *(f"- **{n}**: {d.describe()}" for n, d in declared.items()), ""]


def setup(app: Sphinx) -> None:
    """Connect the two."""
    app.connect("autodoc-skip-member", leave_out)
    app.connect("autodoc-process-docstring", describe, priority=900)
