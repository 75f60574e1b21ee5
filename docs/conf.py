"""How Sphinx builds these pages: MyST for the text, numpydoc for the docstrings, no network."""

from typing import Any

from sphinx.application import Sphinx

import awlta
from awlta.lineage.recipes.packages import load_recipes
from awlta.persistent import Attribute
from awlta.persistent.attributes.attributes import AnyLink
from awlta.persistent.attributes.conditions import Column, Path

load_recipes()  # a docstring names the classes of links, which other modules declare

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
    """Leave out attributes and links: the class's own docstring lists them with their meaning."""
    return True if isinstance(obj, Attribute | AnyLink | Column | Path) else None


def setup(app: Sphinx) -> None:
    """Connect it."""
    app.connect("autodoc-skip-member", leave_out)
