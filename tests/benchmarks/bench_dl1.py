"""From a raw file to a stored DL1 product, against ctapipe-process and the bare reading loops.

    AWLTA_TEST_DATA=folder python tests/benchmarks/bench_dl1.py [--events 2000] [--no-peer]

The 30 LST events of the muon file are repeated to a long run. Ours is `CameraImages.make()`: read,
calibrate, extract, clean, describe, write images and parameters, hash, store on the local
dataserver, commit with lineage. ``without_lineage`` is the same loop by itself: no watch, no
digests, no store, no database. Another `make()` is told apart:

- recipe: the loop under the watch, without the transport of the raw file,
- retrieve: the raw file from the dataserver, with its digest, and taken away in the end,
- store: digests of the new file, and the file to the dataserver,
- rest: intent, identity block, activity, lineage, commit.

ctapipe reads, calibrates, extracts by the same window, cleans by the same thresholds, describes
and writes the same, and the simulated showers too (scripts/peers kernels); its imports are
measured by a run with one event and taken off. Each compresses as it does by itself.

zfits to DL1 is our reader, the chain and the writer, against a loop over protozfits' events that
touches each waveform; no product, no lineage. The tiles of the two files of test data are repeated.
Pixel positions for the SST-1M come from a simulated file, those of NectarCAM's 84 pixels are not
known: images alone. To open both files takes as long as some hundred events, which is included.

CPU time, user and system, of all threads, and of the dataserver; all on one core. Prints tables,
then one JSON object a line.
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

from bench_reading import simtel_loop
from dl1_run import CUTS, Run, Seconds
from dl1_zfits import ZfitsToDl1, bare_loop
from long_files import LST, NECTAR, SST, long_simtel, long_zfits
from peers import ABSENT, ctapipe_python, surroundings

BYTES_AN_EVENT = 262_000
"""Of the muon file, about."""

POSITIONS = "simtel_test_file.simtel.gz"
"""Has a simulated SST-1M camera."""

PARTS = ("recipe", "retrieve", "store", "rest")
Figure = dict[str, Any]


def peer_time(python: str, path: Path, folder: Path, n_events: int | None) -> float:
    """Return the CPU time of ctapipe-process, seconds."""
    names = {
        "picture": "picture_threshold_pe",
        "boundary": "boundary_threshold_pe",
        "min_picture_neighbors": "min_picture_neighbors",
    }
    (folder / "peer.json").write_text(
        json.dumps(
            {
                "CameraCalibrator": {
                    "image_extractor_type": "LocalPeakWindowSum",
                    "LocalPeakWindowSum": {"apply_integration_correction": False},
                },
                "ImageProcessor": {
                    "image_cleaner_type": "TailcutsImageCleaner",
                    "TailcutsImageCleaner": {names[name]: value for name, value in CUTS.items()},
                },
            }
        )
    )
    command = [str(Path(python).with_name("ctapipe-process")), f"--input={path}"]
    command += [f"--output={folder / 'peer.h5'}", "--overwrite", "--write-images"]
    command += ["--write-parameters", f"--provenance-log={folder / 'peer.log'}"]
    command += [f"--config={folder / 'peer.json'}"]
    command.append("--SimTelEventSource.focal_length_choice=EQUIVALENT")
    if n_events is not None:
        command.append(f"--max-events={n_events}")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings(), cwd=folder)
    if done.returncode:
        raise RuntimeError(f"ctapipe-process failed:\n{done.stderr[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def lst_run(chosen: argparse.Namespace, folder: Path, data: Path, python: str | None) -> Figure:
    """Time the product, its parts, the loops and the peer by turns."""
    path = folder / "long.simtel"
    long_simtel(data / LST, path, chosen.events * BYTES_AN_EVENT)
    run = Run(folder, path, is_cleaned=True)
    rounds: list[dict[str, Seconds]] = []
    with run.workspace.use():
        for _ in range(chosen.rounds):
            took = {
                "bare_loop": run.took(lambda: simtel_loop(path)),
                "without_lineage": run.took(run.without_lineage),
                "make": run.took(run.make),
            }
            took |= {f"in_make_{name}": value for name, value in run.parts().items()}
            if python:
                start = peer_time(python, path, folder, 1)
                whole = peer_time(python, path, folder, None)
                took["peer"] = Seconds(whole - start, np.nan)
            rounds.append(took)
    run.workspace.close()
    n_events = run.raw.n_events
    print(f"{'LST, ' + str(n_events) + ' events':28}{'CPU us an event':>16}{'clock':>10}")
    for name in rounds[0]:
        cpu, clock = (middle(rounds, lambda r, n=name, k=k: r[n][k]) for k in (0, 1))
        print(f"{name:28}{cpu / n_events * 1e6:16.0f}{clock / n_events * 1e6:10.0f}")
    line: Figure = {
        "figure": "lst_file_to_dl1",
        "value": round(n_events / middle(rounds, lambda r: r["make"].cpu)),
        "unit": "events/s",
        "n_events": n_events,
        "times_of_bare_loop": ratio(rounds, "make", "bare_loop"),
        "times_without_lineage": ratio(rounds, "make", "without_lineage"),
    }
    for name in PARTS:
        line[f"share_of_{name}"] = ratio(rounds, f"in_make_{name}", "in_make_make", 4)
        print(f"share of {name:19}{line[f'share_of_{name}']:16.1%}")
    rest = middle(rounds, lambda r: r["in_make_rest"].cpu)
    line["rest_of_a_product_ms"] = round(rest * 1e3, 1)
    print(f"the rest is {rest * 1e3:.0f} ms a product")
    if python:
        line |= {
            "peer": "ctapipe-process, without its start",
            "peer_value": round(n_events / middle(rounds, lambda r: r["peer"].cpu)),
            "ratio": ratio(rounds, "peer", "make", 1),
        }
    return line


def middle(rounds: list[dict[str, Seconds]], of: Callable[[dict[str, Seconds]], float]) -> float:
    """Return the median over the rounds."""
    return float(np.median([of(took) for took in rounds]))


def ratio(rounds: list[dict[str, Seconds]], one: str, other: str, digits: int = 2) -> float:
    """Return the median ratio of two CPU times."""
    return round(middle(rounds, lambda r: r[one].cpu / r[other].cpu), digits)


def zfits(chosen: argparse.Namespace, folder: Path, data: Path) -> list[Figure]:
    """Time reader, chain and writer against the library's loop by turns, for each file."""
    lines = []
    for name, source, n_tile, positions, included in (
        ("sst1m", SST, 32, data / POSITIONS, "images, masks and parameters"),
        ("nectarcam", NECTAR, 9, None, "images alone, of 84 pixels"),
    ):
        path = folder / f"{name}.fits.fz"
        long_zfits(data / source, path, -(-chosen.zfits_events // n_tile))
        to_dl1 = ZfitsToDl1(path, folder / "zfits.h5", positions)
        n_events, ratios, times = to_dl1(), [], []
        assert bare_loop(path) == n_events
        for _ in range(chosen.rounds):
            marks = [time.process_time()]
            for call in (lambda p=path: bare_loop(p), to_dl1):
                call()
                marks.append(time.process_time())
            loop, ours = np.diff(marks)
            ratios.append(ours / loop)
            times.append((ours, loop))
        ours, loop = np.median(times, axis=0)
        line = {
            "figure": f"{name}_zfits_to_dl1",
            "value": round(n_events / ours),
            "unit": "events/s",
            "n_events": n_events,
            "includes": f"reader, Chain and writer of {included}; no product, no lineage",
            "peer": "protozfits loop",
            "peer_value": round(n_events / loop),
            "times_of_bare_loop": round(float(np.median(ratios)), 2),
        }
        print(
            f"{line['figure']:28}{ours / n_events * 1e6:16.0f} us an event, "
            f"{line['times_of_bare_loop']} times the loop: {line['includes']}"
        )
        lines.append(line)
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--zfits-events", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    chosen = parser.parse_args()
    data = Path(os.environ.get("AWLTA_TEST_DATA", "")).resolve()
    if not (data / LST).is_file():
        print("nothing to make: AWLTA_TEST_DATA names no folder with telescope files")
        return
    python = None if chosen.no_peer else ctapipe_python()
    if python is None and not chosen.no_peer:
        print(f"Ours only: {ABSENT}")
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        lines = [lst_run(chosen, Path(folder), data, python), *zfits(chosen, Path(folder), data)]
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
