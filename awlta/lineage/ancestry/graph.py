"""The lineage of a product as a graph, read with one query for the closure."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from sqlalchemy import select

from ...errors import NotMade
from ...persistent import Persistent, tables
from ...persistent.attributes.codecs import microseconds_to_time
from ...persistent.session import Session
from ..calibration.standin import current_flags
from ..product import DataProduct
from ..retention.tombstone import tombstones
from .closure import edges, hidden_inputs, related, rows_of


@dataclass(frozen=True)
class Edge:
    """One input: the product, in which role and place, and what it was made from."""

    product: str
    role: str
    position: int
    target: str


@dataclass(frozen=True)
class Graph:
    """Everything a product was made from, with the runs that made it.

    Attributes
    ----------
    root : str
        object_id of the product asked for.
    objects : dict
        object_id to object, oldest first; releases and environments included.
    edges : tuple of Edge
    activities : dict
        object_id of a product to the JSON record of the activity that made it.
    hidden : dict
        object_id of a product to the number of its inputs outside the read scope, of which
        nothing else is told.
    n_hidden : int
        How many objects these are.
    deleted : dict
        object_id of a deleted product to who deleted it, when, why, and what can still be done.
    flagged : dict
        object_id of a product to its quality flags in words.
    """

    root: str
    objects: dict[str, Persistent]
    edges: tuple[Edge, ...]
    activities: dict[str, dict[str, Any]]
    hidden: dict[str, int] = field(default_factory=dict)
    n_hidden: int = 0
    deleted: dict[str, str] = field(default_factory=dict)
    flagged: dict[str, str] = field(default_factory=dict)

    def inputs(self, object_id: str) -> list[Edge]:
        """Return the inputs of one object, by role and position."""
        return [e for e in self.edges if e.product == object_id]

    def made_by(self, object_id: str) -> str:
        """Return recipe, version and host in words, empty where no run made the object."""
        activity = self.activities.get(object_id)
        if activity is None:
            return ""
        name = activity["recipe"].split(":")[-1]
        return f"  <- {name} v{activity['recipe_version']} on {activity['host']}"

    def to_json(self) -> dict[str, Any]:
        """Return the graph as JSON holds it."""
        return {
            "root": self.root,
            "objects": [self._object(o) for o in self.objects.values()],
            "inputs": [
                {"product": e.product, "role": e.role, "position": e.position, "target": e.target}
                for e in self.edges
            ],
            "activities": [{"product": p, **a} for p, a in self.activities.items()],
            "hidden_ancestors": self.n_hidden,
            "hidden_inputs": self.hidden,
        }

    def _object(self, obj: Persistent) -> dict[str, Any]:
        values: dict[str, Any] = {"object_id": obj.object_id, "class": type(obj).__name__}
        values["attributes"] = _plain_attributes(obj)
        if isinstance(obj, DataProduct):
            values["files"] = [f.to_json() for f in obj.files]
        if obj.object_id in self.deleted:
            values["deleted"] = self.deleted[obj.object_id]
        if obj.object_id in self.flagged:
            values["flags"] = self.flagged[obj.object_id]
        return values


G = TypeVar("G", bound=Graph)


def hidden_words(number: int) -> str:
    """Return all that may be told of ancestors outside the read scope: how many there are."""
    return f"{number} hidden ancestor{'' if number == 1 else 's'}"


def title(obj: Persistent) -> str:
    """Return class, name or facts, and the short form of the identity."""
    parts = [type(obj).__name__]
    shown = 0
    for name, attribute in type(obj).__attributes__.items():
        value = obj.__dict__.get(name)
        wanted = attribute.source == "class" and isinstance(value, str | int | float)
        if wanted and not (isinstance(value, str) and ("\n" in value or len(value) > 40)):
            number = f"{value:.6g}" if isinstance(value, float) else str(value)
            parts.append(f"{name}={number}")
            shown += 1
        if shown == 3:
            break
    line = f"{' '.join(parts)} [{obj.object_id[-12:]}]"
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _plain_attributes(obj: Persistent) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, attribute in type(obj).__attributes__.items():
        value = obj.__dict__.get(name)
        if attribute.source == "standing" or name == "object_id":
            continue
        if value is None:
            found[name] = None
        elif attribute.kind is np.ndarray:
            found[name] = f"array of {value.shape}"
        else:
            found[name] = attribute.codec.to_json(value)
    return found


def read_graph(session: Session, product: Any, kind: type[G]) -> G:
    """Return the lineage of a committed product: a query for the closure, one a table for rows.

    Raises
    ------
    NotMade
        It is not committed.
    """
    if not product.is_stored:
        raise NotMade(f"{product!r} has no lineage yet", do="Call its make() first")
    key = product.__dict__["_key"]
    pairs = [*related(session, [key], down=False), (key, type(product).__name__)]
    objects = {o.__dict__["_key"]: o for o in session.load(pairs)}
    joined, hidden = edges(session, list(objects)), hidden_inputs(session, list(objects))
    p, a = tables.product, tables.activity
    made = rows_of(session, p, p.c.id, list(objects))
    records = {
        r.id: r for r in rows_of(session, a, a.c.id, [r.activity for r in made if r.activity])
    }
    extra = sorted({k for r in records.values() for k in (r.release, r.environment) if k})
    others = {o.__dict__["_key"]: o for o in session.load(_classes(session, extra))}
    whole = {**others, **objects}
    return kind(
        root=product.object_id,
        objects={o.object_id: o for o in whole.values()},
        edges=tuple(
            Edge(objects[s].object_id, role, n, objects[t].object_id) for s, role, n, t in joined
        ),
        activities={
            objects[r.id].object_id: _activity(records[r.activity], whole)
            for r in made
            if r.activity in records
        },
        hidden=dict(Counter(objects[product].object_id for product, _ in hidden)),
        n_hidden=len({target for _, target in hidden}),
        deleted={
            objects[key].object_id: f"{stone}. {stone.remedy}"
            for key, stone in tombstones(session, list(objects)).items()
        },
        flagged={
            objects[key].object_id: ", ".join(map(str, flags))
            for key, flags in current_flags(session, list(objects)).items()
        },
    )


def _classes(session: Session, keys: list[int]) -> list[tuple[int, str]]:
    p = tables.product
    statement = select(p.c.id, p.c.class_name).where(p.c.id.in_(keys), session.context.scope(p))
    with session.database.read() as connection:
        return [(key, name) for key, name in connection.execute(statement)]


def _activity(row: Any, objects: dict[int, Persistent]) -> dict[str, Any]:
    return {
        "activity": str(UUID(bytes=bytes(row.object_id))),
        "kind": row.kind,
        "recipe": row.recipe,
        "recipe_version": row.recipe_version,
        "recipe_digest": bytes(row.recipe_digest).hex(),
        "release": objects[row.release].object_id if row.release in objects else None,
        "environment": objects[row.environment].object_id if row.environment in objects else None,
        "order_id": row.order_id,
        "host": row.host,
        "instruction_set": row.instruction_set,
        "operator": row.operator,
        "started": microseconds_to_time(row.started).isoformat(),
        "ended": microseconds_to_time(row.ended).isoformat(),
        "outcome": row.outcome,
        "facts": json.loads(row.facts),
    }
