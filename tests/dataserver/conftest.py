"""Real dataservers as child processes, each on a free port."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from awlta.storage import DataClient

PROGRAM = "import sys; from awlta_dataserver.service import main; sys.exit(main(sys.argv[1:]))"


class Server:
    """One dataserver process on a root of its own or shared."""

    def __init__(self, root: Path, *options: str, before: tuple[str, ...] = ()) -> None:
        self.root = root
        command = [*before, sys.executable, "-c", PROGRAM, "--root", str(root), "--with-parent"]
        self.process = subprocess.Popen(
            [*command, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        line = self.process.stdout.readline()
        # No line: it was killed before it was ready.
        self.url = json.loads(line)["url"] if line else ""
        if line:
            self.client = DataClient(self.url, timeout=20)

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> tuple[int, str]:
        """Close its standard input, wait, and return its exit status and its errors."""
        if hasattr(self, "client"):
            self.client.close()
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors.decode()

    def files(self) -> dict[str, bytes]:
        """Return what stands under final names on its disk."""
        return {p.name: p.read_bytes() for p in (self.root / "data").glob("*/*")}

    def parts(self, name: str = "") -> list[str]:
        """Return the parts on their way to a name."""
        return sorted(p for p in os.listdir(self.root / ".part") if p.endswith(name))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start dataservers that end with the test."""
    servers: list[Server] = []

    def _serve(*options: str, before: tuple[str, ...] = ()) -> Server:
        servers.append(Server(tmp_path / "root", *options, before=before))
        return servers[-1]

    yield _serve
    for server in servers:
        if not server.process.stdout.closed:
            server.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Share one dataserver among the tests that do nothing but ask: they use names of their own."""
    server = Server(tmp_path_factory.mktemp("shared") / "root")
    yield server
    server.kill()


_count = itertools.count()


@pytest.fixture
def name() -> str:
    """Give a name that no other test uses."""
    return f"file-{next(_count)}.bin"


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Write a file to be stored."""

    def _file(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return _file
