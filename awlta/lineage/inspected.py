"""What people look at: ``inspect()`` gives a picture that is linked to its product."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..errors import NotMade
from ..persistent import find_class
from .recipes.identity import identify, sources
from .sketch import sketch


class Inspected:
    """What one looks at of a product."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "draw" in cls.__dict__:
            sources.remember(cls.__module__)

    def draw(self, figure: Any) -> None:
        """Draw the product into a matplotlib Figure; a class may have a better picture.

        It may read what the product's own recipe may, and its files.
        """
        sketch(self, figure)

    def inspect(self) -> Any:
        """Return the picture of the product, an :class:`Inspection`; drawn if there is none.

        Raises
        ------
        NotMade
        """
        if not self.is_stored:  # type: ignore[attr-defined]
            raise NotMade(f"{self!r} has nothing to show yet", do="Call its make() first")
        cls: Any = find_class("Inspection")
        category = self.category  # type: ignore[attr-defined]
        own: Any = type(self)
        picture = cls.get_target(subject=self, drawn_by=_drawn_by(own), category=category)
        if not picture.is_made():
            picture.make()
        return picture


@lru_cache(maxsize=1024)
def _drawn_by(cls: type[Inspected]) -> str:
    """Return the digest of the code that draws products of a class."""
    return identify(cls.draw, "1", cls).digest
