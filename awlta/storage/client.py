"""The client of a dataserver: store a file under a name, bring it back, verified at both ends.

Every byte is read once: the digests are taken while the bytes pass, here and at the
dataserver, and a name exists only after both agreed. docs/dataserver.md tells the protocol.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlencode

import urllib3

from ..digest import Digester, Digests, digest_file
from ..errors import (
    BadValue,
    DigestMismatch,
    NameTaken,
    NotFound,
    StorageFault,
    Unreachable,
)
from .names import check_name
from .streams import Progress, changed, digested, pour, unreadable
from .wire import Wire

PAGE = 5000
"""Names that are asked for at a time."""

RESUMES = 5
"""How often in a row a download may break without a new byte before it is given up."""


class DataClient:
    """Store and retrieve files on one dataserver. Threads may share it.

    Parameters
    ----------
    url : str
        Address of the dataserver, such as ``http://127.0.0.1:8401``.
    token : str, optional
        Bearer token; needed to write, and to read where reading is not open to all.
    timeout : float, s
        Longest silence of the dataserver; work that grows with a file gets more.

    Raises
    ------
    ConfigError
        If the address is not one of HTTP.
    """

    def __init__(self, url: str, token: str | None = None, timeout: float = 60.0) -> None:
        self._wire = Wire(url, token, timeout)
        self.url = self._wire.url

    def __repr__(self) -> str:
        return f"DataClient({self.url!r})"

    def close(self) -> None:
        """Close the idle connections."""
        self._wire.close()

    def wait_ready(self, seconds: float = 10.0) -> None:
        """Return as soon as the dataserver answers.

        Raises
        ------
        Unreachable
            If it does not within ``seconds``.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                self._wire.ask("GET", "/")
                return
            except Unreachable:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.05)

    def head(self, name: str) -> Digests | None:
        """Return the digests of a file, None if the dataserver does not have it.

        Raises
        ------
        BadName, Refused, StorageFault, Unreachable
        """
        return self._held(name)

    def store(
        self,
        path: Path,
        name: str,
        *,
        object_id: str,
        attempt: int = 1,
        progress: Progress | None = None,
    ) -> Digests:
        """Store a file under a name and return its digests, taken alike at both ends.

        A name that is there with the same content is no fault and nothing is sent. After any
        failure the same call may be made again, with the same or a higher attempt.

        Parameters
        ----------
        path : Path
            The file; it is read once and must not change meanwhile.
        name : str
            Its unique name, see :func:`~awlta.storage.names.check_name`.
        object_id : str
            The object that owns the file.
        attempt : int
            Number of the attempt; two attempts never write to the same part.
        progress : callable, optional
            Called with the number of bytes just sent.

        Raises
        ------
        BadInput
            If the file cannot be read.
        NameTaken
            If the name exists with other content.
        DigestMismatch
            If the file changed while it was sent, or the dataserver received other bytes.
        BadName, Refused, StorageFault, Unreachable
        """
        check_name(name)
        try:
            with open(path, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                held = self._held(name, room=size)
                if held is not None:
                    return _same(name, digest_file(path), held)
                sent = self._send(stream, path, name, object_id, attempt, progress)
        except OSError as error:
            raise unreadable(path, error) from error
        return self._publish(name, sent, object_id, attempt)

    def retrieve(
        self,
        name: str,
        to: Path,
        *,
        expect: Digests | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Bring a file back to ``to``, which appears only when size and digests are right.

        Parameters
        ----------
        name : str
            Name of the file at the dataserver.
        to : Path
            Path of the new file; a file that is there is replaced.
        expect : Digests, optional
            What it must be; by default what the dataserver's index promises.
        progress : callable, optional
            Called with the number of bytes just received.

        Raises
        ------
        NotFound
            If the dataserver does not have it.
        DigestMismatch
            If the bytes are not those promised; nothing stays at ``to``.
        BadName, Refused, StorageFault, Unreachable
        """
        check_name(name)
        # A name of its own: two processes may fetch one file into one cache.
        part = to.with_name(f"{to.name[:200]}.{os.getpid()}-{secrets.token_hex(4)}.part")
        try:
            with open(part, "xb") as sink:
                promised, found = self._receive(name, sink, progress)
            wrong = found.differences(expect or promised)
            if wrong:
                raise DigestMismatch(
                    f"{name} arrived from {self.url} with another {' and '.join(wrong)}",
                    expected=f"sha256 {(expect or promised).sha256}, got {found.sha256}",
                    do="Retrieve another replica and let the operator check this dataserver",
                    name=name,
                    url=self.url,
                    differences=wrong,
                )
            os.replace(part, to)
        except OSError as error:
            raise StorageFault(
                f"{to} cannot be written: {error.strerror or error}",
                expected="a folder with room and the right to write",
                do="Free space or choose another folder, then retrieve again",
                path=str(to),
            ) from error
        finally:
            part.unlink(missing_ok=True)
        return to

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """Return bytes ``start`` up to but not including ``stop``, fewer at the end of the file.

        A part of a file has no digest: whoever must be certain retrieves the file.

        Raises
        ------
        BadValue
            If the range is empty or begins behind the end of the file.
        NotFound, BadName, Refused, StorageFault, Unreachable
        """
        check_name(name)
        if not 0 <= start < stop:
            raise BadValue(
                f"The range {start} to {stop} of {name} holds no byte",
                expected="0 <= start < stop",
                do="Mend the range; stop is not included",
                name=name,
            )
        reply = self._wire.ask("GET", f"/{name}", {"Range": f"bytes={start}-{stop - 1}"})
        if reply.status != 206:
            raise self._wire.stranger(reply)
        return reply.data

    def names(self) -> Iterator[tuple[str, Digests]]:
        """Yield every acknowledged name with its digests, in order; for operators.

        Raises
        ------
        Refused, StorageFault, Unreachable
        """
        after: str | None = ""
        while after is not None:
            query = urlencode({"after": after, "limit": PAGE})
            page = self._wire.listed(self._wire.ask("GET", f"/names?{query}"), "names")
            for entry in page:
                yield entry["name"], Digests(entry["size"], entry["sha256"], entry["adler32"])
            after = page[-1]["name"] if len(page) == PAGE else None

    def set_aside(self, name: str) -> None:
        """Have a file moved to the dataserver's quarantine, and its name forgotten; for operators.

        Raises
        ------
        NotFound
            If the dataserver does not have it.
        BadName, Refused, StorageFault, Unreachable
        """
        self._wire.ask("POST", f"/names/{check_name(name)}")

    def remove(self, name: str, sha256: str) -> bool:
        """Remove a file for good; False if the dataserver does not have it.

        May be repeated. Nothing here knows who needs the file: `awlta purge` asks first.

        Raises
        ------
        NameTaken
            If the name has other content.
        BadName, Refused, StorageFault, Unreachable
        """
        headers = {"If-Match": f'"{sha256}"'}
        reply = self._wire.ask("DELETE", f"/{check_name(name)}", headers)
        return bool(self._wire.told(reply, "was_there"))

    def parts(self) -> list[str]:
        """Return the parts ``<object_id>.<attempt>.<name>``, on their way or left; for operators.

        Raises
        ------
        Refused, StorageFault, Unreachable
        """
        return self._wire.listed(self._wire.ask("GET", "/names/parts"), "parts")

    def set_part_aside(self, part: str) -> None:
        """Have a part moved to the dataserver's quarantine; for operators.

        Raises
        ------
        NotFound
            If there is no such part.
        Refused
            If somebody writes to it, or you may not.
        StorageFault, Unreachable
        """
        self._wire.ask("POST", f"/names/parts/{quote(part, safe='')}")

    def _held(self, name: str, room: int | None = None) -> Digests | None:
        """Ask for a name; with ``room``, also whether so many bytes may be written."""
        check_name(name)
        # Asked before a byte moves, a refusal costs nothing; in mid-body it may get lost.
        headers = {} if room is None else {"X-Awlta-Room": str(room)}
        try:
            return self._wire.promised(self._wire.ask("HEAD", f"/{name}", headers))
        except NotFound:
            return None

    def _send(
        self,
        stream: BinaryIO,
        path: Path,
        name: str,
        object_id: str,
        attempt: int,
        progress: Progress | None,
    ) -> Digests:
        """Send the body into a part of the dataserver and return what was sent."""
        before = os.fstat(stream.fileno())
        digester = Digester()
        headers = {
            "Content-Length": str(before.st_size),
            "Content-Type": "application/octet-stream",
            "X-Awlta-Object": object_id,
            "X-Awlta-Attempt": str(attempt),
        }
        body = digested(stream, path, before.st_size, digester, progress)
        reply = self._wire.ask("PUT", f"/{name}", headers, body, size=before.st_size)
        sent = digester.result()
        after = os.fstat(stream.fileno())
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise changed(path)
        if wrong := sent.differences(self._wire.answered(reply)):
            raise self._mangled(name, wrong)
        return sent

    def _publish(self, name: str, sent: Digests, object_id: str, attempt: int) -> Digests:
        """Give the part its name; the dataserver does so only if it has the same digests."""
        body = json.dumps(vars(sent)).encode()
        query = urlencode({"object": object_id, "attempt": attempt})
        headers = {"Content-Type": "application/json"}
        reply = self._wire.ask("POST", f"/{name}?{query}", headers, body, size=sent.size)
        if wrong := sent.differences(self._wire.answered(reply)):
            raise self._mangled(name, wrong)
        return sent

    def _receive(
        self, name: str, sink: BinaryIO, progress: Progress | None
    ) -> tuple[Digests, Digests]:
        """Stream a file into ``sink``, resuming where the line broke: promised, found."""
        digester = Digester()
        promised: Digests | None = None
        broken = 0
        while True:
            start = sink.tell()
            headers = {}
            if promised:
                headers = {"Range": f"bytes={start}-", "If-Range": f'"{promised.sha256}"'}
            reply = self._wire.ask("GET", f"/{name}", headers, stream=True)
            try:
                if promised is None:
                    promised = self._wire.promised(reply)
                elif reply.status != 206:
                    raise self._wire.stranger(reply)
                pour(reply, sink, digester, progress)
                return promised, digester.result()
            except urllib3.exceptions.HTTPError as error:
                broken = 0 if sink.tell() > start else broken + 1
                if broken == RESUMES:
                    raise self._wire.broken(
                        f"broke off while {name} was received", error
                    ) from error
            finally:
                reply.close()

    def _mangled(self, name: str, wrong: list[str]) -> DigestMismatch:
        return DigestMismatch(
            f"The dataserver at {self.url} received {name} with another {' and '.join(wrong)}",
            expected="the bytes that were sent",
            do="Store it again; if that fails too, have memory and network checked",
            name=name,
            url=self.url,
            differences=wrong,
        )


def _same(name: str, ours: Digests, theirs: Digests) -> Digests:
    """Return the digests of a file that is there already, refuse other content."""
    if wrong := ours.differences(theirs):
        raise NameTaken(
            f"{name} exists with another {' and '.join(wrong)}: sha256 {theirs.sha256}",
            expected=f"the same content, sha256 {ours.sha256}, or a name not yet used",
            do="Give the new content a new name; stored files never change",
            name=name,
            differences=wrong,
        )
    return theirs
