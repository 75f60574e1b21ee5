"""A plan is run: level by level, each product once, inputs filled in as they are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import AwltaError, Fault, NotMade
from .planning import Draft, Node
from .states import State
from .targets import by_work, equals, work_key

Maker = Callable[[Sequence[Any]], Sequence[AwltaError | None]]
"""Makes products that do not need each other; for each, None or why it failed."""


@dataclass
class Outcome:
    """What came of running a plan.

    Attributes
    ----------
    made : list of DataProduct
    existing : list of DataProduct
        Were there before, or were made by others meanwhile.
    failed : list of (DataProduct, AwltaError)
        Each with its reason.
    blocked : list of (DataProduct, AwltaError)
        Cannot be made, or need one that could not.
    """

    made: list[Any] = field(default_factory=list)
    existing: list[Any] = field(default_factory=list)
    failed: list[tuple[Any, AwltaError]] = field(default_factory=list)
    blocked: list[tuple[Any, AwltaError]] = field(default_factory=list)


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


def run(
    draft: Draft, make: Maker, on_level: Callable[[Sequence[Any]], None] | None = None
) -> Outcome:
    """Make what is to be made; what fails keeps back only what needs it."""
    return _Run(draft, make, on_level).run()


class _Run:
    """One run of a plan: which of its products are there by now."""

    def __init__(
        self, draft: Draft, make: Maker, on_level: Callable[[Sequence[Any]], None] | None
    ) -> None:
        self.draft = draft
        self.session = draft.session
        self.make = make
        self.on_level = on_level
        self.outcome = Outcome()
        self.there: dict[int, Any] = {}

    def run(self) -> Outcome:
        """Go through the levels."""
        nodes = self.draft.nodes
        exist = [(n.found.key, n.found.class_name) for n in nodes if n.found and _exists(n)]
        held = {o.__dict__["_key"]: o for o in self.session.load(exist)}
        levels: dict[int, list[int]] = {}
        for number, node in enumerate(nodes):
            if node.found is not None and _exists(node):
                self.there[number] = held[node.found.key]
                self.outcome.existing.append(held[node.found.key])
            else:
                levels.setdefault(node.level, []).append(number)
        for _, numbers in sorted(levels.items()):
            self._make_level([n for n in numbers if self._is_possible(n)])
        return self.outcome

    def _is_possible(self, number: int) -> bool:
        """Tell whether a product can be made by now; if not, say why."""
        node = self.draft.nodes[number]
        absent = [self.draft.nodes[i].obj for i in node.inputs if i not in self.there]
        if node.error is None and not absent:
            return True
        error = node.error or NotMade(
            f"{node.obj!r} needs {absent[0]!r}, which could not be made",
            do="Mend that one first",
        )
        self.outcome.blocked.append((node.obj, error))
        return False

    def _make_level(self, numbers: list[int]) -> None:
        """Make the products of one level, each work once; take what others have made."""
        nodes = self.draft.nodes
        for number in numbers:
            self._fill(nodes[number])
        wanted = {n: (nodes[n].class_name, work_key(nodes[n].obj)) for n in numbers}
        found, _ = equals(self.session, list(wanted.values()), present=True)
        keys = {
            n: e.current
            for n, e in zip(wanted, found, strict=True)
            if e.current is not None and nodes[n].obj not in self.draft.anew
        }
        first = {work: n for n, work in reversed(wanted.items()) if n not in keys}
        products = [nodes[n].obj for n in sorted(first.values())]
        if products:
            if self.on_level is not None:
                self.on_level(products)
            errors = self.make(products)
            done = dict(zip(sorted(first.values()), errors, strict=True))
            self._take(done, wanted)
        objects = {o.__dict__["_key"]: o for o in self._load(list(keys.values()))}
        for number, one in keys.items():
            self.there[number] = objects[one.key]
            self.outcome.existing.append(objects[one.key])
        for number, work in wanted.items():
            if number not in self.there and first[work] in self.there:
                self.there[number] = self.there[first[work]]

    def _take(self, done: dict[int, AwltaError | None], wanted: dict[int, Any]) -> None:
        """Note what was made; what another process has made is looked up."""
        nodes = self.draft.nodes
        made = [n for n, error in done.items() if error is None]
        away = {n: wanted[n][1] for n in made if not nodes[n].obj.is_stored}
        found = by_work(self.session, list(away.values()), present=True) if away else {}
        newest = {n: found[work][0] for n, work in away.items() if found.get(work)}
        objects = {o.__dict__["_key"]: o for o in self._load(list(newest.values()))}
        for number, error in done.items():
            product = nodes[number].obj
            if error is None and number in away:
                product = objects[newest[number].key] if number in newest else product
                error = None if number in newest else _vanished(product)
            if error is None:
                self.there[number] = product
                self.outcome.made.append(product)
            else:
                self.outcome.failed.append((product, error))

    def _load(self, found: list[Any]) -> list[Any]:
        return self.session.load([(one.key, one.class_name) for one in found])

    def _fill(self, node: Node) -> None:
        """Let an intention link what was made, in place of other intentions or old products."""
        obj = node.obj
        for name, step in type(obj).__links__.items():
            value = obj.__dict__.get(name)
            if value is None:
                continue
            targets = list(value) if step.many else [value]
            now = [self._now(target, step.is_input) for target in targets]
            if any(a is not b for a, b in zip(targets, now, strict=True)):
                setattr(obj, name, now if step.many else now[0])

    def _now(self, target: Any, is_input: bool) -> Any:
        """Return what is there of an input."""
        stands = self.draft.stand_in(target) if is_input else target
        number = self.draft.number.get(stands)
        return target if number is None else self.there.get(number, target)


def _exists(node: Node) -> bool:
    return node.state is State.EXISTS


def _vanished(product: Any) -> AwltaError:
    return Fault(
        f"{product!r} was said to be made, and is not there",
        expected="a committed product",
        do="Look at its job ('awlta jobs'), and run 'awlta doctor'",
    )
