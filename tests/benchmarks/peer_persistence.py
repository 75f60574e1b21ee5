"""The peers of the persistence benchmarks, each at what it does best; run in their environment.

usage: peer_persistence.py [PEER ...] [--targets 10000] [--limit 180]

Every peer is given the graph of persistence_work.py: layers of products, each made from two of
the layer before and one of 50 parameter sets; all in files on one disk, with its own defaults.

aiida          AiiDA on SQLite: a calculation, its data node and four links a product, one by
               one and by ``bulk_insert``; ancestors of 20 layers by its query language and by
               its own walk of the graph
quantum_graph  the Butler: ten tasks over a tenth as many detectors, as a quantum graph
snakemake      ten layers planned by a dry run
ninja          nothing to do for 20 layers of 1,000 files that are current

Prints one JSON object a figure: figure, value, unit, peer. A peer is a process of its own; one
that fails or is not done within the limit is told on standard error, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

N_SETTINGS = 50
WIDTH = 1000
LAYERS = 20
PLANNED_LAYERS = 10
N_SINGLE = 100

BIN = Path(sys.executable).parent


def emit(figure: str, value: float, unit: str, package: str, how: str) -> None:
    """Print one figure, with the version of the peer and how it was asked."""
    peer = f"{package} {version(package)}, {how}"
    record = {"figure": figure, "value": round(value, 4), "unit": unit, "peer": peer}
    print(json.dumps(record), flush=True)


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def inputs(layer: int, place: int, width: int) -> list[tuple[int, int]]:
    """Return layer and place of the two products that one is made from, none in layer 0."""
    if layer == 0:
        return []
    shift = 1 if layer % 2 else 31
    return [(layer - 1, place), (layer - 1, (place + shift) % width)]


def values(layer: int, place: int) -> dict[str, Any]:
    """Return the attributes of a product."""
    return {
        "a": 1.0 * place,
        "b": 0.5 * place,
        "c": 1.5 * place,
        "label": f"{layer}.{place}",
        "layer": layer,
    }


def aiida(folder: Path, targets: int) -> None:
    """Store one by one and in bulk, then ask for ancestors."""
    os.environ["AIIDA_PATH"] = str(folder)
    words = [str(BIN / "verdi"), "presto", "-n", "--no-broker", "-p", "bench"]
    subprocess.run(words, check=True, capture_output=True)
    from aiida import load_profile, orm

    load_profile("bench")
    settings = [orm.Dict({"clip": 3 + n / 10}).store() for n in range(N_SETTINGS)]
    _aiida_singles(settings)
    begin = time.perf_counter()
    keys = _aiida_bulk([one.pk for one in settings])
    rate = LAYERS * WIDTH / (time.perf_counter() - begin)
    emit("aiida_bulk", rate, "products/s", "aiida-core", "bulk_insert of nodes and links")
    _aiida_ancestors(keys[-WIDTH])


def _aiida_singles(settings: list[Any]) -> None:
    """Store two layers of products through its classes, a calculation for each."""
    from aiida import orm
    from aiida.common.links import LinkType

    width = N_SINGLE // 2
    made: dict[tuple[int, int], Any] = {}

    def store(layer: int, place: int) -> None:
        run = orm.CalculationNode(label="make")
        links = run.base.links
        links.add_incoming(settings[place % N_SETTINGS], LinkType.INPUT_CALC, "settings")
        for role, one in zip(("left", "right"), inputs(layer, place, width), strict=False):
            links.add_incoming(made[one], LinkType.INPUT_CALC, role)
        run.store()
        product = orm.Data(label=f"{layer}.{place}")
        product.base.attributes.set_many(values(layer, place))
        product.base.links.add_incoming(run, LinkType.CREATE, "result")
        made[layer, place] = product.store()

    store(0, 0)  # what is set up by the first is not measured
    took = seconds(lambda: [store(n, p) for n in (0, 1) for p in range(width)])
    emit("aiida_one", 2 * width / took, "products/s", "aiida-core", "a product at a time")


def _aiida_bulk(settings: list[int]) -> list[int]:
    """Insert all layers as its archive import does, and return the keys of the data nodes."""
    from aiida.manage import get_manager
    from aiida.orm.entities import EntityTypes

    storage = get_manager().get_profile_storage()
    places = [(layer, place) for layer in range(LAYERS) for place in range(WIDTH)]
    now = datetime.now(UTC)
    common = {
        "process_type": "",
        "description": "",
        "ctime": now,
        "mtime": now,
        "extras": {},
        "repository_metadata": {},
        "dbcomputer_id": None,
        "user_id": storage.default_user.pk,
    }

    def node(kind: str, label: str, attributes: dict[str, Any]) -> dict[str, Any]:
        own = {"uuid": str(uuid4()), "node_type": kind, "label": label, "attributes": attributes}
        return {**common, **own}

    def edge(source: int, target: int, role: str, kind: str = "input_calc") -> dict[str, Any]:
        return {"input_id": source, "output_id": target, "label": role, "type": kind}

    kinds = "process.calculation.CalculationNode.", "data.Data."
    with storage.transaction():
        rows = [node(kinds[0], "make", {"sealed": True}) for _ in places]
        runs = storage.bulk_insert(EntityTypes.NODE, rows, allow_defaults=True)
        rows = [node(kinds[1], f"{n}.{p}", values(n, p)) for n, p in places]
        products: list[int] = storage.bulk_insert(EntityTypes.NODE, rows, allow_defaults=True)
        edges = []
        for run, product, (layer, place) in zip(runs, products, places, strict=True):
            edges.append(edge(run, product, "result", "create"))
            edges.append(edge(settings[place % N_SETTINGS], run, "settings"))
            for role, (n, p) in zip(("left", "right"), inputs(layer, place, WIDTH), strict=False):
                edges.append(edge(products[n * WIDTH + p], run, role))
        storage.bulk_insert(EntityTypes.LINK, edges)
    return products


def _aiida_ancestors(key: int) -> None:
    """Ask for the data nodes that one of the last layer was made from, in two ways."""
    from aiida import orm
    from aiida.common.links import LinkType
    from aiida.tools.graph.graph_traversers import traverse_graph

    kinds = [LinkType.INPUT_CALC, LinkType.CREATE]
    walked: list[int] = []
    took = seconds(lambda: walked.extend(traverse_graph([key], links_backward=kinds)["nodes"]))
    emit("aiida_walk", 1e3 * took, "ms", "aiida-core", "traverse_graph")
    question = orm.QueryBuilder().append(orm.Node, filters={"id": key}, tag="top")
    question.append(orm.Data, with_descendants="top", project="id").distinct()
    found: list[int] = []
    took = seconds(lambda: found.extend(question.all(flat=True)))
    if not set(found) < set(walked):
        raise SystemExit("AiiDA's two ways to ask for ancestors give different ones")
    how = f"QueryBuilder, {len(found)} ancestors"
    emit("aiida_ancestors", 1e3 * took, "ms", "aiida-core", how)


def quantum_graph(folder: Path, targets: int) -> None:
    """Build the graph of ten tasks in a row, none of whose outputs exists."""
    logging.disable(logging.WARNING)
    from lsst.pipe.base.all_dimensions_quantum_graph_builder import (
        AllDimensionsQuantumGraphBuilder,
    )
    from lsst.pipe.base.tests import simpleQGraph as simple  # noqa: N813

    number = targets // PLANNED_LAYERS
    instrument = "lsst.pipe.base.tests.simpleQGraph.SimpleInstrument"
    pipeline = simple.makeSimplePipeline(PLANNED_LAYERS, instrument=instrument)
    butler = simple.makeSimpleButler(str(folder / "repo"), run="raw", inMemory=False)
    simple.registerDatasetTypes(butler.registry, pipeline.to_graph())
    registry = butler.registry
    about = {"name": "INSTRU", "class_name": instrument, "detector_max": 10 * number}
    registry.insertDimensionData("instrument", about)
    detectors = [{"instrument": "INSTRU", "id": n, "full_name": f"d{n}"} for n in range(number)]
    registry.insertDimensionData("detector", *detectors)
    places = [registry.expandDataId(instrument="INSTRU", detector=n) for n in range(number)]
    registry.insertDatasets("add_dataset0", places, run="raw")

    def build() -> None:
        builder = AllDimensionsQuantumGraphBuilder(
            pipeline.to_graph(),
            butler,
            where="instrument = 'INSTRU'",
            input_collections=["raw"],
            output_run="made",
        )
        graph = builder.build(metadata={}, attach_datastore_records=False)
        if len(graph) != PLANNED_LAYERS * number:
            raise SystemExit(f"The quantum graph has {len(graph)} tasks")

    took = statistics.median(seconds(build) for _ in range(2))
    how = "QuantumGraph of ten tasks in a row"
    emit("quantum_graph", PLANNED_LAYERS * number / took, "targets/s", "lsst-pipe-base", how)


SNAKEFILE = """\
WIDTH = {width}

def inputs(wildcards):
    layer, place = int(wildcards.layer), int(wildcards.place)
    settings = f"settings/{{place % {n_settings}}}"
    if layer == 0:
        return [settings]
    shift = 1 if layer % 2 else 31
    before = f"made/{{layer - 1}}"
    return [settings, f"{{before}}/{{place}}", f"{{before}}/{{(place + shift) % WIDTH}}"]

rule all:
    input: [f"made/{last}/{{place}}" for place in range(WIDTH)]

rule make:
    output: "made/{{layer}}/{{place}}"
    input: inputs
    shell: "cat {{input}} > {{output}}"
"""


def snakemake(folder: Path, targets: int) -> None:
    """Plan ten layers of which nothing exists."""
    width = targets // PLANNED_LAYERS
    names = {"width": width, "n_settings": N_SETTINGS, "last": PLANNED_LAYERS - 1}
    (folder / "Snakefile").write_text(SNAKEFILE.format(**names))
    (folder / "settings").mkdir()
    for n in range(N_SETTINGS):
        (folder / "settings" / str(n)).touch()
    words = [str(BIN / "snakemake"), "--dry-run", "--quiet"]
    took = seconds(lambda: subprocess.run(words, cwd=folder, check=True, capture_output=True))
    rate = PLANNED_LAYERS * width / took
    emit("snakemake", rate, "targets/s", "snakemake", "a dry run with its start")


def ninja(folder: Path, targets: int) -> None:
    """Find that nothing is to be done for files that are current."""
    lines = ["rule make", "  command = : > $out"]
    for n in range(N_SETTINGS):
        (folder / f"settings.{n}").touch()
    for layer in range(LAYERS):
        for place in range(WIDTH):
            needs = " ".join(f"{n}.{p}" for n, p in inputs(layer, place, WIDTH))
            lines.append(f"build {layer}.{place}: make settings.{place % N_SETTINGS} {needs}")
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")
    words = [str(BIN / "ninja")]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)

    def again() -> None:
        done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
        if "no work to do" not in done.stdout:
            raise SystemExit(f"Ninja makes anew: {done.stdout[-200:]}")

    again()
    took = statistics.median(seconds(again) for _ in range(5))
    emit("ninja", 1e3 * took, "ms", "ninja", f"no-op of {LAYERS * WIDTH} files with its start")


PEERS: dict[str, Callable[[Path, int], None]] = {
    "aiida": aiida,
    "quantum_graph": quantum_graph,
    "snakemake": snakemake,
    "ninja": ninja,
}


def run_apart(name: str, targets: int, limit: float) -> bool:
    """Run one peer in a process of its own, and tell why it gave no more if it did not end well."""
    with tempfile.TemporaryDirectory(prefix=f"peer-{name}-", ignore_cleanup_errors=True) as folder:
        words = [sys.executable, __file__, name, "--targets", str(targets), "--folder", folder]
        child = subprocess.Popen(
            words, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True
        )
        try:
            _, told = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # with whatever it has started
            child.communicate()
            print(f"{name}: not done within {limit:g} s", file=sys.stderr)
            return False
    if child.returncode:
        print(f"{name}: failed\n{told[-1500:]}", file=sys.stderr)
    return child.returncode == 0


def main() -> int:
    """Run the peers that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--limit", type=float, default=180, help="seconds for each peer")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    call = parser.parse_args()
    unknown = sorted(set(call.peers) - set(PEERS))
    if unknown:
        parser.error(f"no peer {unknown[0]}: there are {', '.join(PEERS)}")
    if call.folder is not None:
        PEERS[call.peers[0]](call.folder, call.targets)
        return 0
    done = [run_apart(name, call.targets, call.limit) for name in call.peers or PEERS]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
