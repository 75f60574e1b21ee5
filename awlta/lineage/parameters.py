"""Parameters: a persistent, shared, content-hashed set of values."""

from __future__ import annotations

from typing import Any, TypeVar

from ..persistent import Persistent

P = TypeVar("P", bound="Parameters")


class Parameters(Persistent, shared=True):
    """Values that a recipe is steered by; two sets of equal values are one object.

    Type and range of each are checked when they are set. A set that is committed does not
    change: :meth:`changed` gives a copy.
    """

    def changed(self: P, **values: Any) -> P:
        """Return a copy with some values changed."""
        mine = {n: getattr(self, n) for n, a in type(self).__attributes__.items() if a.init}
        links = {name: getattr(self, name) for name in type(self).__links__}
        return type(self)(**{**mine, **links, **values})

    def values(self) -> dict[str, Any]:
        """Return every value by its name."""
        return {
            name: getattr(self, name)
            for name, attribute in type(self).__attributes__.items()
            if attribute.source == "class"
        }

    def show(self) -> str:
        """Return the values with units and meanings, one a line."""
        lines = [type(self).__name__]
        for name, value in self.values().items():
            attribute = type(self).__attributes__[name]
            unit = f" {attribute.unit}" if attribute.unit else ""
            lines.append(f"  {name} = {value!r}{unit}    {attribute.doc}")
        return "\n".join(lines)
