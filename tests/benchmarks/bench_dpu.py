"""How fast trivial jobs pass through the DPU, against the same recipes in a bare process pool.

usage: bench_dpu.py [--jobs 40] [--rounds 3]

Each job writes one small HDF5 file, stores it at the dataserver, and commits product, lineage and
activity. The pool does the same by ``make()`` in warm worker processes with connections of their
own: it has no queue that survives a kill, no cancelling, no log a job, and a runner that dies
takes the pool along. Start-up is left out of both. The last figure is one job alone, from
``submit`` to the news that it is completed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

PRODUCTS = Path(__file__).parents[1] / "dpu" / "products"
sys.path.insert(0, str(PRODUCTS))
os.environ["PYTHONPATH"] = os.pathsep.join([str(PRODUCTS), os.environ.get("PYTHONPATH", "")])
os.environ["AWLTA_RECIPES"] = "dpu_trial"

from dpu_trial.trial import TrialCounts

from awlta.config import Profile, load
from awlta.lineage import connect
from awlta.persistent.database import create
from awlta.processing import Dpu, JobState


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def open_worker(home: Path, dataserver: str) -> None:
    """Connect a worker of the pool."""
    profile = load(home)
    connect(Profile(profile.home, profile.user, profile.project, dataserver=dataserver))


def make_one(n: int) -> str:
    """Make one product in a worker of the pool."""
    product = TrialCounts(n=n)
    product.make()
    return str(product.object_id)


def through_the_dpu(dpu: Dpu, n_jobs: int) -> None:
    """Order products and wait for all of them."""
    jobs = dpu.wait_all(dpu.submit_many([TrialCounts(n=n) for n in range(n_jobs)]))
    assert all(job.state is JobState.COMPLETED for job in jobs)


def measure(home: Path, n_jobs: int, rounds: int, cores: int) -> dict[str, float]:
    """Return the medians of all rounds: jobs/s of both, and the seconds of one job alone."""
    workspace = connect(Profile(home, "ada", "BENCH"))
    dpu = Dpu(workspace)
    context = multiprocessing.get_context("spawn")
    arguments = (home, workspace.dataserver_url())
    runs: dict[str, list[float]] = {"dpu": [], "pool": [], "one": []}
    with ProcessPoolExecutor(cores, context, open_worker, arguments) as pool:
        list(pool.map(make_one, range(2 * cores)))
        through_the_dpu(dpu, 2 * cores)
        for _ in range(rounds):
            work = timed(lambda: list(pool.map(make_one, range(n_jobs))))
            runs["pool"].append(n_jobs / work)
            runs["dpu"].append(n_jobs / timed(lambda: through_the_dpu(dpu, n_jobs)))
            runs["one"] += [timed(lambda: through_the_dpu(dpu, 1)) for _ in range(5)]
    dpu.close()
    workspace.close()
    return {name: statistics.median(values) for name, values in runs.items()}


def report(figures: dict[str, float], n_jobs: int, rounds: int, cores: int) -> None:
    """Print a table for people, then one JSON object a line for programs."""
    print(f"{n_jobs} trivial jobs on {cores} core(s), medians of {rounds} rounds")
    print(f"{'':28}{'DPU':>10}{'pool':>10}  ratio")
    ratio = figures["dpu"] / figures["pool"]
    print(f"{'jobs/s':28}{figures['dpu']:10.1f}{figures['pool']:10.1f}  {ratio:.2f}")
    print(f"{'one job alone, ms':28}{figures['one'] * 1000:10.0f}")
    peer = "make() in a warm process pool"
    records: list[dict[str, object]] = [
        {"figure": "dpu_trivial_jobs", "value": figures["dpu"], "unit": "jobs/s", "peer": peer},
        {"figure": "dpu_one_job", "value": figures["one"] * 1000, "unit": "ms"},
    ]
    records[0] |= {"peer_value": figures["pool"], "ratio": ratio}
    for record in records:
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in record.items()}
        print(json.dumps(rounded))


def main() -> None:
    """Measure in a home of its own, which is removed."""
    parser = argparse.ArgumentParser(description="Trivial jobs through the DPU and through a pool.")
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        profile = Profile(Path(folder), "ada", "BENCH")
        profile.save()
        create(profile.database_url, profile.node)
        cores = len(os.sched_getaffinity(0))
        figures = measure(profile.home, options.jobs, options.rounds, cores)
    report(figures, options.jobs, options.rounds, cores)


if __name__ == "__main__":
    main()
