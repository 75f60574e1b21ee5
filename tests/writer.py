"""Processes that write one database at the same time; what they do is told on the command line."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

from factories import Merged, Node, Sensor, Thresholds

from awlta.errors import Refused
from awlta.lineage.making.recording import Recording
from awlta.persistent import Attribute, Link, Persistent, link, persistent
from awlta.storage.intent import begin


class Ring(Persistent):
    """A class of which no database has a table yet."""

    number: Attribute[int] = persistent("number")


class Chain(Persistent):
    """Another one, whose tables are made in one unit with the rings'."""

    ring: Link[Ring] = link("a ring")
    number: Attribute[int] = persistent("number")


def nodes(session: Recording, n: int) -> list[str]:
    """Commit objects one at a time."""
    made = [Node(number=number) for number in range(n)]
    for node in made:
        session.commit(node)
    return [node.object_id for node in made]


def parameters(session: Recording, n: int) -> list[str]:
    """Commit the same parameters as the others, in an order of one's own."""
    values, lines = list(range(n)), []
    random.Random(session.context.user).shuffle(values)
    for start in range(0, n, 4):
        found = [Thresholds(weight=v / n) for v in values[start : start + 4]]
        session.commit(*found)
        lines += [f"{one.weight} {one.object_id}" for one in found]
    return lines


def classes(session: Recording, n: int) -> list[str]:
    """Commit the first objects of some classes."""
    chains = [Chain(number=number, ring=Ring(number=number)) for number in range(n)]
    first = [*chains, Sensor(name="one")]
    session.commit(*(first if len(session.context.user) % 2 else reversed(first)))
    return [chain.object_id for chain in chains]


def intents(session: Recording, n: int) -> list[str]:
    """Begin the same work as the others, and keep it to the end."""
    lines = []
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
            lines.append(f"{number} refused")
        else:
            lines.append(f"{number} begun")
    return lines


ACTS: dict[str, Callable[[Recording, int], list[str]]] = {
    "nodes": nodes,
    "parameters": parameters,
    "classes": classes,
    "intents": intents,
}


def write(
    url: str, user: str, act: str, n_times: int, number: int, barrier: Any, told: Any
) -> None:
    """Act when all are ready; keep what is held until all are over; tell what was done."""
    session = Recording(url, user, "CRAB", 2)
    with session.use():
        barrier.wait()
        lines = ACTS[act](session, n_times)
        barrier.wait()
    told.put((number, lines))
    session.close()


if __name__ == "__main__":
    url, act, n_times, *users = sys.argv[1:]
    forks = get_context("fork")  # what they need is loaded once
    barrier, told = forks.Barrier(len(users), timeout=120), forks.Queue()
    writers = [
        forks.Process(target=write, args=(url, user, act, int(n_times), number, barrier, told))
        for number, user in enumerate(users)
    ]
    for writer in writers:
        writer.start()
    said = dict(told.get(timeout=120) for _ in writers)
    for writer in writers:
        writer.join()
    print(json.dumps([said[number] for number in range(len(users))]))
    sys.exit(max(abs(writer.exitcode) for writer in writers))
