"""Kill a program at a chosen system call, from outside: nothing in it knows of the test."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

SYSCALLS = (
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "link",
    "linkat",
    "rename",
    "unlink",
    "sendto",
)
"""What changes a disk, or tells another process of it."""


@lru_cache(maxsize=1)
def why_not() -> str:
    """Return why programs cannot be traced here, empty if they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True)
    return "" if done.returncode == 0 else f"strace may not trace: {done.stderr.decode().strip()}"


def count(command: Sequence[str], environment: Mapping[str, str], log: Path) -> dict[str, int]:
    """Run a program and return how often one of its threads made each system call at most."""
    strace = ["strace", "-f", "-qq", "-e", f"trace={','.join(SYSCALLS)}", "-o", str(log)]
    subprocess.run([*strace, *command], env=dict(environment), check=True, stdout=subprocess.PIPE)
    made = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE))
    most: dict[str, int] = {}
    for (_, name), number in made.items():
        most[name] = max(number, most.get(name, 0))
    return most


def kill_at(
    command: Sequence[str], environment: Mapping[str, str], syscall: str, number: int
) -> subprocess.CompletedProcess[bytes]:
    """Run a program and kill the process of which a thread makes a system call so many times."""
    inject = f"inject={syscall}:signal=SIGKILL:when={number}"
    strace = ["strace", "-f", "-qq", "-e", f"trace={syscall}", "-e", inject, "-o", "/dev/null"]
    return subprocess.run(
        [*strace, *command], env=dict(environment), capture_output=True, timeout=120
    )
