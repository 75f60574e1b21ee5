"""Reading raw events against the bare loops of the libraries below, and ahead of the kernels.

    AWLTA_TEST_DATA=folder taskset -c 0 python tests/benchmarks/bench_reading.py [--repeat 5]
    AWLTA_TEST_DATA=folder python tests/benchmarks/bench_reading.py --large 5

The files of the test data are short: long ones are made of them in a temporary folder (TMPDIR), a
sim_telarray run by repeating its events, a zfits table by repeating its tile. Ours gives checked
blocks of uint16, the loops whatever their library gives. CPU time of one process, ours and the
loops in turn, median of the repetitions. ``--large GB`` streams a run of that size and one of
200 MB through the extraction of pulses, each in a process of its own, and compares their memory;
it makes the file and removes it. Prints a table, then one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from long_files import LST, NECTAR, SST, compressed, long_simtel, long_zfits, our_file

from awlta.kernels import extract_raw
from awlta_recipes import events

SMALL_BYTES = 200_000_000
Line = dict[str, Any]


def ours(path: Path, tel_id: int) -> int:
    """Read a file into blocks."""
    return sum(len(block) for block in events.iterate(path, tel_id))


def simtel_loop(path: Path) -> int:
    """Loop over the events of the library, all of each parsed."""
    from eventio import SimTelFile

    with SimTelFile(str(path), zcat=False) as file:
        return sum(1 for _ in file)


def simtel_samples(path: Path) -> int:
    """Loop over the objects of the library and have it expand samples only."""
    from eventio import EventIOFile
    from eventio.simtel import ADCSamples, ArrayEvent, TelescopeEvent

    n_events = 0
    with EventIOFile(str(path), zcat=False) as file:
        for event in file:
            if isinstance(event, ArrayEvent):
                for part in event:
                    if isinstance(part, TelescopeEvent):
                        for samples in part:
                            if isinstance(samples, ADCSamples):
                                samples.parse()
                                n_events += 1
    return n_events


def zfits_loop(path: Path) -> int:
    """Loop over the events of the library."""
    from protozfits import File

    with File(str(path)) as file:
        return sum(1 for _ in file.Events)


def zfits_messages(path: Path) -> int:
    """Loop over the messages of the library, their arrays left as bytes."""
    from protozfits import File

    with File(str(path), pure_protobuf=True) as file:
        return sum(1 for _ in file.Events)


def hdf5_loop(path: Path, block: int = 64) -> int:
    """Loop over the waveforms of our file by the library."""
    with h5py.File(path) as file:
        table = file["r0/event/telescope/tel_001/waveform"]
        return sum(len(table[begin : begin + block]) for begin in range(0, len(table), block))


def in_turn(
    calls: dict[str, Callable[[], int]], repeat: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Return the median time per event of each call, microseconds; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeat + 1):
        for name, call in calls.items():
            begin = clock()
            n_events = call()
            times[name].append((clock() - begin) / n_events * 1e6)
    return {name: float(np.median(seen[1:])) for name, seen in times.items()}


def against_loops(folder: Path, data: Path, n_bytes: int, repeat: int) -> list[Line]:
    """Measure every format against the loops of its library."""
    plain, packed = folder / "lst.simtel", folder / "lst.simtel.zst"
    nectar, sst, own = folder / "nectar.fits.fz", folder / "sst.fits.fz", folder / "lst.h5"
    long_simtel(data / LST, plain, n_bytes)
    compressed(plain, packed)
    long_zfits(data / NECTAR, nectar, max(1, n_bytes // 190_000))
    long_zfits(data / SST, sst, max(1, n_bytes // 1_730_000))
    our_file(data / LST, own, n_bytes)
    simtel = {"eventio loop": simtel_loop, "eventio samples": simtel_samples}
    zfits = {"protozfits loop": zfits_loop, "protozfits messages": zfits_messages}
    lines = []
    for name, path, tel_id, loops in (
        ("simtel_lst", plain, 1, simtel),
        ("simtel_lst_zstd", packed, 1, simtel),
        ("zfits_nectarcam", nectar, 0, zfits),
        ("zfits_sst1m", sst, 22, zfits),
        ("hdf5_lst", own, 1, {"h5py loop": hdf5_loop}),
    ):
        calls: dict[str, Callable[[], int]] = {"ours": lambda p=path, t=tel_id: ours(p, t)}
        calls |= {peer: lambda f=loop, p=path: f(p) for peer, loop in loops.items()}
        times = in_turn(calls, repeat, time.process_time)
        for peer in loops:
            lines.append(figure(name, times["ours"], peer, times[peer]))
    return lines


def ahead_of_kernels(folder: Path, data: Path, repeat: int) -> list[Line]:
    """Measure wall time with blocks read ahead against blocks read in turn."""
    lines = []
    for name, form in (
        ("plain", "lst.simtel"), ("zstd", "lst.simtel.zst"), ("hdf5", "lst.h5"),
    ):  # fmt: skip
        path = folder / form
        for passes in (1, 20):
            times = in_turn(
                {
                    "in turn": lambda p=path, n=passes: extract(p, data, n, depth=0),
                    "ahead": lambda p=path, n=passes: extract(p, data, n, depth=1),
                },
                repeat,
                time.perf_counter,
            )
            lines.append(
                figure(
                    f"ahead_{name}_extract_x{passes}", times["ahead"], "in turn", times["in turn"]
                )
                | {"clock": "wall", "cores": len(os.sched_getaffinity(0))}
            )
    return lines


def extract(path: Path, data: Path, passes: int, depth: int) -> int:
    """Stream a run through the extraction of pulses; ``passes`` stands for work that follows."""
    constants = events.calibration_of(data / LST, 1)
    assert constants is not None
    assert constants.dc_to_pe is not None
    blocks = events.iterate(path, 1)
    n_events = 0
    for block in events.ahead(blocks, depth) if depth else blocks:
        for _ in range(passes):
            extract_raw(block.waveforms, constants.pedestal, constants.dc_to_pe)
        n_events += len(block)
    return n_events


def figure(name: str, micro: float, peer: str, peer_micro: float) -> Line:
    """Return what is told of one comparison; the ratio is our rate to that of the peer."""
    return {
        "figure": name,
        "value": round(1e6 / micro),
        "unit": "events/s",
        "peer": peer,
        "peer_value": round(1e6 / peer_micro),
        "ratio": round(peer_micro / micro, 2),
    }


def large(folder: Path, data: Path, n_gigabytes: float) -> list[Line]:
    """Stream a small and a large run, each in its own process, and tell their memory."""
    lines = []
    for name, n_bytes in (("200MB", SMALL_BYTES), ("large", int(n_gigabytes * 1e9))):
        path = folder / "large.simtel"
        if shutil.disk_usage(folder).free < 2 * n_bytes:
            raise SystemExit(f"{folder} has no room for {n_bytes} bytes: set TMPDIR")
        long_simtel(data / LST, path, n_bytes)
        for depth in (0, 1):
            command = [sys.executable, __file__, "--stream", str(path), "--depth", str(depth)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            mode = "ahead" if depth else "in_turn"
            lines.append(
                {"figure": f"stream_{name}_{mode}", "bytes": path.stat().st_size}
                | json.loads(answer.stdout)
            )
        path.unlink()
    return lines


def stream(path: Path, data: Path, depth: int) -> None:
    """Stream a run and print what it took; meant for a process of its own."""
    begin = time.perf_counter()
    n_events = extract(path, data, 1, depth)
    seconds = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "value": round(used.ru_maxrss / 1024, 1),
                "unit": "MiB at most",
                "n_events": n_events,
                "events_per_s_wall": round(n_events / seconds),
                "cpu_s": round(used.ru_utime + used.ru_stime, 1),
                "measured": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=200, help="size of the long files")
    parser.add_argument("--large", type=float, metavar="GB", help="memory of a run of this size")
    parser.add_argument("--stream", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--depth", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    data = Path(os.environ.get("AWLTA_TEST_DATA", ""))
    if not (data / LST).is_file():
        print("nothing to read: AWLTA_TEST_DATA names no folder with telescope files")
        return
    if chosen.stream is not None:
        stream(chosen.stream, data, chosen.depth)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.large:
            lines = large(folder, data, chosen.large)
        else:
            lines = against_loops(folder, data, chosen.megabytes * 1_000_000, chosen.repeat)
            lines += ahead_of_kernels(folder, data, chosen.repeat)
    print(f"{'':28}{'events/s':>12}  {'against':<22}{'events/s':>10}{'ratio':>8}")
    for line in lines:
        if "ratio" in line:
            print(
                f"{line['figure']:28}{line['value']:12}  {line['peer']:<22}"
                f"{line['peer_value']:10}{line['ratio']:8}"
            )
        else:
            size = f"{line['bytes'] / 1e6:.0f} MB"
            print(f"{line['figure']:28}{line['value']:12} {line['unit']}  {size}")
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
