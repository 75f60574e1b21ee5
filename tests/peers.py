"""Asking ctapipe, in an environment of its own (scripts/peers kernels)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = Path(__file__).with_name("ctapipe_side.py")
FILES_SIDE = Path(__file__).with_name("ctapipe_files.py")
INSTALLED = Path(__file__).parents[1] / ".venv-peers-kernels" / "bin" / "python"
ABSENT = "no ctapipe: 'scripts/peers kernels' installs it, or AWLTA_PEER_PYTHON names its Python"

Job = dict[str, Any]


@dataclass
class Answers:
    """What ctapipe found, by ``job.name``, and its CPU times by job, microseconds an event."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    times: dict[str, Any] = field(default_factory=dict)


def ctapipe_python() -> str | None:
    """Return the interpreter that has ctapipe, None where there is none."""
    named = os.environ.get("AWLTA_PEER_PYTHON")
    return named or (str(INSTALLED) if INSTALLED.exists() else None)


def surroundings() -> dict[str, str]:
    """Return the environment of a peer: one thread, and memory that it keeps between events.

    With the usual thresholds the C library gives the arrays of an event back to the system and
    takes them again for the next, or not, as it happened to begin: that decides up to four fifths
    of the time of an event of a megabyte.
    """
    single = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    kept = {"MALLOC_MMAP_THRESHOLD_": str(10**9), "MALLOC_TRIM_THRESHOLD_": str(4 * 10**9)}
    kept["MALLOC_TOP_PAD_"] = str(2 * 10**8)
    own = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return own | single | kept


def ask_ctapipe(
    python: str, camera: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], jobs: Sequence[Job]
) -> Answers:
    """Have ctapipe do jobs with the events of one camera; the form is in ctapipe_side.py."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "arrays.npz", **arrays)
        (folder / "task.json").write_text(json.dumps({"camera": camera, "jobs": list(jobs)}))
        run_peer([python, SIDE, name])
        return Answers(
            dict(np.load(folder / "answers.npz")), json.loads((folder / "times.json").read_text())
        )


def ask_of_files(python: str, *arguments: str | Path) -> Any:
    """Return what ctapipe_files.py prints, run with these arguments."""
    return json.loads(run_peer([python, FILES_SIDE, *arguments]).splitlines()[-1])


def run_peer(command: Sequence[str | Path]) -> str:
    """Run a command of the peer's environment on one thread; return what it prints."""
    done = subprocess.run(list(command), capture_output=True, text=True, env=surroundings())
    if done.returncode:
        raise RuntimeError(f"ctapipe's side failed:\n{done.stderr[-4000:]}")
    return done.stdout
