"""The lineage of a product with everything one does with it."""

from __future__ import annotations

import json

from . import drawing
from .graph import Graph
from .prov import prov_json


class Lineage(Graph):
    """Everything a product was made from; print it, draw it, export it."""

    def tree(self) -> str:
        """Return an indented tree; what was shown before is pointed to."""
        return drawing.tree(self)

    def to_svg(self) -> str:
        """Return a picture: what nothing was made from above, the product below."""
        return drawing.svg(self)

    def to_prov(self) -> str:
        """Return W3C PROV-JSON."""
        return json.dumps(prov_json(self), indent=2)

    def __repr__(self) -> str:
        return self.tree()
