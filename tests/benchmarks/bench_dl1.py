"""From a raw file to a stored DL1 product, against ctapipe-process and the bare reading loop.

    AWLTA_TEST_DATA=folder python tests/benchmarks/bench_dl1.py [--events 500] [--rounds 3]

The 30 LST events of the muon file are repeated to a long run. Ours is `CameraImages.make()`: read,
calibrate, extract, clean, describe, write images and parameters, hash, store on the local
dataserver, commit with lineage. `without_lineage` is the same loop by itself: no watch, no digests,
no store, no database. ctapipe reads, calibrates, cleans, describes and writes the same
(scripts/peers kernels); its imports are measured by a run with one event and taken off. CPU time,
user and system, of all threads of a process on one core. Prints a table, then one JSON object a
line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_reading import LST, long_simtel, simtel_loop
from peers import ABSENT, ctapipe_python

from awlta.archive import ingest
from awlta.config import Profile
from awlta.lineage import Workspace
from awlta.persistent.database import create
from awlta_recipes import event_files, events
from awlta_recipes.camera_images import CameraImages
from awlta_recipes.methods import CleaningParameters, ExtractionParameters
from awlta_recipes.raw_events import RawEvents
from awlta_recipes.raw_file import RawFile
from awlta_recipes.run_calibration import NominalParameters, RunCalibration

BYTES_AN_EVENT = 262_000
"""Of the muon file, about."""


def cpu_time(call: Callable[[], object]) -> float:
    """Return the CPU time of a call, seconds, all threads."""
    start = time.process_time()
    call()
    return time.process_time() - start


class Run:
    """A long run, ingested, with what its images are made from."""

    def __init__(self, folder: Path, path: Path) -> None:
        profile = Profile(folder / "home", "ada", project="CRAB")
        profile.home.mkdir()
        create(profile.database_url, 0)
        self.folder, self.path, self.workspace = folder, path, Workspace(profile)
        with self.workspace.use():
            ingest(self.workspace, path)
            (source,) = RawFile.select_all()
            self.raw = RawEvents(source=source, telescope=source.telescopes[0])
            self.raw.make()
            self.own = RunCalibration(raw=self.raw, parameters=NominalParameters())
            self.own.make()
            self.cleaning = CleaningParameters(picture=8.0, boundary=4.0)
            self.cleaning.commit()

    def intention(self) -> CameraImages:
        """Return images to be made."""
        return CameraImages(
            raw=self.raw,
            calibration=None,
            run_calibration=self.own,
            parameters=ExtractionParameters(),
            cleaning=self.cleaning,
        )

    def make(self) -> None:
        """Make a product."""
        self.intention().make()

    def without_lineage(self) -> None:
        """Do what the recipe does, and nothing else."""
        images = self.intention()
        constants = images._constants()
        chain, telescope = images._chain(constants), self.raw.telescope
        target = self.folder / "alone.h5"
        with event_files.new_event_file(target, self.raw.source, [telescope]) as file:
            for block in events.ahead(events.iterate(self.path, telescope.tel_id)):
                shown = chain(block.waveforms, unusable=~block.pixel_ok)
                took_part = np.ones((len(block), 1), np.bool_)
                file.append_triggers(
                    event_files.triggers(self.raw.source, block.event_id, block.time, took_part)
                )
                images._append(file, block.event_id, shown)
        target.unlink()


def peer_time(python: str, path: Path, folder: Path, n_events: int | None) -> float:
    """Return the CPU time of ctapipe-process, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(Path(python).with_name("ctapipe-process")), f"--input={path}"]
    command += [f"--output={folder / 'peer.h5'}", "--overwrite", "--write-images"]
    command += ["--write-parameters", f"--provenance-log={folder / 'peer.log'}"]
    command.append("--SimTelEventSource.focal_length_choice=EQUIVALENT")
    if n_events is not None:
        command.append(f"--max-events={n_events}")
    single = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | single
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"ctapipe-process failed:\n{done.stderr[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(chosen: argparse.Namespace, folder: Path, python: str | None) -> list[dict[str, Any]]:
    """Time all by turns; return the lines."""
    path = folder / "long.simtel"
    source = Path(os.environ["AWLTA_TEST_DATA"]) / LST
    long_simtel(source, path, chosen.events * BYTES_AN_EVENT)
    run = Run(folder, path)
    n_events = run.raw.n_events
    rounds: dict[str, list[float]] = {}
    with run.workspace.use():
        for _ in range(chosen.rounds):
            for name, call in (
                ("bare_loop", lambda: simtel_loop(path)),
                ("without_lineage", run.without_lineage),
                ("make", run.make),
            ):
                rounds.setdefault(name, []).append(cpu_time(call))
            if python:
                start = peer_time(python, path, folder, 1)
                whole = peer_time(python, path, folder, None)
                rounds.setdefault("peer", []).append(whole - start)
    run.workspace.close()
    times = {name: np.array(values) / n_events * 1e6 for name, values in rounds.items()}
    line: dict[str, Any] = {
        "figure": "lst_file_to_dl1",
        "value": round(1e6 / float(np.median(times["make"]))),
        "unit": "events/s",
        "n_events": n_events,
        "times_of_bare_loop": round(float(np.median(times["make"] / times["bare_loop"])), 2),
        "times_without_lineage": round(
            float(np.median(times["make"] / times["without_lineage"])), 3
        ),
    }
    if python:
        line |= {
            "peer": "ctapipe-process, without its start",
            "peer_value": round(1e6 / float(np.median(times["peer"]))),
            "ratio": round(float(np.median(times["peer"] / times["make"])), 1),
        }
    for name, values in times.items():
        print(f"{name:20}{float(np.median(values)):10.0f} us an event")
    return [line]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if "AWLTA_TEST_DATA" not in os.environ:
        sys.exit("AWLTA_TEST_DATA names no folder of test data")
    python = ctapipe_python()
    if python is None:
        print(f"Ours only: {ABSENT}")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        lines = measure(chosen, Path(folder), python)
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
