"""Who is told of what is read and set while a recipe runs."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol


class Watch(Protocol):
    """Told of everything that is read while a recipe runs; raises where it was not declared."""

    def attribute(self, obj: Any) -> None:
        """An attribute or link of an object is about to be read."""

    def followed(self, step: Any, value: Any) -> None:
        """A link was read and gave this object or list."""

    def change(self, obj: Any, name: str) -> None:
        """An attribute or link of an object is about to be set."""

    def query(self, cls: type[Any]) -> None:
        """A query is about to be asked."""

    def paused(self) -> AbstractContextManager[None]:
        """Return a block in which nothing is judged in this thread."""


watches: list[Watch] = []
"""The watch of the recipe that runs, if one does; the last one counts."""


def pause() -> AbstractContextManager[None]:
    """Return a block in which the watch looks away; for our own transport and connections."""
    return watches[-1].paused() if watches else nullcontext()
