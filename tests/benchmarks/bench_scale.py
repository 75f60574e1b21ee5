"""What asking costs as the database grows: the same questions at 10^4, 10^5 and 10^6 products.

usage: bench_scale.py [--sizes 10000,100000,1000000] [--more 1750000] [--no-postgres] [--plot]

One SQLite file and one PostgreSQL database (private, fsync off) grow from size to size, the latter
to more (1,750,000 products are 10^7 rows with lineage and activities), by blocks
of ten layers, each committed in one unit: memory holds one block. A block's products have
ancestors in their block alone, so that the answers of the look-ups and of the closure are as large
at every size, and a cost that grows is the database's.

make           one product made with its activity and lineage, in a unit of a block
get            one product by its object_id, as a live object
target         "is there a product of these inputs, up to date": get_target()
ancestors      keys of everything that one of the last layer was made from
path_link      labels of what has a given product two links away
path_value     how many have such values two links away; no attribute has an index
replan         which products of the class are out of date; none is
bytes          in the database, for each product
closure        keys of all that 1, 3, 10, 30 and 100 products were made from, at the last size

All but the bytes in milliseconds, the median over objects drawn from the whole database. Its plot
goes into docs/images/scale.svg.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import persistence_work as work
from persistence_work import BenchProduct, median_ms, seconds
from postgres import Cluster

from awlta.errors import AwltaError
from awlta.lineage import Workspace
from awlta.lineage.ancestry.closure import related
from awlta.lineage.currency.currency import stale

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "scale.svg"

LAYERS = 10
WIDTH = 1000
SAMPLES = 100
"""So many objects are asked for, and so many are remembered of each block."""

Size = Callable[[], int]
"""Return the bytes of a database."""


@dataclass(frozen=True)
class Sample:
    """One column of a block, so that it can be asked for when its objects are gone.

    Attributes
    ----------
    object_id : str
        Its product of layer 0.
    inputs : dict
        What that product was made from and with.
    top : int
        Key of its product of the last layer.
    """

    object_id: str
    inputs: dict[str, Any]
    top: int


class Growing:
    """A database that grows by blocks, and columns of it that are remembered."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.number = 0
        self.samples: list[Sample] = []
        self._settings = work.new_settings(workspace)
        self._random = random.Random(1)
        # what the first product of a class brings about is not counted
        work.make_together(workspace, work.intentions(self._settings, 1, 3, "first"))

    def grow(self, size: int) -> float:
        """Add blocks up to a size, and return the milliseconds that a product of them took."""
        times = []
        while self.number < size:
            width = min(WIDTH, (size - self.number) // LAYERS)
            block = work.intentions(self._settings, LAYERS, width, f"{self.number}.")
            took = seconds(lambda block=block: work.make_together(self.workspace, block))
            times.append(took / len(block))
            self.samples += self._columns(block, width)
            self.number += len(block)
        return 1e3 * statistics.median(times)

    def _columns(self, block: Sequence[BenchProduct], width: int) -> Iterator[Sample]:
        for place in self._random.sample(range(width), min(SAMPLES, width)):
            first, top = block[place], block[place - width]
            names = ("a", "b", "label", "layer", "settings")
            inputs = {name: getattr(first, name) for name in names}
            yield Sample(first.object_id, inputs, top.__dict__["_key"])

    def draw(self) -> list[Sample]:
        """Return columns of the whole database."""
        return self._random.sample(self.samples, min(SAMPLES, len(self.samples)))


def each_ms(ask: Callable[[Sample], object], samples: Sequence[Sample]) -> float:
    """Return the median of asking once for each sample, milliseconds."""
    return 1e3 * statistics.median(seconds(lambda one=one: ask(one)) for one in samples)


def figures(growing: Growing) -> Iterator[tuple[str, float]]:
    """Yield what every question costs now."""
    workspace = growing.workspace

    def get(sample: Sample) -> None:
        if workspace.get(sample.object_id).label != sample.inputs["label"]:  # type: ignore[attr-defined]
            raise SystemExit("another product was found by its object_id")

    def target(sample: Sample) -> None:
        if BenchProduct.get_target(**sample.inputs).object_id != sample.object_id:
            raise SystemExit("another product was found by its inputs")

    def ancestors(sample: Sample) -> None:
        related(workspace, [sample.top], down=False)

    def path_link(sample: Sample) -> None:
        far = workspace.get(sample.object_id)
        BenchProduct.select(BenchProduct.left.right == far).values("label")

    def path_value() -> None:
        far = BenchProduct.left.right
        len(BenchProduct.select((far.b < 50) & (far.layer == 5) & (BenchProduct.a > 10)))

    def replan() -> None:
        if stale(workspace, BenchProduct.select_all()):
            raise SystemExit("something is out of date")

    for ask in (get, target, ancestors, path_link):
        yield ask.__name__, each_ms(ask, growing.draw())
    for whole in (path_value, replan):
        yield whole.__name__, median_ms(whole, 5)


def closures(growing: Growing) -> Iterator[tuple[int, float]]:
    """Yield how many ancestors some products have together, and what asking for them costs."""
    workspace, tops = growing.workspace, [sample.top for sample in growing.draw()]
    for number in (1, 3, 10, 30, 100):
        some = tops[:number]
        returned = len(related(workspace, some, down=False))
        ask = lambda some=some: related(workspace, some, down=False)  # noqa: E731
        yield returned, median_ms(ask, 5)


def measure(url: str, home: Path, sizes: Sequence[int], size_of: Size) -> Iterator[dict[str, Any]]:
    """Yield a record for each figure at each size, in one database."""
    with work.workspace_of(url, home) as workspace:
        growing = Growing(workspace)
        empty = size_of()
        for size in sizes:
            costs = {"make": growing.grow(size), **dict(figures(growing))}
            costs["bytes"] = (size_of() - empty) / growing.number
            for figure, value in costs.items():
                unit = "bytes" if figure == "bytes" else "ms"
                yield {"figure": figure, "value": value, "unit": unit, "size": growing.number}
        for returned, value in closures(growing):
            yield {"figure": "closure", "value": value, "unit": "ms", "returned": returned}


def sqlite_size(path: Path) -> int:
    """Return the bytes of a SQLite file, everything in it and nothing beside it."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.stat().st_size


def everything(
    sizes: Sequence[int], more: Sequence[int], *, postgres: bool
) -> Iterator[dict[str, Any]]:
    """Yield the records of all databases; PostgreSQL grows to more sizes."""
    with tempfile.TemporaryDirectory(prefix="awlta-scale-") as name:
        home = Path(name)
        path = home / "scale.db"
        for record in measure(f"sqlite:///{path}", home, sizes, lambda: sqlite_size(path)):
            yield {**record, "database": "SQLite"}
        if not postgres:
            return
        cluster = Cluster(on_disk=True)
        try:
            name = cluster.new_database()
            question = f"SELECT pg_database_size('{name}')"
            for record in measure(
                cluster.url(name), home, [*sizes, *more], lambda: int(cluster.sql(question)[0][0])
            ):
                yield {**record, "database": "PostgreSQL"}
        finally:
            cluster.stop()


def lines_of(records: Sequence[dict[str, Any]]) -> dict[tuple[str, str], dict[int, float]]:
    """Return value by size, for each figure and database."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for record in records:
        if "size" not in record:
            continue
        line = found.setdefault((record["figure"], record["database"]), {})
        line[record["size"]] = record["value"]
    return found


def report(records: Sequence[dict[str, Any]]) -> None:
    """Print the table for people, then a line of JSON for each figure."""
    sizes = sorted({record["size"] for record in records if "size" in record})
    print(f"{'ms (bytes)':<12} {'database':<11}" + "".join(f"{size:>12,}" for size in sizes))
    for (figure, database), line in sorted(lines_of(records).items()):
        told = [f"{line[s]:>12.4g}" if s in line else f"{'-':>12}" for s in sizes]
        print(f"{figure:<12} {database:<11}" + "".join(told))
    for record in records:
        if "returned" in record:
            each = 1e3 * record["value"] / record["returned"]
            print(
                "closure of {returned:,} keys, {database}: {value:.4g} ms".format(**record), end=""
            )
            print(f", {each:.3g} us each")
    for record in records:
        print(json.dumps({**record, "value": round(record["value"], 4)}))


def plot(records: Sequence[dict[str, Any]], picture: Path) -> None:
    """Draw cost against size: a colour for each figure, a dash for each database."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams |= {"svg.hashsalt": "scale", "svg.fonttype": "none"}  # alike at every run
    timed = lines_of([record for record in records if record["unit"] == "ms"])
    colours = {name: f"C{n}" for n, name in enumerate(dict.fromkeys(name for name, _ in timed))}
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for (name, database), line in timed.items():
        is_sqlite = database == "SQLite"
        axes.loglog(
            list(line),
            list(line.values()),
            "o-" if is_sqlite else "s--",
            markersize=4,
            color=colours[name],
            label=name.replace("_", " by ") if is_sqlite else None,
        )
    axes.plot([], [], "o-", color="grey", markersize=4, label="SQLite")
    axes.plot([], [], "s--", color="grey", markersize=4, label="PostgreSQL")
    axes.set_xlabel("products in the database")
    axes.set_ylabel("milliseconds")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(picture, metadata={"Date": None})


def sizes_of(text: str) -> list[int]:
    """Return sizes from words such as 10000,100000, each of whole blocks."""
    sizes = sorted(int(word) for word in text.split(","))
    if any(size < LAYERS or size % LAYERS for size in sizes):
        raise argparse.ArgumentTypeError(f"sizes are multiples of {LAYERS}")
    return sizes


def main() -> None:
    """Grow, ask, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=sizes_of, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--more", type=sizes_of, default=[1_750_000], help="PostgreSQL alone")
    parser.add_argument("--no-postgres", action="store_true")
    parser.add_argument("--plot", action="store_true", help=f"write {PICTURE.name}")
    call = parser.parse_args()
    records = []
    for record in everything(call.sizes, call.more, postgres=not call.no_postgres):
        place = record.get("size") or f"{record['returned']} keys"
        told = f"{record['figure']} {record['value']:.4g} {record['unit']}"
        print(record["database"], place, told, file=sys.stderr)
        records.append(record)
    report(records)
    if call.plot:
        plot(records, PICTURE)


if __name__ == "__main__":
    try:
        main()
    except AwltaError as error:
        raise SystemExit(str(error)) from error
