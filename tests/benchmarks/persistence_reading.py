"""Figures of asking: closures, paths, plans; and of many writers at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import persistence_work as work
import psycopg
from persistence_work import BenchProduct, median_ms, paired_ms, seconds

from awlta.config import Profile
from awlta.lineage import DataProduct, Workspace, recipe
from awlta.lineage.ancestry.closure import related
from awlta.lineage.currency.currency import stale
from awlta.lineage.planning.plan import Plan
from awlta.lineage.planning.states import State
from awlta.persistent import Attribute, Links, link, persistent
from awlta.persistent.engine.identities import Identities

Ask = Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]

UP = """WITH RECURSIVE up (id) AS (SELECT target FROM dep WHERE product = {0} AND is_input
    UNION SELECT d.target FROM dep d JOIN up ON d.product = up.id WHERE d.is_input) """
DOWN = """WITH RECURSIVE up (id) AS (SELECT product FROM dep WHERE target = {0} AND is_input
    UNION SELECT d.product FROM dep d JOIN up ON d.target = up.id WHERE d.is_input) """
ROWS = """SELECT p.*, b.* FROM up JOIN product p ON p.id = up.id
    LEFT JOIN bench_product b ON b.id = p.id"""
PATH = """SELECT x.label FROM bench_product x
    JOIN dep d ON d.product = x.id AND d.role = 'left'
    JOIN dep e ON e.product = d.target AND e.role = 'right'
    JOIN bench_product y ON y.id = e.target
    WHERE y.b < 50 AND y.layer = 5 AND x.a > 10"""
STALE = """SELECT p.id FROM product p WHERE EXISTS (SELECT 1 FROM dep d
    JOIN product q ON q.id = d.target
    WHERE d.product = p.id AND q.creation_date > p.creation_date)"""


class BenchSum(DataProduct):
    """One product made from many."""

    parts: Links[DataProduct] = link("what is summed", default=())
    number: Attribute[int] = persistent("number", default=0)

    @recipe
    def make(self) -> None:
        """Nothing to do."""


def asker(url: str) -> tuple[Ask, str]:
    """Return a function that asks the driver alone, and its mark for a value."""
    if url.startswith("sqlite"):
        lite = sqlite3.connect(url.removeprefix("sqlite:///"))
        return lambda text, values: lite.execute(text, values).fetchall(), "?"
    server = psycopg.connect(url, autocommit=True)
    return lambda text, values: server.execute(text, values).fetchall(), "%s"


def path_ours() -> list[tuple[Any, ...]]:
    """Ask for what has such a product two links away, by a dotted path."""
    far = BenchProduct.left.right
    return BenchProduct.select((far.b < 50) & (far.layer == 5) & (BenchProduct.a > 10)).values(
        "label"
    )


def figures(
    url: str, folder: Path, layers: int, width: int, targets: int
) -> Iterator[tuple[str, work.Pair]]:
    """Yield the figures of asking one database; plans only where targets are wanted."""
    with work.workspace_of(url, folder) as workspace:
        settings = work.new_settings(workspace)
        products = work.intentions(settings, layers, width)
        work.make_together(workspace, products)
        ask, mark = asker(url)
        yield from _closures(workspace, products, width, ask, mark)
        if sorted(path_ours()) != sorted(ask(PATH, ())):
            raise SystemExit("the path query gives other rows than raw SQL")
        yield "path", paired_ms(path_ours, lambda: ask(PATH, ()))
        if targets:
            yield from _plans(workspace, settings, targets, ask)


def _closures(
    workspace: Workspace, products: list[BenchProduct], width: int, ask: Ask, mark: str
) -> Iterator[tuple[str, work.Pair]]:
    top, bottom = products[-width].__dict__["_key"], products[0].__dict__["_key"]
    for name, key, down, query in (
        ("ancestors", top, False, UP),
        ("descendants", bottom, True, DOWN),
    ):
        text = query.format(mark) + "SELECT id FROM up"
        if len(related(workspace, [key], down=down)) != len(ask(text, (key,))):
            raise SystemExit(f"the {name} are others than those of raw SQL")
        yield (
            name,
            paired_ms(
                lambda key=key, down=down: related(workspace, [key], down=down),
                lambda text=text, key=key: ask(text, (key,)),
            ),
        )
    other = Workspace(workspace.profile)

    def live() -> None:
        other._objects = Identities()  # so that every object is read and built
        assert len(other.load(related(other, [top], down=False))) > 1

    try:
        yield "ancestors_live", paired_ms(live, lambda: ask(UP.format(mark) + ROWS, (top,)))
    finally:
        other.close()
    yield "double_depth", _depths(workspace, products[0].settings)


def _depths(workspace: Workspace, settings: work.BenchSettings) -> work.Pair:
    """Return the closure of 1,000 nodes in 20 layers, and of as many in 10."""
    asked = []
    for layers in (20, 10):
        sets = [settings] * work.N_PARAMETERS
        products = work.intentions(sets, layers, 1000 // layers, f"deep{layers}.")
        top = BenchSum(parts=products[-1000 // layers :], number=layers)
        work.make_together(workspace, [*products, top])  # type: ignore[list-item]
        key = top.__dict__["_key"]
        assert len(related(workspace, [key], down=False)) == 1001
        asked.append(lambda key=key: related(workspace, [key], down=False))
    return paired_ms(*asked, rounds=15)


def _plans(
    workspace: Workspace, settings: list[work.BenchSettings], targets: int, ask: Ask
) -> Iterator[tuple[str, work.Pair]]:
    layers = 10

    def plan_new() -> None:
        wanted = work.intentions(settings, layers, targets // layers, "new")
        plan = Plan.of(wanted)
        assert plan.counts() == {"BenchProduct": {State.MISSING: targets}}

    plan_new()
    yield "plan_new", (targets / (median_ms(plan_new, 25) / 1e3), 0.0)
    everything = BenchProduct.select_all()

    def replan() -> None:
        assert not stale(workspace, everything)

    replan()
    yield "replan_current", paired_ms(replan, lambda: ask(STALE, ()))


def writers(folder: Path, number: int = 8, each: int = 1000) -> Iterator[tuple[str, work.Pair]]:
    """Yield the rates of several processes that write one file: ten products a commit, and one."""
    for name, size in (("writers_together", 10), ("writers_one_a_commit", 1)):
        path = folder / f"{name}.db"
        with work.workspace_of(f"sqlite:///{path}", folder) as workspace:
            work.new_settings(workspace)
        words = [sys.executable, __file__, str(path), str(folder), str(each), str(size)]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        children: list[Any] = [subprocess.Popen([*words, str(n)], **pipes) for n in range(number)]
        for child in children:  # each has started, and built its products
            child.stdout.readline()
        begin = time.monotonic()
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        told = [child.communicate()[0].split() for child in children]
        if any(child.returncode for child in children):
            raise SystemExit("a writer failed")
        took = max(float(end) for end, _ in told) - begin
        yield name, (number * each / took, 0.0)
        yield f"{name}_wait", (1e3 * max(float(wait) for _, wait in told), 0.0)


def _write(path: str, folder: str, each: int, size: int, tag: str) -> None:
    """Commit so many products, some at a time; print the end and the longest wait."""
    profile = Profile(Path(folder), "ada", project="BENCH", database=f"sqlite:///{path}")
    workspace = Workspace(profile)
    with workspace.use():
        products = work.intentions(work.new_settings(workspace), 1, each, tag)
        parts = [products[n : n + size] for n in range(0, each, size)]
        print("ready", flush=True)
        sys.stdin.readline()
        longest = max(seconds(lambda part=part: work.store(workspace, part)) for part in parts)  # type: ignore[misc]
        print(time.monotonic(), longest)
    workspace.close()


if __name__ == "__main__":
    _write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
