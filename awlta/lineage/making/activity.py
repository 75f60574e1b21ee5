"""The record of one run, and the environment that it ran in."""

from __future__ import annotations

import importlib.metadata
import platform
import socket
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from ...errors import BadValue
from ...persistent import Attribute, Persistent, new_object_id, persistent


@dataclass(slots=True)
class Activity:
    """The record of one run.

    Attributes
    ----------
    object_id : str
    kind : str
        ``make`` or ``ingest``.
    recipe, recipe_version, recipe_digest : str
    interactive : bool
        The recipe was typed at a prompt.
    host, instruction_set, operator : str
    started, ended : datetime, UTC
    outcome : str
        ``done`` or ``failed``.
    order_id : str or None
        Work order of the DPU that it was run for.
    log : str
        What the run logged, its last 64 KiB.
    facts : dict
        For an ingest: ticket, SIP digest, source.
    """

    kind: str
    recipe: str
    recipe_version: str
    recipe_digest: str
    host: str
    instruction_set: str
    operator: str
    started: datetime
    ended: datetime
    outcome: str = "done"
    interactive: bool = False
    order_id: str | None = None
    log: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    object_id: str = field(default_factory=new_object_id)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON holds it."""
        value = asdict(self)
        value["started"] = self.started.isoformat()
        value["ended"] = self.ended.isoformat()
        return value

    @classmethod
    def from_json(cls, value: Any) -> Activity:
        """Read a record that came over a wire; raise BadValue where it is malformed."""
        try:
            known = {f.name for f in fields(cls)}
            arguments = {k: v for k, v in dict(value).items() if k in known}
            arguments["started"] = datetime.fromisoformat(arguments["started"]).astimezone(UTC)
            arguments["ended"] = datetime.fromisoformat(arguments["ended"]).astimezone(UTC)
            bytes.fromhex(arguments["recipe_digest"])
            return cls(**arguments)
        except (KeyError, TypeError, ValueError) as error:
            raise BadValue(f"The activity record is malformed: {error}") from error


class SoftwareEnvironment(Persistent, shared=True):
    """What was installed where something ran: interpreter, platform, packages."""

    python: Attribute[str] = persistent("version of the Python interpreter")
    system: Attribute[str] = persistent("operating system and machine")
    packages: Attribute[str] = persistent("name==version of every distribution, one a line")


@lru_cache(maxsize=1)
def host() -> str:
    """Return the name of this host."""
    return socket.gethostname()


@lru_cache(maxsize=1)
def environment_values() -> dict[str, str]:
    """Return what the environment of this process is."""
    # its name and its version each would read the file anew
    about = [one.metadata for one in importlib.metadata.distributions()]
    found = {f"{told['Name'].lower()}=={told['Version']}" for told in about if told["Name"]}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": "\n".join(sorted(found)),
    }


def instruction_set() -> str:
    """Return the instructions that the kernels and NumPy use here."""
    from ...kernels import instruction_set as of_kernels  # heavy, and only those who make need it

    return f"{of_kernels()}, numpy {_of_numpy()}"


@cache
def _of_numpy() -> str:
    import numpy as np

    known = np.show_config(mode="dicts")["SIMD Extensions"]
    return str([*known.get("baseline", ()), *known.get("found", ())][-1])


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)
