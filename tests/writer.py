"""One of several processes that write one database at the same time; told what by its words."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

from factories import Merged, Node, Sensor, Thresholds

from awlta.errors import Refused
from awlta.lineage.recording import Recording
from awlta.persistent import Attribute, Link, Persistent, link, persistent
from awlta.storage.intent import begin


class Ring(Persistent):
    """A class of which no database has a table yet."""

    number: Attribute[int] = persistent("number")


class Chain(Persistent):
    """Another one, whose tables are made in one unit with the rings'."""

    ring: Link[Ring] = link("a ring")
    number: Attribute[int] = persistent("number")


def nodes(session: Recording, n: int) -> None:
    """Commit objects one at a time."""
    for number in range(n):
        node = Node(number=number)
        session.commit(node)
        print(node.object_id)


def parameters(session: Recording, n: int) -> None:
    """Commit the same parameters as the others, in an order of one's own."""
    values = list(range(n))
    random.Random(session.context.user).shuffle(values)
    for start in range(0, n, 4):
        found = [Thresholds(weight=v / n) for v in values[start : start + 4]]
        session.commit(*found)
        for one in found:
            print(one.weight, one.object_id)


def classes(session: Recording, n: int) -> None:
    """Commit the first objects of some classes."""
    chains = [Chain(number=number, ring=Ring(number=number)) for number in range(n)]
    first = [*chains, Sensor(name="one")]
    session.commit(*(first if len(session.context.user) % 2 else reversed(first)))
    for chain in chains:
        print(chain.object_id)


def intents(session: Recording, n: int) -> None:
    """Begin the same work as the others, and keep it to the end."""
    for number in range(n):
        asked = Merged(number=number)
        work = f"{number:064x}"
        try:
            begin(
                session,
                object_id=asked.object_id,
                kind="make",
                class_name="Merged",
                work=work,
                names=[],
            )
        except Refused:
            print(number, "refused")
        else:
            print(number, "begun")


ACTS: dict[str, Callable[[Recording, int], None]] = {
    "nodes": nodes,
    "parameters": parameters,
    "classes": classes,
    "intents": intents,
}

if __name__ == "__main__":
    url, user, act, n_times = sys.argv[1:]
    session = Recording(url, user, "CRAB", 2)
    with session.use():
        print("ready", flush=True)
        sys.stdin.readline()
        ACTS[act](session, int(n_times))
        print("over", flush=True)
        sys.stdin.readline()  # it keeps what it holds until all are over
    session.close()
