"""A real dataserver for the client, and a line to it that can break."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from awlta.storage import DataClient

PROGRAM = "import sys; from awlta_dataserver.service import main; sys.exit(main(sys.argv[1:]))"
TOKEN = "open-sesame"


class Server:
    """One dataserver, with a token, shared by the tests of the client."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        (folder / "token").write_text(TOKEN)
        options = ["--root", str(self.root), "--token-file", str(folder / "token")]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "--with-parent", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.url = json.loads(self.process.stdout.readline())["url"]

    def file(self, name: str) -> Path:
        """Return the file that stands under a name on the dataserver's disk."""
        (path,) = (self.root / "data").glob(f"*/{name}")
        return path


class BreakingLine:
    """Pass requests on to a dataserver and cut the body of each reply after some bytes."""

    def __init__(self, url: str, cuts: list[int]) -> None:
        self._place = (urlsplit(url).hostname, urlsplit(url).port)
        self._cuts = cuts
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for cut in self._cuts:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            with client, socket.create_connection(self._place) as server:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += client.recv(65536)
                server.sendall(request)
                reply = b""
                while b"\r\n\r\n" not in reply:
                    reply += server.recv(1)
                client.sendall(reply)
                left = cut
                while left and (block := server.recv(min(left, 65536))):
                    client.sendall(block)
                    left -= len(block)

    def close(self) -> None:
        self._door.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("dataserver"))
    yield server
    server.process.communicate(timeout=60)


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[DataClient]:
    client = DataClient(server.url, TOKEN, timeout=20)
    yield client
    client.close()


@pytest.fixture
def over_a_breaking_line(server: Server) -> Iterator[Callable[..., DataClient]]:
    """Make a client whose n-th connection ends after so many bytes of the file."""
    lines: list[BreakingLine] = []

    def _over(*cuts: int) -> DataClient:
        lines.append(BreakingLine(server.url, list(cuts)))
        return DataClient(lines[-1].url, TOKEN, timeout=5)

    yield _over
    for line in lines:
        line.close()


_count = itertools.count()


@pytest.fixture
def name() -> str:
    """Give a name that no other test uses."""
    return f"file-{next(_count)}.bin"
