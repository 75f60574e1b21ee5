"""Requests to a DPU front-end: JSON there and back, errors rebuilt as they were raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import urllib3

from ..errors import ConfigError, Unreachable, from_json

SILENCE = 60.0
"""Seconds without an answer after which a front-end counts as unreachable."""


class Wire:
    """The connections to one front-end. Threads may share it.

    Every request may be sent twice: the front-end takes the second for the first.

    Parameters
    ----------
    url : str
        Address of the front-end, such as ``http://127.0.0.1:8402``.
    token : str
        Bearer token.
    again : callable, optional
        Given an address that does not answer, returns the one to ask instead; this is how a
        local front-end is started anew.

    Raises
    ------
    ConfigError
        If the address is not one of HTTP.
    """

    def __init__(self, url: str, token: str, again: Callable[[str], str] | None = None) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError(
                f"The DPU address {url!r} cannot be used",
                expected="http://HOST:PORT or https://HOST, or 'local'",
                do="Mend dpu = ... in the profile",
            )
        self.url = url.rstrip("/")
        self._again = again
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._pool = urllib3.PoolManager(maxsize=4)

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def ask(self, method: str, path: str, body: Any = None, *, seconds: float = SILENCE) -> Any:
        """Make one request and return what the reply's JSON holds.

        Parameters
        ----------
        method, path : str
        body : object, optional
            What JSON can hold.
        seconds : float, s
            Longest wait for the reply.

        Raises
        ------
        Unreachable
            No reply came, or that of something else.
        AwltaError
            Whatever error the front-end replied.
        """
        try:
            return self._ask(method, path, body, seconds)
        except Unreachable:
            if self._again is None:
                raise
        self.url = self._again(self.url).rstrip("/")
        return self._ask(method, path, body, seconds)

    def _ask(self, method: str, path: str, body: Any, seconds: float) -> Any:
        retries = urllib3.Retry(1, redirect=0, status=0, allowed_methods=None)
        try:
            reply = self._pool.request(
                method,
                self.url + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=self._headers,
                timeout=urllib3.Timeout(connect=10.0, read=seconds),
                retries=retries,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(
                f"The DPU front-end at {self.url} does not answer: {error}",
                expected="a running front-end that this machine can reach",
                do="Start it ('awlta serve dpu'; its queue is kept) or mend dpu in the profile",
                url=self.url,
            ) from error
        try:
            value = json.loads(reply.data)
        except ValueError:
            value = None
        if reply.status < 300 and isinstance(value, dict):
            return value
        if isinstance(value, dict) and "code" in value:
            raise from_json(value)
        raise Unreachable(
            f"{self.url} answers, but not as a DPU front-end: HTTP {reply.status}",
            do="Check dpu = ... in the profile and any proxy in between",
            url=self.url,
        )
