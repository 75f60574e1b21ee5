"""The picture of a product, which is a product itself: it has a file and knows its subject."""

from __future__ import annotations

from ..persistent import Attribute, Link, link, persistent
from .product import DataProduct, recipe
from .sketch import to_png


class Inspection(DataProduct):
    """A picture of a data product, for people to look at."""

    subject: Link[DataProduct] = link("product that is shown")
    drawn_by: Attribute[str] = persistent("digest of the code that draws its class")

    @recipe
    def make(self) -> None:
        """Draw the product as its class says."""
        picture = to_png(self.subject, type(self.subject).draw)
        self.create(".png").write_bytes(picture)
