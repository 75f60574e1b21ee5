"""The workload of the persistence benchmarks, and the same rows in bare tables.

Layers of products; product (l, p) is made from (l-1, p) and (l-1, (p+s) mod width) with s 31 and 1
in turn, with five values and one of 50 parameter sets. With 20 layers of 1,000 the first
product of the last layer has 824 ancestors behind 1,048,574 paths, and 50 parameter sets.

"Raw" is the limit: rows captured from our own writing, put into tables of the same columns and
indexes by the driver alone.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from awlta.config import Profile
from awlta.lineage import DataProduct, Parameters, Workspace, recipe
from awlta.persistent import Attribute, Link, OptionalLink, link, persistent, tables
from awlta.persistent.classes.unit import Unit
from awlta.persistent.context import CONTEXT_COLUMNS
from awlta.persistent.database import create

N_PARAMETERS = 50

Rows = dict[str, list[tuple[Any, ...]]]


class BenchSettings(Parameters):
    """One of the parameter sets."""

    clip: Attribute[float] = persistent("a value")


class BenchProduct(DataProduct):
    """A product of the workload."""

    a: Attribute[float] = persistent("a number")
    b: Attribute[float] = persistent("a number")
    label: Attribute[str] = persistent("a text")
    layer: Attribute[int] = persistent("number of the layer")
    left: OptionalLink[BenchProduct] = link("one of the layer before", default=None)
    right: OptionalLink[BenchProduct] = link("another of the layer before", default=None)
    settings: Link[BenchSettings] = link("parameters")
    c: Attribute[float] = persistent("worked out", init=False)

    @recipe
    def make(self) -> None:
        """Add two numbers."""
        self.c = self.a + self.b


def intentions(
    settings: Sequence[BenchSettings], layers: int, width: int, tag: str = ""
) -> list[BenchProduct]:
    """Return the products, not made, inputs before what is made from them."""
    found: list[BenchProduct] = []
    before: list[BenchProduct] = []
    for layer in range(layers):
        shift = 31 if layer % 2 == 0 else 1
        row = [
            BenchProduct(
                a=1.0 * n,
                b=0.5 * n,
                label=f"{tag}{layer}.{n}",
                layer=layer,
                left=before[n] if before else None,
                right=before[(n + shift) % width] if before else None,
                settings=settings[n % N_PARAMETERS],
            )
            for n in range(width)
        ]
        found += row
        before = row
    return found


@contextmanager
def workspace_of(url: str, home: Path) -> Iterator[Workspace]:
    """Open a workspace on a database that is made now."""
    create(url, 0)
    workspace = Workspace(Profile(home, "ada", project="BENCH", database=url))
    try:
        with workspace.use():
            yield workspace
    finally:
        workspace.close()


def new_settings(workspace: Workspace) -> list[BenchSettings]:
    """Commit the parameter sets."""
    settings = [BenchSettings(clip=3 + n / 10) for n in range(N_PARAMETERS)]
    workspace.commit(*settings)
    return settings


def store(workspace: Workspace, products: Sequence[BenchProduct]) -> None:
    """Commit products in one unit without running their recipes, as an ingest does."""
    with workspace.unit() as unit:
        for product in products:
            product.__dict__["c"] = 1.0
            unit.add(product)


def make_together(workspace: Workspace, products: Sequence[BenchProduct]) -> None:
    """Run the recipes, and commit products, lineage and activities in one unit."""
    with workspace.together():
        for product in products:
            product.make()


@contextmanager
def captured() -> Iterator[Rows]:
    """Give, at the end of a block, the rows that were written within it, by table."""
    rows: Rows = {}
    plain, kept = Unit.flush, list[tuple[Any, tuple[Any, ...], list[Any]]]()

    def flush(unit: Unit) -> None:
        kept.extend((*key, waiting.copy()) for key, waiting in unit._rows.items())
        plain(unit)

    Unit.flush = flush  # type: ignore[method-assign]
    try:
        yield rows
    finally:
        Unit.flush = plain  # type: ignore[method-assign]
        for table, context, waiting in kept:
            rows.setdefault(table.name, []).extend(_whole(table, waiting, context))


def _whole(table: Any, waiting: list[Any], context: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Return rows in the order of a table's columns, with the context that they lack."""
    own = dict(zip(CONTEXT_COLUMNS, context, strict=True))
    names = [c.name for c in table.columns]
    given = [n for n in names if n not in own or "owner" not in names]
    for row in waiting:
        held = {**own, **dict(zip(given, row, strict=True))}
        yield tuple(held[n] for n in names)


def _table(name: str) -> Any:
    return tables.SYSTEM.tables.get(name, tables.CLASSES.tables.get(name))


class RawSqlite:
    """Tables of the same columns and indexes, written by sqlite3 alone."""

    def __init__(self, path: Path, model: Path, *, synchronous: str = "NORMAL") -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute(f"PRAGMA synchronous={synchronous}")
        names = ("product", "dep", "activity", "standing", "bench_product")
        with sqlite3.connect(model) as ours:
            wanted = ", ".join(f"'{n}'" for n in names)
            for (text,) in ours.execute(
                f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({wanted}) AND sql IS NOT NULL"
            ):
                self.connection.execute(text)
        ours.close()

    def write(self, rows: Rows) -> None:
        """Write all rows in one transaction, one executemany a table."""
        self.connection.execute("BEGIN IMMEDIATE")
        for name, values in rows.items():
            columns = ", ".join(c.name for c in _table(name).columns)
            marks = ", ".join("?" * len(values[0]))
            self.connection.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", values)
        self.connection.execute("COMMIT")


class RawPostgres:
    """Copies of our tables in a schema of their own, written by psycopg's COPY alone."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("CREATE SCHEMA bare")
        for name in ("product", "dep", "activity", "standing", "bench_product"):
            self.connection.execute(f"CREATE TABLE bare.{name} (LIKE public.{name} INCLUDING ALL)")

    def write(self, rows: Rows) -> None:
        """Write all rows in one transaction, one COPY a table."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for name, values in rows.items():
                columns = ", ".join(f'"{c.name}"' for c in _table(name).columns)
                with cursor.copy(f"COPY bare.{name} ({columns}) FROM STDIN") as copy:
                    for row in values:
                        copy.write_row(row)


def single_rows(rows: Rows, number: int) -> list[Rows]:
    """Return the rows of some products, each by itself, with new keys."""
    parts: list[Rows] = []
    edges: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows["dep"]:
        edges.setdefault(row[0], []).append(row)
    makes = "activity" in rows
    for n in range(number):
        product, own = rows["product"][n], rows["bench_product"][n]
        key = 10**9 + 10 * n
        raw = n.to_bytes(16, "big")
        part = {
            "product": [(key, *product[1:6], raw, *product[7:])],
            "bench_product": [(key, *own[1:])],
            "dep": [(key, *edge[1:]) for edge in edges[product[0]]],
        }
        if makes:
            activity = rows["activity"][n]
            part["activity"] = [(key + 1, *activity[1:6], raw, *activity[7:])]
        parts.append(part)
    return parts


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def median_ms(work: Callable[[], object], rounds: int = 9) -> float:
    """Return the median of several runs, milliseconds."""
    return 1e3 * statistics.median(seconds(work) for _ in range(rounds))


def paired_ms(
    ours: Callable[[], object], limit: Callable[[], object], rounds: int = 9
) -> tuple[float, float]:
    """Return the medians of two works that are run in turn, so that both meet the same machine."""
    took = [(seconds(ours), seconds(limit)) for _ in range(rounds)]
    first, second = (1e3 * statistics.median(each) for each in zip(*took, strict=True))
    return first, second
