"""Backward chaining over classes: what a class links is brought up to date before it.

Which products of a class there should be is often known only when those that it is made from
are there: how many telescopes a file holds, for which times a calibration is valid. So a class
is planned and made when the classes before it are, and what can be foreseen of the whole is what
follows from what exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import AwltaError, BadValue, NotFound
from ...persistent import find_class, registry
from ..currency.currency import objects_of
from ..product import DataProduct, Selection
from ..workplace import current_database
from .plan import Plan
from .planning import again
from .running import Maker
from .running import make_here as make_here
from .targets import equals, work_key


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


def find_product(name: str) -> type[DataProduct]:
    """Return a class of data products by its name; raise NotFound with those there are."""
    cls = find_class(name)
    if issubclass(cls, DataProduct):
        return cls
    names = sorted(n for n, c in registry.items() if issubclass(c, DataProduct))
    raise NotFound(f"{name} is no data product", expected=", ".join(names))


def classes(wanted: type[DataProduct]) -> list[type[DataProduct]]:
    """Return the class and all classes with a recipe that its links lead to, inputs first.

    Raises
    ------
    BadValue
        The class does not say which of its products there should be.
    """
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
    if wanted not in found:
        raise BadValue(
            f"Nothing says which {wanted.__name__} there should be",
            expected="a class with a recipe and targets()",
            do="Ingest it ('awlta ingest FILE...'), or make it at the prompt ('awe')",
        )
    return found


class Foreseen(Selection):
    """A selection that is asked before anything is made.

    What is out of date stands in for what will replace it, so that the classes after it can be
    asked; of what was never made nothing is known yet.

    Attributes
    ----------
    successors : dict
        Key of each product that is out of date to the intention that will replace it.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.successors: dict[int, Any] = {}
        self._stand_ins: dict[type[Any], list[Any]] = {}

    def of(self, cls: type[Any]) -> list[Any]:
        """Return the targets of a class that exist, up to date or not."""
        if cls not in self._stand_ins:
            targets = self.targets(cls)
            absent = [t for t in targets if not t.is_made()]
            old = self._outdated(absent)
            self._stand_ins[cls] = [old.get(id(t), t) for t in targets]
        return [product for product in self._stand_ins[cls] if product.is_made()]

    def is_open(self, cls: type[Any]) -> bool:
        """Tell whether some products of a class were never made, so that more may come of it."""
        return len(self.of(cls)) < len(self.targets(cls))

    def _outdated(self, absent: Sequence[Any]) -> dict[int, Any]:
        """Return what exists, though out of date, by the id of the intention to replace it."""
        session = current_database()
        works = [(type(t).__name__, work_key(t)) for t in absent]
        answers, _ = equals(session, works)
        keys = {id(t): e.outdated.key for t, e in zip(absent, answers, strict=True) if e.outdated}
        objects = objects_of(session, set(keys.values()))
        self.successors |= {keys[id(t)]: t for t in absent if id(t) in keys}
        return {place: objects[key] for place, key in keys.items()}


def foresee(wanted: type[DataProduct], selection: Selection, *, remake: bool = False) -> Plan:
    """Plan a class and all that it is made from, as far as it follows from what exists.

    Parameters
    ----------
    wanted : type
    selection : Selection
    remake : bool
        Make the products of the class again though they are up to date.
    """
    chosen = Foreseen(**selection.values)
    products: list[Any] = []
    later: list[type[Any]] = []
    for cls in classes(wanted):
        if remake and cls is wanted:
            anew = _anew(chosen.targets(cls))
            return Plan.of([*products, *anew], chosen.successors, later=later[1:], anew=anew)
        products += chosen.targets(cls)
        if later or chosen.is_open(cls):
            later.append(cls)
    return Plan.of(products, chosen.successors, later=later[1:])


def _anew(targets: Sequence[Any]) -> list[Any]:
    """Return intentions in place of products that are made."""
    return [again(target, {}, {}) if target.is_made() else target for target in targets]


def bring_up_to_date(
    wanted: type[DataProduct],
    selection: Selection,
    make: Maker,
    on_step: Callable[[type[Any], int], None] = lambda cls, n: None,
    *,
    remake: bool = False,
) -> list[Step]:
    """Make what is missing or out of date for a selection, inputs first.

    Parameters
    ----------
    wanted : type
    selection : Selection
    make : Maker
    on_step : callable, optional
        Told the class, and how many of it are to be made, before they are.
    remake : bool
        Make the products of the class again though they are up to date.
    """
    steps = []
    for cls in classes(wanted):
        targets = selection.targets(cls)
        anew = _anew(targets) if remake and cls is wanted else []
        missing = anew or [t for t in targets if not t.is_made()]
        current = [] if anew else [t for t in targets if t.is_made()]
        on_step(cls, len(missing))
        plan = Plan.of(missing, anew=anew)
        done = plan.run(make)
        if missing:
            selection.refresh(cls)
        current += done.existing
        refused = (*done.failed, *done.blocked)
        steps.append(Step(cls, tuple(done.made), tuple(current), refused))
    return steps
