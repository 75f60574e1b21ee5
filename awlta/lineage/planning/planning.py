"""How a plan is worked out: from what is wanted back to what exists, level by level.

Intentions may link intentions; committed inputs that are out of date are replaced by intentions
to make them again. A level is looked up in one statement. What needs something that is not made
yet cannot exist, and is not looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from ...errors import AwltaError, BadValue, NotMade
from ...persistent.engine.memory import uncollected
from ...persistent.session import Session
from ..currency.causes import Cause, reachable
from ..currency.currency import Changes, Staleness, objects_of, staleness
from ..keyset import inputs_of, listed, upwards
from ..making.work import identity_of
from ..product import CATEGORIES, DataProduct
from .states import State
from .targets import Found, by_work, work_key


class Node:
    """One product of a plan while it is worked out.

    Attributes
    ----------
    obj : DataProduct
        The intention, or a committed product that is as it should be.
    inputs : list of int
        Numbers of the nodes that it is made from.
    level : int
        Longest way to a node without such inputs.
    state : State
    found : Found or None
        What exists: up to date, or to be replaced.
    causes : tuple of Cause
    error : AwltaError or None
        Why it cannot be made.
    """

    state = State.MISSING
    found: Found | None = None
    causes: tuple[Cause, ...] = ()
    error: AwltaError | None = None

    def __init__(self, obj: Any, inputs: list[int], level: int) -> None:
        self.obj = obj
        self.inputs = inputs
        self.level = level

    @property
    def class_name(self) -> str:
        """Name of the class of the product."""
        return type(self.obj).__name__


class Draft:
    """The nodes of a plan, each after those that it is made from.

    Parameters
    ----------
    session : Session
    successors : mapping, optional
        Key of a committed product to the intention that is to replace it if it is out of date.
    anew : iterable of DataProduct
        Intentions that are made although what they would give exists.
    """

    def __init__(
        self,
        session: Session,
        successors: Mapping[int, Any] | None = None,
        anew: Iterable[Any] = (),
    ) -> None:
        self.session = session
        self.nodes: list[Node] = []
        self.number: dict[Any, int] = {}
        self.successors = dict(successors or {})
        self.anew = set(anew)
        self._leaves: dict[int, Any] = {}
        self._replaced: dict[Any, tuple[Found, list[Cause]]] = {}
        self._links: dict[type[Any], list[tuple[str, bool, bool]]] = {}
        self._names: dict[Any, str] = {}
        self._has_blocked = False

    def plan(self, wanted: Sequence[Any]) -> None:
        """Work out everything that the wanted products need."""
        with uncollected():
            self._plan(wanted)

    def _plan(self, wanted: Sequence[Any]) -> None:
        checked: set[int] = set()
        stored = [obj for obj in wanted if "_store" in obj.__dict__]
        self._leaves |= {obj.__dict__["_key"]: obj for obj in stored}
        while True:
            self.nodes, self.number = [], {}
            self._gather([self.stand_in(obj) for obj in wanted] if self.successors else wanted)
            new = [key for key in self._leaves if key not in checked]
            state = staleness(self.session, new) if new else Staleness()
            checked.update(new)
            first = [key for key in new if key in state.keys or key in state.bad]
            if not first:
                break
            self._replace(first, state)
        self._look_up()
        for obj in stored:
            if self.stand_in(obj) is obj and obj not in self.number:
                self._add_current(obj)

    def _add_current(self, obj: Any) -> None:
        """Add a committed product that is as it should be."""
        node = Node(obj, [], 0)
        node.state = State.EXISTS
        node.found = Found(obj.__dict__["_key"], obj.object_id, node.class_name)
        self.number[obj] = len(self.nodes)
        self.nodes.append(node)

    def stand_in(self, obj: Any) -> Any:
        """Return the intention that replaces a committed product, or the object itself."""
        held = obj.__dict__
        return self.successors.get(held["_key"], obj) if "_store" in held else obj

    # gathering ---------------------------------------------------------------------------

    def _gather(self, wanted: Iterable[Any]) -> None:
        """Take intentions and the intentions that they link, inputs first."""
        for root in wanted:
            absent = self._take(root)
            if absent:
                self._take_with(root, absent)

    def _take_with(self, root: Any, absent: list[Any]) -> None:
        """Take an intention after those that it links and that are absent yet."""
        entered, stack = {root}, [root, *reversed(absent)]
        while stack:
            obj = stack[-1]
            absent = self._take(obj)
            if not absent:
                stack.pop()
                continue
            entered.add(obj)
            if not entered.isdisjoint(absent):
                raise BadValue(
                    f"{obj!r} is made from itself", expected="links that lead to older products"
                )
            stack += reversed(absent)

    def _take(self, obj: Any) -> list[Any]:
        """Add the node of an intention if those that it links are there; return the others."""
        held, number, nodes = obj.__dict__, self.number, self.nodes
        if obj in number or "_store" in held:
            return []
        inputs: list[int] = []
        absent: list[Any] = []
        level = 0
        links = self._links.get(type(obj))
        for name, many, is_input in self._links_of(type(obj)) if links is None else links:
            value = held[name] if name in held else getattr(obj, name)
            if value is None:
                continue
            for target in value if many else (value,):
                place = number.get(target)
                if place is None and "_store" in target.__dict__:
                    if not is_input:
                        continue
                    key = target.__dict__["_key"]
                    self._leaves[key] = target
                    if key not in self.successors:
                        continue
                    target = self.successors[key]
                    place = number.get(target)
                if place is None:
                    absent.append(target)
                    continue
                inputs.append(place)
                if nodes[place].level >= level:
                    level = nodes[place].level + 1
        if not absent:
            number[obj] = len(nodes)
            nodes.append(Node(obj, inputs, level))
        return absent

    def _links_of(self, cls: type[Any]) -> list[tuple[str, bool, bool]]:
        """Return the links of a class that may lead to products: name, many, is an input."""
        found = self._links[cls] = [
            (name, step.many, step.is_input)
            for name, step in cls.__links__.items()
            if reachable([step.target])
        ]
        return found

    # what is out of date -----------------------------------------------------------------

    def _replace(self, first: list[int], state: Staleness) -> None:
        """Make intentions for committed inputs that are out of date, and for what makes them so."""
        session = self.session
        with session.database.read() as connection:
            above = upwards(listed(session, first))
            up = set(connection.execute(above.select()).scalars())
        out = (state.reached | state.bad) & up
        chosen: dict[int, dict[str, int]] = {}
        for cause in state.causes:
            if cause.new_key is not None and cause.product in out:
                chosen.setdefault(cause.product, {})[cause.part] = cause.new_key
        new = {key for links in chosen.values() for key in links.values()}
        objects = objects_of(session, out | new)
        edges: dict[int, set[int]] = {key: set() for key in out}
        for key, role, _, target in inputs_of(session, sorted(out)):
            if target in out and role not in chosen.get(key, {}):
                edges[key].add(target)
        own: dict[int, list[Cause]] = {}
        for cause in state.causes:
            own.setdefault(cause.product, []).append(cause)
        for key in TopologicalSorter(edges).static_order():
            if key not in objects:
                continue
            obj = objects[key]
            if key not in self.successors:
                links = {role: objects[other] for role, other in chosen.get(key, {}).items()}
                self.successors[key] = again(obj, links, self.successors)
            found = Found(key, obj.object_id, type(obj).__name__)
            self._replaced[self.successors[key]] = (found, own.get(key, []))

    # what exists -------------------------------------------------------------------------

    def _look_up(self) -> None:
        """Find out level by level what exists: one statement a level."""
        changes = Changes(self.session, {type(node.obj) for node in self.nodes})
        levels: dict[int, list[int]] = {}
        for number, node in enumerate(self.nodes):
            levels.setdefault(node.level, []).append(number)
        exist: set[int] = set()
        for level, numbers in sorted(levels.items()):
            nodes = [self.nodes[number] for number in numbers]
            may = exist or level == 0
            ready = [node for node in nodes if exist.issuperset(node.inputs)] if may else []
            if ready:
                works = [work_key(node.obj, self._identity) for node in ready]
                found = by_work(self.session, list(set(works)))
                names = {one.key: one.class_name for same in found.values() for one in same}
                own = changes.of(names) if names else {}
                for node, work in zip(ready, works, strict=True):
                    self._settle(node, found.get(work, ()), own)
            is_plain = not (ready or self._replaced or self._has_blocked)
            for number, node in zip(numbers, nodes, strict=True):
                if is_plain and is_makeable(node.obj):
                    continue
                if node.state is not State.EXISTS:
                    self._finish(node)
                if node.found is not None:  # if only to be replaced
                    self._names[node.obj] = node.found.object_id
                    exist.add(number)

    def _settle(self, node: Node, same: Sequence[Found], own: Mapping[int, list[Cause]]) -> None:
        """Take the newest product of the same work that is up to date, or else the newest.

        All have the inputs of the node, so that only what has changed in themselves tells them
        apart.
        """
        fresh = all(self.nodes[number].state is State.EXISTS for number in node.inputs)
        for one in same:
            if one.class_name != node.class_name:
                continue
            if fresh and one.key not in own:
                node.found, node.causes = one, ()
                node.state = State.STALE if node.obj in self.anew else State.EXISTS
                return
            if node.found is None:
                node.found, node.causes = one, tuple(own.get(one.key, ()))
                node.state = State.STALE

    def _finish(self, node: Node) -> None:
        """Settle the state of a node that does not exist as it should."""
        replaced = self._replaced.get(node.obj)
        if replaced is not None:
            node.found, node.causes = replaced[0], tuple(replaced[1])
            node.state = State.STALE
        if node.state is State.STALE:
            node.causes += self._causes_in_inputs(node)
        node.error = obstacle(node.obj, node.found is not None)
        if node.error is not None:
            self._has_blocked = True
        if self._has_blocked and (node.error is not None or self._is_blocked(node)):
            node.state = State.BLOCKED

    def _is_blocked(self, node: Node) -> bool:
        return any(self.nodes[number].state is State.BLOCKED for number in node.inputs)

    def _causes_in_inputs(self, node: Node) -> tuple[Cause, ...]:
        """Return what makes a product out of date by its inputs: bad, or out of date themselves."""
        assert node.found is not None
        key, told = node.found.key, {cause.part for cause in node.causes}
        found: dict[Cause, None] = {}
        for role, _, target in node.obj.linked(inputs_only=True):
            number = self.number.get(self.stand_in(target))
            if number is None or self.nodes[number].state is State.EXISTS or role in told:
                continue
            before = self.nodes[number]
            old = None if before.found is None else before.found.key
            bad = [c for c in before.causes if c.only_users and c.product == old]
            found |= dict.fromkeys(bad or [Cause(key, role, "", "", old)])
        return tuple(found)

    def _identity(self, target: Any) -> str:
        """Return what an input counts by: what it stands for, found by the level before."""
        known = self._names.get(target)
        if known is None:
            stands = self.stand_in(target)
            known = self._names.get(stands) if stands is not target else None
            if known is None:
                known = identity_of(target)
            self._names[target] = known
        return known


def successor(session: Session, product: Any) -> Any:
    """Return the intention to make a committed product again, of its inputs as of now."""
    draft = Draft(session)
    links = [target for _, _, target in product.linked(inputs_only=True)]
    draft.plan([target for target in links if isinstance(target, DataProduct)])
    state = staleness(session, [product.__dict__["_key"]])
    own = product.__dict__["_key"]
    chosen = {c.part: c.new_key for c in state.causes if c.product == own and c.new_key is not None}
    objects = objects_of(session, set(chosen.values()))
    there = {n.obj: n.found for n in draft.nodes if n.found and n.state is State.EXISTS}
    loaded = objects_of(session, {found.key for found in there.values()})
    stand_ins = {
        key: loaded[there[one].key] if one in there else one
        for key, one in draft.successors.items()
    }
    return again(product, {role: objects[key] for role, key in chosen.items()}, stand_ins)


def is_makeable(product: Any) -> bool:
    """Tell whether a product can be made: it has a recipe, and a category that there is."""
    return (
        getattr(type(product), "__recipe__", None) is not None
        and product.__dict__["category"] in CATEGORIES
    )


def obstacle(product: Any, exists: bool) -> AwltaError | None:
    """Return why a product cannot be made by anyone, None if it can."""
    if is_makeable(product):
        return None
    if getattr(type(product), "__recipe__", None) is None:
        found = f"{product!r} has to be replaced" if exists else f"{product!r} is not there"
        return NotMade(
            f"{found}, and {type(product).__name__} has no recipe",
            expected="an input that is committed and not judged bad",
            do="Ingest it, link another, or overrule its verdict or flags with a reason",
        )
    return BadValue(f"category = {product.category!r}", expected="one of A, B and C")


def again(product: Any, links: Mapping[str, Any], successors: Mapping[int, Any]) -> Any:
    """Return an intention of the same inputs, settings and parameters as a committed product.

    Parameters
    ----------
    product : DataProduct
    links : mapping
        Other objects for some of its links.
    successors : mapping
        Key of an input to what is linked in its place.
    """
    cls = type(product)
    values: dict[str, Any] = {
        name: getattr(product, name)
        for name, attribute in cls.__attributes__.items()
        if attribute.init and attribute.source != "standing"
    }
    for name, step in cls.__links__.items():
        value = getattr(product, name)
        if step.many:
            value = [_successor(one, successors) for one in value]
        elif value is not None and step.is_input:
            value = _successor(value, successors)
        values[name] = value
    return cls(**{**values, **links})


def _successor(obj: Any, successors: Mapping[int, Any]) -> Any:
    return successors.get(obj.__dict__.get("_key", -1), obj)
