"""Backward chaining over classes: what a class links is brought up to date before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AwltaError, NotFound
from ..persistent import find_class, registry
from .product import DataProduct, Selection


@dataclass(frozen=True)
class Step:
    """What was found and done for one class of a chain.

    Attributes
    ----------
    cls : type
    made : tuple of DataProduct
        Made now.
    current : tuple of DataProduct
        Up to date before.
    refused : tuple of (DataProduct, AwltaError)
        Could not be made, each with its reason; the rest went on.
    """

    cls: type[Any]
    made: tuple[Any, ...]
    current: tuple[Any, ...]
    refused: tuple[tuple[Any, AwltaError], ...]


Maker = Callable[[Sequence[Any]], Sequence[AwltaError | None]]
"""Makes products that do not need each other; for each, None or why it failed."""


def find_product(name: str) -> type[DataProduct]:
    """Return a class of data products by its name; raise NotFound with those there are."""
    cls = find_class(name)
    if issubclass(cls, DataProduct):
        return cls
    names = sorted(n for n, c in registry.items() if issubclass(c, DataProduct))
    raise NotFound(f"{name} is no data product", expected=", ".join(names))


def classes(wanted: type[DataProduct]) -> list[type[DataProduct]]:
    """Return the class and all classes with a recipe that its links lead to, inputs first."""
    found: list[type[DataProduct]] = []
    entered: set[str] = set()

    def enter(cls: type[Any]) -> None:
        if cls.__name__ in entered:
            return
        entered.add(cls.__name__)
        for step in cls.__links__.values():
            enter(step.target)
        is_product = issubclass(cls, DataProduct) and cls.__recipe__ is not None
        if is_product and cls.targets.__func__ is not DataProduct.targets.__func__:  # type: ignore[attr-defined]
            found.append(cls)

    enter(wanted)
    return found


def bring_up_to_date(
    wanted: type[DataProduct],
    selection: Selection,
    make: Maker,
    on_step: Callable[[type[Any], int], None] = lambda cls, n: None,
) -> list[Step]:
    """Make what is missing or out of date for a selection, inputs first.

    Parameters
    ----------
    wanted : type
    selection : Selection
    make : Maker
    on_step : callable, optional
        Told the class, and how many of it are to be made, before they are.
    """
    steps = []
    for cls in classes(wanted):
        targets = selection.targets(cls)
        missing = [t for t in targets if not t.is_made()]
        on_step(cls, len(missing))
        outcomes = make(missing) if missing else []
        refused = tuple((p, e) for p, e in zip(missing, outcomes, strict=True) if e is not None)
        if not all(t.is_made() for t in missing):
            selection.refresh(cls)
        failed = {id(p) for p, _ in refused}
        steps.append(
            Step(
                cls,
                tuple(p for p in missing if id(p) not in failed),
                tuple(t for t in targets if all(t is not m for m in missing)),
                refused,
            )
        )
    return steps


def make_here(products: Sequence[Any]) -> list[AwltaError | None]:
    """Make products one after the other in this process."""
    outcomes: list[AwltaError | None] = []
    for product in products:
        try:
            product.make()
            outcomes.append(None)
        except AwltaError as error:
            outcomes.append(error)
    return outcomes
