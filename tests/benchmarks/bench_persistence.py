"""How fast objects are stored and asked for, against raw sqlite3 in the same run.

usage: bench_persistence.py [--layers 20] [--width 1000] [--rounds 3]

The workload: layers of products, each depending on two of the layer before, with five attributes
and one of 50 parameter sets. Raw means the same rows in tables of the same columns by
``executemany``, WAL and synchronous FULL on the same file system, the same recursive query, and
the joins of the path query (two links away, three conditions) written by hand.
No recipe is run and no file is stored. Ratios above 1 mean faster than raw.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from awlta.lineage.closure import related
from awlta.persistent import Attribute, Link, OptionalLink, Persistent, link, persistent
from awlta.persistent.database import create
from awlta.persistent.session import Session

N_PARAMETERS = 50


class BenchSettings(Persistent, shared=True):
    """One of the parameter sets."""

    value: Attribute[int] = persistent("a value")


class BenchProduct(Persistent):
    """A product of the workload."""

    a: Attribute[float] = persistent("a number")
    b: Attribute[float] = persistent("a number")
    c: Attribute[float] = persistent("a number")
    label: Attribute[str] = persistent("a text")
    layer: Attribute[int] = persistent("number of the layer")
    left: OptionalLink[BenchProduct] = link("one of the layer before", default=None)
    right: OptionalLink[BenchProduct] = link("another of the layer before", default=None)
    settings: Link[BenchSettings] = link("parameters")


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def workload(settings: list[BenchSettings], layers: int, width: int) -> list[BenchProduct]:
    """Return the products, uncommitted."""
    found: list[BenchProduct] = []
    before: list[BenchProduct] = []
    for layer in range(layers):
        shift = 31 if layer % 2 else 1
        row = [
            BenchProduct(
                a=1.0 * n,
                b=0.5 * n,
                c=float(layer),
                label=f"product {n}",
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


def raw_rows(products: list[BenchProduct]) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows that raw sqlite3 writes: product, attributes, links."""
    keys = {id(p): n + 1 for n, p in enumerate(products)}
    rows: dict[str, list[tuple[object, ...]]] = {"product": [], "attributes": [], "dep": []}
    for product in products:
        key = keys[id(product)]
        rows["product"].append((key, os.urandom(16), "BenchProduct", 0))
        values = (product.a, product.b, product.c, product.label, product.layer)
        rows["attributes"].append((key, *values))
        for role in ("left", "right"):
            target = product.__dict__[role]
            if target is not None:
                rows["dep"].append((key, role, 0, keys[id(target)]))
        rows["dep"].append((key, "settings", 0, 10**9 + product.layer))
    return rows


def open_raw(path: Path) -> sqlite3.Connection:
    """Return a raw database with the tables."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        """PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
        CREATE TABLE product (id INTEGER PRIMARY KEY, object_id BLOB UNIQUE, class TEXT, made INT);
        CREATE TABLE attributes (id INTEGER PRIMARY KEY, a REAL, b REAL, c REAL, t TEXT, n INT);
        CREATE TABLE dep (product INT, role TEXT, position INT, target INT,
            PRIMARY KEY (product, role, position)) WITHOUT ROWID;
        CREATE INDEX dep_target ON dep (target, role, product);"""
    )
    return connection


def write_raw(connection: sqlite3.Connection, rows: dict[str, list[tuple[object, ...]]]) -> None:
    """Write all rows in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for table, values in rows.items():
        marks = ", ".join("?" * len(values[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    connection.execute("COMMIT")


def closure_raw(connection: sqlite3.Connection, key: int) -> int:
    """Return the number of ancestors by a recursive query."""
    statement = """WITH RECURSIVE up (id) AS (SELECT target FROM dep WHERE product = ? UNION
        SELECT d.target FROM dep d JOIN up ON d.product = up.id) SELECT count(*) FROM up"""
    return int(connection.execute(statement, (key,)).fetchone()[0])


def path_ours() -> int:
    """Return how many products have such a product two links away."""
    far = (BenchProduct.left.right.b < 50) & (BenchProduct.left.right.layer == 5)
    return len(BenchProduct.select(far & (BenchProduct.a > 10)).values("label"))


def path_raw(connection: sqlite3.Connection) -> int:
    """Return the same by joins written by hand."""
    statement = """SELECT x.t FROM attributes x
        JOIN dep d ON d.product = x.id AND d.role = 'left'
        JOIN dep e ON e.product = d.target AND e.role = 'right'
        JOIN attributes y ON y.id = e.target
        WHERE y.b < 50 AND y.n = 5 AND x.a > 10"""
    return len(connection.execute(statement).fetchall())


def main() -> None:
    """Measure and print a table, then one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    call = parser.parse_args()
    number = call.layers * call.width
    results: dict[str, list[tuple[float, float]]] = {}
    for _ in range(call.rounds):
        for name, pair in measure(call.layers, call.width).items():
            results.setdefault(name, []).append(pair)
    print(f"{number} products, medians of {call.rounds}; ours includes objects, links and scope")
    print(f"{'figure':<24} {'ours':>12} {'raw sqlite3':>12} {'ratio':>7}")
    records = []
    for name, pairs in results.items():
        ours, raw = (statistics.median(p[i] for p in pairs) for i in (0, 1))
        is_rate = name.startswith("store")
        unit = "products/s" if is_rate else "ms" if "bytes" not in name else "bytes"
        ratio = ours / raw if is_rate else raw / ours
        print(f"{name:<24} {ours:>12.4g} {raw:>12.4g} {ratio:>7.3f}")
        records.append(
            {
                "figure": name,
                "value": round(ours, 4),
                "unit": unit,
                "limit": "raw sqlite3, WAL, synchronous FULL",
                "limit_value": round(raw, 4),
                "limit_share": round(ratio, 3),
            }
        )
    for record in records:
        print(json.dumps(record))


def measure(layers: int, width: int) -> dict[str, tuple[float, float]]:
    """Return ours and raw for each figure, from one new database each."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/ours.db"
        create(url, 0)
        session = Session(url, "ada", "BENCH")
        raw = open_raw(Path(folder) / "raw.db")
        try:
            with session.use():
                return _measure(session, raw, layers, width, Path(folder))
        finally:
            raw.close()
            session.close()


def _measure(
    session: Session, raw: sqlite3.Connection, layers: int, width: int, folder: Path
) -> dict[str, tuple[float, float]]:
    settings = [BenchSettings(value=n) for n in range(N_PARAMETERS)]
    session.commit(*settings)
    products: list[BenchProduct] = []
    build = seconds(lambda: products.extend(workload(settings, layers, width)))
    rows = raw_rows(products)
    number = len(products)
    ours = seconds(lambda: session.commit(*products))
    bare = seconds(lambda: write_raw(raw, rows))
    found = {
        "store_bulk": (number / ours, number / bare),
        "store_bulk_with_objects": (number / (ours + build), number / bare),
    }
    single = workload(settings, 1, 100)
    one = seconds(lambda: [session.commit(p) for p in single])
    parts = [
        {
            "product": [(10**6 + n, os.urandom(16), "BenchProduct", 0)],
            "attributes": [(10**6 + n, 1.0, 2.0, 3.0, "t", n)],
            "dep": [(10**6 + n, "settings", 0, 10**9)],
        }
        for n in range(100)
    ]
    bare_one = seconds(lambda: [write_raw(raw, p) for p in parts])  # type: ignore[arg-type]
    found["store_one_a_commit"] = (100 / one, 100 / bare_one)
    key = products[-width].__dict__["_key"]
    related(session, [key], down=False)
    closure = 1e3 * seconds(lambda: related(session, [key], down=False))
    bare_closure = 1e3 * seconds(lambda: closure_raw(raw, number - width + 1))
    found["closure_ms"] = (closure, bare_closure)
    if path_ours() != path_raw(raw):
        raise SystemExit("the path query gives other rows than raw SQL")
    found["path_ms"] = (1e3 * seconds(path_ours), 1e3 * seconds(lambda: path_raw(raw)))
    size = os.path.getsize(folder / "ours.db") / number
    found["bytes_a_product"] = (size, os.path.getsize(folder / "raw.db") / number)
    return found


if __name__ == "__main__":
    main()
