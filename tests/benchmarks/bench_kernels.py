"""Kernels against ctapipe and against the memory: raw waveforms to image parameters, one core.

    python tests/benchmarks/bench_kernels.py [--events 200] [--rounds 3] [--camera NAME] [--no-peer]

ctapipe works on the same arrays in the same run, on the same core, if it is there (scripts/peers
kernels), ours and the peer by turns. CPU time of one thread, median of the repetitions, each after
the caches were filled with something else; batch calls of ours, event by event for the peer, which
has no batches; both have done all events once before. The peer's memory is not given back to the
system between events (peers.py). Prints a table with what is included, then
one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from cameras import CAMERAS
from clocks import clock_time, cpu_time, read_bandwidth
from kernel_stages import Events, Stage
from peers import ABSENT, ask_ctapipe, ctapipe_python

from awlta import kernels

ALL_CORES = os.sched_getaffinity(0)
ONE_CORE = {min(ALL_CORES)}

Figure = dict[str, Any]
Round = tuple[dict[str, float], dict[str, Any]]
"""Times of ours and of the peer."""

CALLS = {
    "one_event_call": (
        "us",
        "what a call of the chain with one event costs more than an event of a batch",
    ),
    "two_threads": (
        "times one thread",
        "the chain with threads=2, by the clock, shortest of the repetitions of each",
    ),
}
"""Figures that are not times of a batch: unit, and what is included."""


def one_round(events: Events, stages: list[Stage], python: str | None, repeat: int) -> Round:
    """Time ours, and the peer right after it: the machine is not equally fast all the time."""
    times = {stage.name: cpu_time(stage.ours, stage.n_events, repeat) for stage in stages}
    times |= _calls(events, repeat)
    if python is None:
        return times, {}
    jobs = [
        {"name": stage.name, "repeat": repeat, "answers": False, **stage.job}
        for stage in stages
        if stage.job
    ]
    return times, ask_ctapipe(python, events.camera.described(), events.arrays, jobs).times


def _calls(events: Events, repeat: int) -> dict[str, float]:
    """Time the chain by single events, and by two threads."""
    chain, waveforms = events.chain(kernels.LocalPeak()), events.waveforms
    ones = [waveforms[n : n + 1] for n in range(events.n_events)]

    def one_by_one() -> None:
        for one in ones:
            chain(one, keep_images=False)

    def one_thread() -> object:
        return chain(waveforms, keep_images=False)

    def two_threads() -> object:
        return chain(waveforms, threads=2, keep_images=False)

    extra = cpu_time(one_by_one, events.n_events, repeat)
    extra -= cpu_time(one_thread, events.n_events, repeat)
    os.sched_setaffinity(0, ALL_CORES)
    gain = clock_time(one_thread, repeat) / clock_time(two_threads, repeat)
    os.sched_setaffinity(0, ONE_CORE)
    return {"one_event_call": extra, "two_threads": gain}


def figures(
    events: Events, stages: list[Stage], rounds: list[Round], bandwidth: float
) -> list[Figure]:
    """Turn times into rates, with the peer and the limit where they apply; medians of rounds."""
    limit = bandwidth * events.n_events / events.waveforms.nbytes
    lines = [_figure(events.camera.name, stage, rounds, limit) for stage in stages]
    for name, (unit, included) in CALLS.items():
        value = float(np.median([times[name] for times, _ in rounds]))
        figure = f"{events.camera.name}_{name}"
        lines.append(
            {"figure": figure, "value": round(value, 2), "unit": unit, "includes": included}
        )
    return lines


def _figure(camera: str, stage: Stage, rounds: list[Round], limit: float) -> Figure:
    ours = float(np.median([times[stage.name] for times, _ in rounds]))
    line: Figure = {
        "figure": f"{camera}_{stage.name}",
        "value": round(1e6 / ours),
        "unit": "events/s",
        "includes": stage.includes,
    }
    version = rounds[0][1].get("version")
    if version is not None:
        theirs = float(np.median([peer[stage.name] for _, peer in rounds]))
        ratios = [peer[stage.name] / times[stage.name] for times, peer in rounds]
        line |= {
            "peer": f"ctapipe {version}",
            "peer_includes": stage.peer_includes,
            "peer_value": round(1e6 / theirs),
            "ratio": round(float(np.median(ratios)), 1),
            "ratios": [round(ratio, 1) for ratio in sorted(ratios)],
        }
    if stage.job.get("of") == ["waveforms"]:
        line |= {
            "limit": "read bandwidth, all bytes",
            "limit_value": round(limit),
            "limit_share": round(1e6 / ours / limit, 3),
        }
    return line


def show(lines: list[Figure]) -> None:
    """Print the table, and below it what each figure includes."""
    print(f"{'':40}{'events/s':>10}{'us/event':>10}{'peer':>9}{'ratio':>8}{'of limit':>10}")
    for line in lines:
        if line["unit"] == "events/s":
            cells = [line.get(key, "") for key in ("peer_value", "ratio", "limit_share")]
            print(
                f"{line['figure']:40}{line['value']:10}{1e6 / line['value']:10.1f}"
                + "".join(f"{cell:>{n}}" for cell, n in zip(cells, (9, 8, 10), strict=True))
            )
        else:
            print(f"{line['figure']:40}{line['value']:10} {line['unit']}")
    told = {line["figure"].split("_", 1)[1]: line for line in reversed(lines)}
    for name, line in reversed(told.items()):
        peer = f" (peer: {line['peer_includes']})" if "peer_includes" in line else ""
        print(f"{name}: {line['includes']}{peer}")


def main() -> None:
    """Measure every camera and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3, help="of ours and the peer, by turns")
    parser.add_argument("--camera", choices=[camera.name for camera in CAMERAS])
    parser.add_argument("--no-peer", action="store_true")
    chosen = parser.parse_args()
    python = None if chosen.no_peer else ctapipe_python()
    if python is None and not chosen.no_peer:
        print(f"Ours only: {ABSENT}")
    os.sched_setaffinity(0, ONE_CORE)
    lines: list[Figure] = []
    for camera in CAMERAS:
        if chosen.camera not in (None, camera.name):
            continue
        events = Events(camera, chosen.events)
        stages = events.stages()
        rounds = [one_round(events, stages, python, chosen.repeat) for _ in range(chosen.rounds)]
        bandwidth = read_bandwidth(chosen.repeat)
        print(f"{camera.name}: {kernels.instruction_set()}; reads {bandwidth / 1e9:.1f} GB/s")
        lines += figures(events, stages, rounds, bandwidth)
    show(lines)
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
