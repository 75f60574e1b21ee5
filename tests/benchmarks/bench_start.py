"""How soon one can begin: import, help, prompt.

usage: bench_start.py [--rounds 7]

Whole processes, from their start to their end; the prompt is timed from its start until the
first ``awe>`` stands in a terminal. Medians. Each limit is what is asked for, in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BIN = Path(sys.executable).parent


def command(*words: str, home: Path) -> float:
    """Return the seconds that a command takes."""
    begin = time.perf_counter()
    subprocess.run(
        words, env={**os.environ, "AWLTA_HOME": str(home)}, capture_output=True, check=True
    )
    return time.perf_counter() - begin


def prompt(home: Path) -> float:
    """Return the seconds until the prompt stands in a terminal."""
    begin = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(AWLTA_HOME=str(home), TERM="dumb")
        os.execv(BIN / "awe", ["awe"])
    seen = b""
    while b"awe>" not in seen:
        seen += os.read(terminal, 4096)
    elapsed = time.perf_counter() - begin
    os.write(terminal, b"exit\n")
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # the terminal is closed when the prompt has ended
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    return elapsed


def main() -> None:
    """Measure and print a table, then one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command(str(BIN / "awlta"), "init", home=home)
        python = sys.executable
        figures: list[tuple[str, float | None, Callable[[], float]]] = [
            ("python_nothing", None, lambda: command(python, "-c", "pass", home=home)),
            ("import_awlta", 0.15, lambda: command(python, "-c", "import awlta", home=home)),
            ("awlta_help", 0.25, lambda: command(str(BIN / "awlta"), "--help", home=home)),
            ("awlta_status", None, lambda: command(str(BIN / "awlta"), "status", home=home)),
            ("awe_ready", 1.5, lambda: prompt(home)),
        ]
        rows = []
        for name, limit, measure in figures:
            measure()
            rows.append((name, statistics.median(measure() for _ in range(rounds)), limit))
    print(f"{'figure':<16} {'seconds':>8} {'asked':>6}   median of {rounds}, whole process")
    for name, value, limit in rows:
        print(f"{name:<16} {value:>8.3f} {limit or '':>6}")
    for name, value, limit in rows:
        record = {"figure": name, "value": round(value, 4), "unit": "s"}
        if limit is not None:
            record |= {"limit": "asked for", "limit_value": limit}
            record["limit_share"] = round(limit / value, 2)
        print(json.dumps(record))


if __name__ == "__main__":
    main()
