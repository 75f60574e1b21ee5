"""Who may read and who may write: the one bearer token of a dataserver."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from awlta.errors import Refused


@dataclass(frozen=True)
class Rights:
    """Who may do what.

    Attributes
    ----------
    token : bytes or None
        The bearer token; None lets everyone in, for a dataserver of one machine.
    anonymous_read : bool
        Whether GET and HEAD need no token.
    """

    token: bytes | None = None
    anonymous_read: bool = False

    def check(self, authorization: str, *, writes: bool) -> None:
        """Raise Refused unless a request with this Authorization header may do it.

        Its fact ``status`` is the HTTP status: 401 without a token, 403 with a wrong one.
        """
        if self.token is None or (self.anonymous_read and not writes):
            return
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode(errors="surrogateescape")
        # In constant time, or the answer's delay would tell the token byte by byte.
        if hmac.compare_digest(given, self.token) and scheme == "Bearer":
            return
        raise Refused(
            "The token is not the right one" if authorization else "The request carries no token",
            expected="the bearer token of this dataserver",
            do="Set the token in the profile; the operator has it",
            status=403 if authorization else 401,
        )
