"""How Sphinx builds these pages: MyST for the text, numpydoc for the docstrings, no network."""

import awlta
from awlta.lineage.packages import load_recipes

load_recipes()  # the pages of the recipes name classes that every module of them declares

project = "awlta"
author = "the awlta authors"
copyright = "2026, the awlta authors"
version = release = awlta.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
numpydoc_show_class_members = False

html_theme = "alabaster"
html_theme_options = {
    "description": "every data product knows its origin",
    "page_width": "1080px",
    "sidebar_width": "240px",
}
html_show_sourcelink = False
suppress_warnings = ["myst.header"]
