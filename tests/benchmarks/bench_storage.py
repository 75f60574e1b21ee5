"""How fast files pass through a dataserver, against the digests alone.

usage: bench_storage.py [--mib 256] [--rounds 5] [--small 200] [--folder DIR] [--disk DIR]

Both ends digest every byte, so sha256 and adler32 of the same bytes by one thread are the limit
of a design that verifies: only sending, hashing here and hashing there at the same time reach it.
PUT includes flush, index commit and acknowledgement; GET the writing of the file and its renaming,
without a flush. Large files pass between folders in memory, so that the design is measured and
not the disk of the day (give --folder for that); small ones are stored on a disk, where their
flushes are. One process each, on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from awlta.digest import CHUNK, Digester
from awlta.storage import DataClient

PROGRAM = "import sys; from awlta_dataserver.service import main; sys.exit(main(sys.argv[1:]))"


PIECE = 16384


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def digest(content: bytes) -> None:
    """Take the digests of bytes in memory, block by block as the transfer does."""
    digester = Digester()
    for start in range(0, len(content), CHUNK):
        digester.update(memoryview(content)[start : start + CHUNK])
    digester.result()


def one_round_of_large(
    client: DataClient, folder: Path, content: bytes, tag: str
) -> dict[str, float]:
    """Time the digests, a PUT and a GET of one large file in turn, in MB/s."""
    source, back = folder / "source", folder / "back"
    source.write_bytes(content)
    size = len(content) / 1e6
    return {
        "digests alone": size / timed(lambda: digest(content)),
        "PUT": size / timed(lambda: client.store(source, f"large-{tag}", object_id="bench")),
        "GET": size / timed(lambda: client.retrieve(f"large-{tag}", back)),
    }


def one_round_of_small(
    client: DataClient, folder: Path, content: bytes, tag: str
) -> dict[str, float]:
    """Time bare flushes, PUTs and GETs of the 16 KiB pieces of ``content``, in files/s."""
    pieces = [content[n : n + PIECE] for n in range(0, len(content), PIECE)]
    source, back = folder / "source", folder / "back"

    def flush() -> None:
        with open(folder / "flushed", "wb", buffering=0) as stream:
            for piece in pieces:
                stream.write(piece)
                os.fsync(stream.fileno())

    def put() -> None:
        for n, piece in enumerate(pieces):
            source.write_bytes(piece)
            client.store(source, f"small-{tag}-{n}", object_id="bench")

    def get() -> None:
        for n in range(len(pieces)):
            client.retrieve(f"small-{tag}-{n}", back)

    return {
        "flush alone": len(pieces) / timed(flush),
        "PUT 16 KiB": len(pieces) / timed(put),
        "GET 16 KiB": len(pieces) / timed(get),
    }


def measure(
    folder: Path,
    one_round: Callable[[DataClient, Path, bytes, str], dict[str, float]],
    content: bytes,
    rounds: int,
) -> dict[str, float]:
    """Run a dataserver in a folder and return the medians of all rounds."""
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--with-parent", "--root", str(folder / "root")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        client = DataClient(json.loads(server.stdout.readline())["url"])
        client.wait_ready()
        runs = [one_round(client, folder, content, str(n)) for n in range(rounds)]
        client.close()
    finally:
        server.communicate()
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def report(rates: dict[str, float], mib: int, rounds: int, n_small: int) -> None:
    """Print a table for people, then one JSON object a line for programs."""
    rows = [
        ("put", "PUT", "MB/s", "digests alone"),
        ("get", "GET", "MB/s", "digests alone"),
        ("put_16_kib", "PUT 16 KiB", "files/s", "flush alone"),
        ("get_16_kib", "GET 16 KiB", "files/s", None),
    ]
    print(f"One client, one dataserver, medians of {rounds}: {mib} MiB, and {n_small} small files")
    print(f"{'':12}{'value':>10} {'unit':8}{'limit':>10}  share of the limit")
    for _, key, unit, limit in rows:
        against = (
            f"{rates[limit]:10.0f}  {rates[key] / rates[limit]:.2f} of {limit}" if limit else ""
        )
        print(f"{key:12}{rates[key]:10.0f} {unit:8}{against}")
    for figure, key, unit, limit in rows:
        record: dict[str, object] = {
            "figure": f"storage_{figure}",
            "value": round(rates[key], 1),
            "unit": unit,
        }
        if limit:
            record["limit"] = {
                "digests alone": "sha256 and adler32 of the same bytes, one thread",
                "flush alone": "one write and flush a file",
            }[limit]
            record["limit_value"] = round(rates[limit], 1)
            record["limit_share"] = round(rates[key] / rates[limit], 3)
        print(json.dumps(record))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=256, help="size of a large file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=200, help="number of small files")
    parser.add_argument("--folder", type=Path, help="for large files; default in memory")
    parser.add_argument("--disk", type=Path, help="for small files; default the temporary folder")
    options = parser.parse_args()
    memory = Path("/dev/shm")
    large_in = options.folder or (memory if memory.is_dir() else None)
    with tempfile.TemporaryDirectory(dir=large_in) as folder:
        content = os.urandom(options.mib << 20)
        rates = measure(Path(folder), one_round_of_large, content, options.rounds)
    with tempfile.TemporaryDirectory(dir=options.disk) as folder:
        content = os.urandom(options.small * PIECE)
        rates |= measure(Path(folder), one_round_of_small, content, options.rounds)
    report(rates, options.mib, options.rounds, options.small)


if __name__ == "__main__":
    main()
