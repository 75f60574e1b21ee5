"""Bytes on the move: a file is digested while it is sent, or while it is received."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import urllib3

from ..digest import CHUNK, Digester
from ..errors import BadInput, DigestMismatch

Progress = Callable[[int], None]
"""Called with the number of bytes that have just been moved."""


def digested(
    stream: BinaryIO, path: Path, size: int, digester: Digester, progress: Progress | None
) -> Iterator[bytes]:
    """Yield exactly ``size`` bytes of a file and digest them beside the sending."""
    with ThreadPoolExecutor(1, "awlta-digest") as pool:
        left = size
        while left:
            try:
                block = stream.read(min(CHUNK, left))
            except OSError as error:
                raise unreadable(path, error) from error
            if not block:
                raise changed(path)
            left -= len(block)
            digested = pool.submit(digester.update, block)
            yield block
            digested.result()
            if progress:
                progress(len(block))


def pour(
    reply: urllib3.BaseHTTPResponse, sink: BinaryIO, digester: Digester, progress: Progress | None
) -> None:
    """Write the body of a reply to a file and digest it beside the receiving."""
    with ThreadPoolExecutor(1, "awlta-digest") as pool:
        for block in reply.stream(CHUNK, decode_content=False):
            digested = pool.submit(digester.update, block)
            sink.write(block)
            digested.result()
            if progress:
                progress(len(block))


def changed(path: Path) -> DigestMismatch:
    """Return the error of a file that changed while it was sent."""
    return DigestMismatch(
        f"{path} changed while it was sent",
        expected="a file that nobody writes to",
        do="Wait until its writer has closed it, then store it again; nothing was published",
        path=str(path),
    )


def unreadable(path: Path, error: OSError) -> BadInput:
    """Return the error of a file that cannot be read."""
    return BadInput(
        f"{path} cannot be read: {error.strerror or error}",
        expected="a readable file",
        do="Check the path and its permissions",
        path=str(path),
    )
