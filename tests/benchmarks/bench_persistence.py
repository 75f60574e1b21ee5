"""How fast products are stored, asked for and planned, against the drivers alone and the peers.

usage: bench_persistence.py [--layers 20] [--width 1000] [--rounds 5] [--no-peers] [--no-postgres]

Everything is measured in this run, on one file system, at equal durability (what is private:
WAL with synchronous NORMAL; PostgreSQL with its defaults but fsync off for both sides). What raw
means is said in persistence_work.py; peers run in an environment of their own (scripts/peers).
Figures with "make" run a recipe for each product and write its activity.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import persistence_reading as reading
import persistence_work as work
from postgres import Cluster

from awlta.errors import AwltaError

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-peers-persistence" / "bin" / "python"

PEER_ROUNDS = 3
"""Rounds after which the peers are run; most of their time is that of their commits."""

Pair = tuple[float, float]
"""Ours and raw."""

WANTED: dict[str, tuple[str, float]] = {
    "one_a_commit": ("products/s", 4),
    "one_make_a_commit": ("products/s", 10),
    "bulk": ("products/s", 3),
    "bulk_make": ("products/s", 5),
    "pg_bulk": ("products/s", 2.5),
    "pg_bulk_make": ("products/s", 4),
    "ancestors": ("ms", 2),
    "descendants": ("ms", 2),
    "ancestors_live": ("ms", 5),
    "double_depth": ("ms", 1.2),
    "path": ("ms", 3),
    "pg_ancestors": ("ms", 2),
    "pg_path": ("ms", 3),
    "replan_current": ("ms", 3),
    "bytes_a_product": ("bytes", 1.3),
}
"""Figure to its unit, and how many times worse than the limit it may be."""

RATES = {
    "plan_new": "targets/s",
    "writers_together": "products/s",
    "writers_one_a_commit": "products/s",
}
"""Rates without a raw limit."""

PEERS_WANTED: dict[str, tuple[str, float]] = {
    "aiida_one": ("one_make_a_commit", 150),
    "aiida_bulk": ("bulk", 10),
    "aiida_ancestors": ("ancestors", 1000),
    "quantum_graph": ("plan_new", 25),
    "snakemake": ("plan_new", 130),
    "aiida_walk": ("ancestors", 1),
    "ninja": ("replan_current", 1),
}
"""Figure of a peer to ours that it is compared with, and how many times better ours should be."""


def writing_sqlite(folder: Path, layers: int, width: int) -> Iterator[tuple[str, Pair]]:
    """Yield the figures of writing to SQLite."""
    path = folder / "write.db"
    with work.workspace_of(f"sqlite:///{path}", folder) as workspace:
        settings = work.new_settings(workspace)
        work.make_together(workspace, work.intentions(settings, 1, 3, "first"))
        for name, write in (("bulk", work.store), ("bulk_make", work.make_together)):
            with work.captured() as rows:
                took = work.seconds(
                    lambda write=write, name=name: write(
                        workspace, work.intentions(settings, layers, width, name)
                    )
                )
            raw = work.RawSqlite(folder / f"{name}.raw", path)
            bare = work.seconds(lambda raw=raw, rows=rows: raw.write(rows))
            yield name, (layers * width / took, layers * width / bare)
            parts = work.single_rows(rows, 500)
            one = "one_make_a_commit" if name == "bulk_make" else "one_a_commit"
            singles = work.intentions(settings, 1, 500, one)
            took = work.seconds(
                lambda write=write, singles=singles: [
                    p.make() if write is work.make_together else write(workspace, [p])
                    for p in singles
                ]
            )
            bare = work.seconds(lambda raw=raw, parts=parts: [raw.write(p) for p in parts])
            yield one, (500 / took, 500 / bare)
            raw.connection.close()


def writing_postgres(
    cluster: Cluster, folder: Path, layers: int, width: int
) -> Iterator[tuple[str, Pair]]:
    """Yield the figures of writing to PostgreSQL."""
    url = cluster.url(cluster.new_database())
    with work.workspace_of(url, folder) as workspace:
        settings = work.new_settings(workspace)
        work.make_together(workspace, work.intentions(settings, 1, 9, "first"))
        raw = work.RawPostgres(url)
        for name, write in (("pg_bulk", work.store), ("pg_bulk_make", work.make_together)):
            with work.captured() as rows:
                took = work.seconds(
                    lambda write=write, name=name: write(
                        workspace, work.intentions(settings, layers, width, name)
                    )
                )
            bare = work.seconds(lambda rows=rows: raw.write(rows))
            yield name, (layers * width / took, layers * width / bare)
        raw.connection.close()


def bytes_a_product(folder: Path, layers: int, width: int) -> Iterator[tuple[str, Pair]]:
    """Yield what a product takes in our database, and in raw tables of the same columns."""
    path = folder / "bytes.db"
    with work.workspace_of(f"sqlite:///{path}", folder) as workspace:
        settings = work.new_settings(workspace)
        work.make_together(workspace, work.intentions(settings, 1, 3, "first"))
        with work.captured() as rows:
            work.make_together(workspace, work.intentions(settings, layers, width))
        raw = work.RawSqlite(folder / "bytes.raw", path)
        raw.write(rows)
        raw.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.connection.close()
    number = layers * width
    yield "bytes_a_product", (path.stat().st_size / number, raw.path.stat().st_size / number)


def peers(call: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return the figures of the peers by name, empty where they are not installed."""
    if not PEERS.exists():
        print(
            "No peers: 'scripts/peers persistence' installs them into .venv-peers-persistence",
            file=sys.stderr,
        )
        return {}
    script = Path(__file__).with_name("peer_persistence.py")
    words = [str(PEERS), str(script), "--targets", str(call.targets)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    print(done.stderr[-2000:], end="", file=sys.stderr)
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {record["figure"]: record for record in records}


def main() -> None:
    """Measure and print a table, then one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=20)
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-postgres", action="store_true")
    call = parser.parse_args()
    pairs: dict[str, list[Pair]] = {}
    told: list[dict[str, dict[str, Any]]] = []
    cluster = None if call.no_postgres else Cluster(on_disk=True)
    try:
        for number in range(call.rounds):
            for name, pair in measure(call, cluster):
                pairs.setdefault(name, []).append(pair)
            if number < PEER_ROUNDS and not call.no_peers:
                told.append(peers(call))
    finally:
        if cluster is not None:
            cluster.stop()
    report(call, pairs, told)


def measure(call: argparse.Namespace, cluster: Cluster | None) -> Iterator[tuple[str, Pair]]:
    """Yield every figure once, from new databases."""
    with tempfile.TemporaryDirectory(prefix="awlta-bench-") as name:
        folder = Path(name)
        yield from writing_sqlite(folder, call.layers, call.width)
        yield from bytes_a_product(folder, call.layers, call.width)
        url = f"sqlite:///{folder / 'read.db'}"
        yield from reading.figures(url, folder, call.layers, call.width, call.targets)
        yield from reading.writers(folder)
        if cluster is not None:
            yield from writing_postgres(cluster, folder, call.layers, call.width)
            url = cluster.url(cluster.new_database())
            for figure, pair in reading.figures(url, folder, call.layers, call.width, 0):
                yield f"pg_{figure}", pair


def report(
    call: argparse.Namespace, pairs: dict[str, list[Pair]], told: list[dict[str, dict[str, Any]]]
) -> None:
    """Print the table for people, then a line of JSON for each figure: medians of the rounds.

    How many times worse, or better than a peer, is the median of the rounds' ratios: what else the
    machine does is another in each.
    """
    print(f"{call.layers * call.width} products, {call.targets} targets, {call.rounds} rounds")
    print(f"{'figure':<22} {'ours':>11} {'limit':>11} {'times worse':>12} {'may be':>7}")
    records = []
    for name, many in pairs.items():
        value, limit = (statistics.median(each) for each in zip(*many, strict=True))
        unit, allowed = WANTED.get(name, ("", 0.0))
        rate = unit == "products/s"
        rate = rate or name in RATES
        unit = unit or RATES.get(name, "ms")
        record = {"figure": name, "value": round(value, 4), "unit": unit}
        line = f"{name:<22} {value:>11.4g}"
        if limit:
            ratios = [theirs / mine for mine, theirs in many]
            worse = statistics.median(ratios if rate else [1 / ratio for ratio in ratios])
            line += f" {limit:>11.4g} {worse:>12.2f}" + (f" {allowed:>7.3g}" if allowed else "")
            record |= {"limit": "raw", "limit_value": round(limit, 4)}
            record["limit_share"] = round(1 / worse, 3)
        print(line)
        records.append(record)
    for name, (figure, wanted) in PEERS_WANTED.items():
        rounds = zip(pairs.get(figure, ()), told, strict=False)
        both = [(pair[0], one[name]) for pair, one in rounds if name in one]
        if not both:
            continue
        rate = both[0][1]["unit"].endswith("/s")
        ratios = [ours / peer["value"] for ours, peer in both]
        ratio = statistics.median(ratios if rate else [1 / r for r in ratios])
        value = statistics.median(peer["value"] for _, peer in both)
        print(f"{figure:<22} {ratio:>9.1f} times {both[0][1]['peer']} (wanted {wanted:g})")
        records.append({**both[0][1], "value": value, "ratio": round(ratio, 1)})
    for record in records:
        print(json.dumps(record))


if __name__ == "__main__":
    try:
        main()
    except AwltaError as error:
        raise SystemExit(str(error)) from error
