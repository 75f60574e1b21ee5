"""One request to a dataserver: its reply, or the error that came instead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import urllib3

from ..digest import Digests
from ..errors import AwltaError, ConfigError, Unreachable, from_json

SLOWEST_DISK = 20e6
"""Bytes a second: how slow a dataserver may flush or read again before it counts as silent."""


class Wire:
    """The connections to one dataserver. Threads may share it.

    Parameters
    ----------
    url : str
        Address of the dataserver.
    token : str or None
        Bearer token sent with every request.
    timeout : float, s
        Longest silence of the dataserver.

    Raises
    ------
    ConfigError
        If the address is not one of HTTP.
    """

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError(
                f"The dataserver address {url!r} cannot be used",
                expected="http://HOST:PORT or https://HOST",
                do="Mend the address in the profile; `awlta serve` prints that of a local one",
                url=url,
            )
        self.url = url.rstrip("/")
        self.timeout = timeout
        # Files travel as they are: a body packed on the way would have other digests.
        self._headers = {"Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(maxsize=8)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def ask(
        self,
        method: str,
        address: str,
        headers: dict[str, str] | None = None,
        body: bytes | Iterator[bytes] | None = None,
        *,
        size: int = 0,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """Make one request.

        Parameters
        ----------
        method, address, headers, body
            As in HTTP; the address begins with a slash.
        size : int, bytes
            Size of the file that the dataserver has to flush or read before it can answer.
        stream : bool
            Leave the body of the reply to be read.

        Raises
        ------
        Unreachable
            If no reply came.
        AwltaError
            Whatever error the dataserver replied.
        """
        # A body from a stream cannot be sent twice; everything else here is idempotent.
        again = urllib3.Retry(1, redirect=0, status=0, allowed_methods=None)
        try:
            reply = self._pool.request(
                method,
                self.url + address,
                body=body,
                headers=self._headers | (headers or {}),
                timeout=urllib3.Timeout(self.timeout, self.timeout + size / SLOWEST_DISK),
                retries=False if method == "PUT" else again,
                redirect=False,
                preload_content=not stream,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self.broken("does not answer", error) from error
        if reply.status >= 300:
            raise self._error_of(reply)
        return reply

    def promised(self, reply: urllib3.BaseHTTPResponse) -> Digests:
        """Return the digests that stand in the headers of a reply."""
        headers = reply.headers
        return self._checked(
            reply,
            {
                "size": int(headers.get("Content-Length", "-1")),
                "sha256": headers.get("X-Awlta-Sha256"),
                "adler32": headers.get("X-Awlta-Adler32"),
            },
        )

    def answered(self, reply: urllib3.BaseHTTPResponse) -> Digests:
        """Return the digests that stand in the JSON body of a reply."""
        try:
            return self._checked(reply, reply.json())
        except ValueError as error:
            raise self.stranger(reply) from error

    def listed(self, reply: urllib3.BaseHTTPResponse, key: str) -> list[Any]:
        """Return the list that stands under a key in the JSON body of a reply."""
        found = self.told(reply, key)
        if not isinstance(found, list):
            raise self.stranger(reply)
        return found

    def told(self, reply: urllib3.BaseHTTPResponse, key: str) -> Any:
        """Return what stands under a key in the JSON body of a reply."""
        try:
            return reply.json()[key]
        except (ValueError, KeyError, TypeError) as error:
            raise self.stranger(reply) from error

    def broken(self, what: str, error: Exception) -> Unreachable:
        """Return the error of a connection that failed."""
        return Unreachable(
            f"The dataserver at {self.url} {what}: {error}",
            expected="a running dataserver that this machine can reach",
            do="Start it (`awlta serve`) or mend the address in the profile, then try again: "
            "nothing is lost and nothing is there twice",
            url=self.url,
        )

    def stranger(self, reply: urllib3.BaseHTTPResponse) -> Unreachable:
        """Return the error of a reply that no dataserver gives."""
        return Unreachable(
            f"{self.url} answers, but not as a dataserver: HTTP {reply.status}",
            expected="the replies of an awlta dataserver",
            do="Check the address in the profile and any proxy in between",
            url=self.url,
            status=reply.status,
        )

    def _error_of(self, reply: urllib3.BaseHTTPResponse) -> AwltaError:
        """Rebuild the error that was sent, in a header where there is no body."""
        try:
            record = json.loads(reply.headers.get("X-Awlta-Error") or reply.data)
        except (ValueError, urllib3.exceptions.HTTPError):
            record = None
        if isinstance(record, dict) and "code" in record:
            return from_json(record)
        return self.stranger(reply)

    def _checked(self, reply: urllib3.BaseHTTPResponse, record: object) -> Digests:
        if isinstance(record, dict):
            size, sha256, adler32 = (record.get(k) for k in ("size", "sha256", "adler32"))
            if isinstance(size, int) and isinstance(sha256, str) and isinstance(adler32, str):
                return Digests(size, sha256, adler32)
        raise self.stranger(reply)
