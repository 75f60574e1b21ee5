"""The objects of one to-many link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, overload

P = TypeVar("P")


class LinkList(Sequence[P]):
    """The objects of one :class:`Links`, in order; grows until its owner is committed."""

    def __init__(self, owner: Any, step: Any, objects: list[P]) -> None:
        self._owner = owner
        self._step = step
        self._objects = objects

    def append(self, obj: P) -> None:
        """Add one more object at the end."""
        self._owner._refuse_change(self._step.name)
        self._objects.append(self._step.check_one(obj))

    def extend(self, objects: Iterable[P]) -> None:
        """Add several objects at the end."""
        for obj in objects:
            self.append(obj)

    @overload
    def __getitem__(self, index: int) -> P: ...
    @overload
    def __getitem__(self, index: slice) -> list[P]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._objects[index]

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[P]:
        return iter(self._objects)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._objects)
