"""The plan: what has to be made for what is wanted, why, and at what cost.

A plan is worked out set-wise (:mod:`awlta.lineage.planning.planning`), and can be printed, written
as JSON, and run, here or on the DPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...errors import AwltaError
from ...persistent import Query, find_class
from ..currency.currency import Reason, explained, staleness
from ..keyset import keys_of
from ..workplace import current_database
from .costs import UNKNOWN, Cost, costs
from .planning import Draft
from .running import Maker, Outcome, make_here, run
from .states import State


@dataclass(frozen=True)
class Target:
    """One product of a plan.

    Attributes
    ----------
    product : DataProduct
        Committed if it exists as it should be, else the intention that would be made.
    state : State
    reasons : tuple of Reason
        Why it is to be made: what differs, old and new.
    inputs : tuple of int
        Numbers of the targets that it is made from, where these are in the plan.
    cost : Cost
        Of making it; nothing if it exists.
    replaces : str or None
        object_id of the committed product that is out of date.
    error : AwltaError or None
        Why it cannot be made.
    """

    product: Any
    state: State
    reasons: tuple[Reason, ...]
    inputs: tuple[int, ...]
    cost: Cost
    replaces: str | None = None
    error: AwltaError | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the target as JSON holds it."""
        exists = self.product.object_id if self.state is State.EXISTS else self.replaces
        return {
            "class": type(self.product).__name__,
            "state": self.state.value,
            "object_id": exists,
            "reasons": [reason.to_json() for reason in self.reasons],
            "inputs": list(self.inputs),
            "cost": self.cost.to_json(),
            "error": None if self.error is None else self.error.to_json(),
            "message": None if self.error is None else str(self.error),
        }


class Plan:
    """What is wanted, and what has to be made for it, inputs first.

    Made by :meth:`of`; ``awlta.lineage.planning.chain.foresee`` gives that of a class and all
    classes that it is made from.
    """

    def __init__(
        self,
        draft: Draft,
        existing: Sequence[tuple[int, str]] = (),
        later: Sequence[type[Any]] = (),
    ) -> None:
        self._session = draft.session
        self._draft = draft
        self._nodes = draft.nodes
        self._existing = existing
        self.later = tuple(later)

    @classmethod
    def of(
        cls,
        wanted: Iterable[Any] | Query[Any],
        successors: Mapping[int, Any] | None = None,
        *,
        later: Sequence[type[Any]] = (),
        anew: Sequence[Any] = (),
    ) -> Plan:
        """Plan some products, or all that a query finds.

        Parameters
        ----------
        wanted : iterable of DataProduct, or Query
            Intentions, which may link other intentions, and committed products.
        successors : mapping, optional
            Key of a committed product to the intention that is to replace it.
        later : sequence of type, optional
            Classes of which more may be wanted once these are made.
        anew : sequence of DataProduct
            Intentions that are made although what they would give exists.
        """
        session = current_database()
        if isinstance(wanted, Query):
            with session.database.read() as connection:
                rows = connection.execute(keys_of(session, wanted)).all()
            found = staleness(session, wanted)
            out = found.keys | found.bad
            if not out:
                return cls(Draft(session), rows)
            products = session.load([row for row in rows if row[0] in out])
            rows = [row for row in rows if row[0] not in out]
        else:
            products, rows = list(wanted), []
        draft = Draft(session, successors, anew)
        draft.plan(products)
        return cls(draft, rows, later)

    def __len__(self) -> int:
        return len(self._nodes) + len(self._existing)

    @cached_property
    def targets(self) -> list[Target]:
        """Every product of the plan, each after those that it is made from."""
        session, nodes = self._session, self._nodes
        told = [cause for node in nodes for cause in node.causes]
        reasons = iter(explained(session, told))
        exist = [n.found for n in nodes if n.state is State.EXISTS and n.found is not None]
        rows = [(f.key, f.class_name) for f in exist] + list(self._existing)
        held = {o.__dict__["_key"]: o for o in session.load(rows)}
        found = []
        for node in nodes:
            why = tuple(next(reasons) for _ in node.causes)
            product = node.obj
            if node.state is State.EXISTS and node.found is not None:
                product = held[node.found.key]
            elif node.state is State.MISSING:
                why = (Reason(product, "make", "never made", "to be made"),)
            elif node.state is State.STALE and not why:
                why = (Reason(product, "make", "up to date", "asked for again"),)
            replaces = node.found.object_id if node.found and node.state != State.EXISTS else None
            cost = self._costs.get(node.class_name, UNKNOWN) if node.state.is_to_make else Cost()
            inputs = tuple(node.inputs)
            found.append(Target(product, node.state, why, inputs, cost, replaces, node.error))
        found += [Target(held[k], State.EXISTS, (), (), Cost()) for k, _ in self._existing]
        return found

    def target_of(self, product: Any) -> Target:
        """Return the target that a product which was planned stands for, or is replaced by."""
        return self.targets[self._draft.number[self._draft.stand_in(product)]]

    @property
    def to_make(self) -> list[Target]:
        """The targets that a run would make."""
        return [target for target in self.targets if target.state.is_to_make]

    def counts(self) -> dict[str, dict[State, int]]:
        """Return for each class how many of its products are in which state, inputs first."""
        states: dict[str, list[State]] = {}
        for node in self._nodes:
            states.setdefault(type(node.obj).__name__, []).append(node.state)
        for _, name in self._existing:
            states.setdefault(name, []).append(State.EXISTS)
        return {
            name: {state: these.count(state) for state in dict.fromkeys(these)}
            for name, these in states.items()
        }

    @cached_property
    def _costs(self) -> dict[str, Cost]:
        """Cost of one product of each class that is to be made, from past activities."""
        names = {node.class_name for node in self._nodes if node.state.is_to_make}
        known = costs(self._session, [find_class(name) for name in sorted(names)])
        return {cls.__name__: cost for cls, cost in known.items()}

    def cost(self, class_name: str | None = None) -> Cost:
        """Return what a run would cost, by default of all classes."""
        numbers = Counter(node.class_name for node in self._nodes if node.state.is_to_make)
        whole = Cost()
        for name, number in numbers.items():
            if class_name in (None, name):
                whole += self._costs.get(name, UNKNOWN).times(number)
        return whole

    def run(
        self, make: Maker = make_here, on_level: Callable[[Sequence[Any]], None] | None = None
    ) -> Outcome:
        """Make what is to be made, level by level; what fails keeps back only what needs it.

        Parameters
        ----------
        make : Maker
            ``Dpu.make`` has the products of a level made side by side.
        on_level : callable, optional
            Told the products of a level before they are made.
        """
        return run(self._draft, make, on_level)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON holds it."""
        as_of = self._session.context.as_of
        return {
            "plan": 1,
            "as_of": None if as_of is None else as_of.isoformat(),
            "counts": {
                name: {state.value: number for state, number in states.items()}
                for name, states in self.counts().items()
            },
            "cost": self.cost().to_json(),
            "later": [cls.__name__ for cls in self.later],
            "targets": [target.to_json() for target in self.targets],
        }

    def summary(self) -> str:
        """Return the plan in one line."""
        states: dict[State, list[str]] = {}
        for name, numbers in self.counts().items():
            for state, number in numbers.items():
                group = State.MISSING if state.is_to_make else state
                states.setdefault(group, []).append(f"{number} {name}")
        if State.MISSING not in states:
            line = "nothing to make"
        else:
            counted: Counter[str] = Counter(n.class_name for n in self._nodes if n.state.is_to_make)
            made = ", ".join(f"{number} {name}" for name, number in counted.items())
            line = f"to make: {made} ({self.cost()})"
        if State.EXISTS in states:
            line += f"; up to date: {', '.join(states[State.EXISTS])}"
        if State.BLOCKED in states:
            line += f"; blocked: {', '.join(states[State.BLOCKED])}"
        if self.later:
            line += f"; then what comes of it: {', '.join(c.__name__ for c in self.later)}"
        return line

    def __str__(self) -> str:
        """Tell the plan: a line for the whole, then each reason once."""
        return "\n".join([self.summary(), *(f"  {line}" for line in self.why())])

    def why(self) -> list[str]:
        """Return each reason once, with how many products are to be made for it."""
        numbers: Counter[str] = Counter()
        for target in self.targets:
            name = type(target.product).__name__
            if target.error is not None:
                numbers[f"{name} cannot be made: {target.error}"] += 1
            for reason in target.reasons if target.state is State.STALE else ():
                numbers[f"{name}: {reason}"] += 1
        return [f"{text}{f'  ({n} times)' if n > 1 else ''}" for text, n in numbers.items()]

    def __repr__(self) -> str:
        return f"<Plan {self.summary()}>"
