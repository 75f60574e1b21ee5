"""The one tree of errors: what was found, what was expected, what to do next.

::

    AwltaError
    ├── UserError                 the caller can mend it
    │   ├── ConfigError           profile, environment, missing extra
    │   ├── BadName               a file name that no dataserver may take
    │   ├── BadInput              a file or document that cannot be used
    │   │   └── DocumentRefused   a SIP with all its faults and their places
    │   ├── BadValue              an attribute or parameter out of type or range
    │   ├── QueryError            a query that cannot be asked
    │   ├── NotFound              no such object, file, job
    │   ├── NameTaken             the name exists with other content
    │   ├── NotMade               a product that was never made is used
    │   ├── AlreadyMade           a committed product would be changed
    │   ├── UndeclaredInput       a recipe reached for what it does not link
    │   ├── Refused               rights, scope, illegal move of a state
    │   └── RecipeFailed          the recipe itself raised
    └── Fault                     the system failed, the call may be right
        ├── DigestMismatch        bytes are not what was promised
        ├── Unreachable           a service does not answer
        ├── StorageFault          a dataserver or disk failed
        ├── LeaseLost             another attempt has taken over the work
        ├── Conflict              another unit of work was there first, this one is to be done again
        └── JobFailed             a job ended without its product
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class AwltaError(Exception):
    """Say what was found, what was expected and what to do next.

    Parameters
    ----------
    found : str
        What was met, with names and values.
    expected : str
        What would have been right.
    do : str
        The next step for the reader.
    **facts
        Kept in ``facts`` for programs, and sent over HTTP with ``code``.
    """

    code = "error"

    def __init__(self, found: str, *, expected: str = "", do: str = "", **facts: object) -> None:
        self.found = found
        self.expected = expected
        self.do = do
        self.facts = facts
        parts = [_sentence(found)]
        if expected:
            parts.append(_sentence(f"Expected: {expected}"))
        if do:
            parts.append(_sentence(do))
        super().__init__(" ".join(parts))

    def to_json(self) -> dict[str, object]:
        """Return the error as it crosses a wire: code, sentences, facts."""
        return {
            "code": self.code,
            "found": self.found,
            "expected": self.expected,
            "do": self.do,
            "facts": {k: v for k, v in self.facts.items() if _plain(v)},
        }


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", "\n")) else text + "."


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool | type(None) | list | dict)


class UserError(AwltaError):
    """The caller can mend it."""

    code = "user"


class ConfigError(UserError):
    """Profile, environment or an extra is not as it must be."""

    code = "config"


class BadName(UserError):
    """A file name that no dataserver may take."""

    code = "bad_name"


class BadInput(UserError):
    """A file or document that cannot be used."""

    code = "bad_input"


@dataclass(frozen=True)
class DocumentFault:
    """One fault of a document, with its place."""

    message: str
    line: int | None = None
    path: str = ""

    def __str__(self) -> str:
        place = ", ".join(p for p in (f"line {self.line}" if self.line else "", self.path) if p)
        return f"{place}: {self.message}" if place else self.message


class DocumentRefused(BadInput):
    """A document with all its faults; ``faults`` holds :class:`DocumentFault` values."""

    code = "document_refused"

    def __init__(self, document: str, faults: Sequence[DocumentFault], *, do: str = "") -> None:
        self.document = document
        self.faults = tuple(faults)
        lines = "".join(f"\n  - {f}" for f in self.faults)
        super().__init__(
            f"{document} has {len(self.faults)} fault(s):{lines}\n",
            expected="a document that is valid by schema and by content",
            do=do or "Mend each place named above and send it again",
            document=document,
            faults=[str(f) for f in self.faults],
        )


class BadValue(UserError):
    """A value of the wrong type or out of range."""

    code = "bad_value"


class QueryError(UserError):
    """A query that cannot be asked."""

    code = "query"


class NotFound(UserError):
    """No such object, file or job."""

    code = "not_found"


class NameTaken(UserError):
    """The name exists with other content."""

    code = "name_taken"


class NotMade(UserError):
    """A product that was never made is used."""

    code = "not_made"


class AlreadyMade(UserError):
    """A committed product would be changed."""

    code = "already_made"


class UndeclaredInput(UserError):
    """A recipe reached for something that it does not link."""

    code = "undeclared_input"


class Refused(UserError):
    """Rights, scope, or an illegal move of a state."""

    code = "refused"


class RecipeFailed(UserError):
    """A recipe raised; the cause is chained."""

    code = "recipe_failed"


class Fault(AwltaError):
    """The system failed; the call may be right."""

    code = "fault"


class DigestMismatch(Fault):
    """Bytes are not what was promised."""

    code = "digest_mismatch"


class Unreachable(Fault):
    """A service does not answer."""

    code = "unreachable"


class StorageFault(Fault):
    """A dataserver or a disk failed."""

    code = "storage"


class LeaseLost(Fault):
    """Another attempt has taken over the work."""

    code = "lease_lost"


class Conflict(Fault):
    """Two units of work met in the database, and this one was taken back whole."""

    code = "conflict"


class JobFailed(Fault):
    """A job ended without its product."""

    code = "job_failed"


def _tree(root: type[AwltaError]) -> dict[str, type[AwltaError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


def from_json(record: dict[str, object]) -> AwltaError:
    """Rebuild an error that crossed a wire; an unknown code becomes a :class:`Fault`."""
    code = str(record.get("code", "fault"))
    cls = _tree(AwltaError).get(code, Fault)
    if cls is DocumentRefused:
        facts = record.get("facts")
        facts = facts if isinstance(facts, dict) else {}
        faults = [DocumentFault(str(f)) for f in facts.get("faults", [])]
        return DocumentRefused(str(facts.get("document", "document")), faults)
    return cls(
        str(record.get("found", "")),
        expected=str(record.get("expected", "")),
        do=str(record.get("do", "")),
        **_facts(record.get("facts")),
    )


def _facts(told: object) -> dict[str, Any]:
    """Return the facts of a reply; what would stand for a sentence is left out."""
    taken = ("self", "found", "expected", "do")
    facts = told if isinstance(told, dict) else {}
    return {str(k): v for k, v in facts.items() if str(k) not in taken}
