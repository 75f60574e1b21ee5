"""The record of one run, and what it ran with: software release and environment."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import os
import platform
import socket
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import __version__
from ..digest import digest_text
from ..errors import BadValue
from ..persistent import Attribute, Persistent, new_object_id, persistent

_SOURCE_ENDINGS = (".py", ".pyx", ".pxd", ".pyi", ".xsd", ".mako", ".typed", ".toml")


@dataclass(frozen=True)
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


def host() -> str:
    """Return the name of this host."""
    return socket.gethostname()


@lru_cache(maxsize=1)
def environment_values() -> dict[str, str]:
    """Return what the environment of this process is."""
    found = {
        f"{d.name.lower()}=={d.version}"
        for d in importlib.metadata.distributions()
        if d.name is not None
    }
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": "\n".join(sorted(found)),
    }


@dataclass(frozen=True)
class Release:
    """The sources that this process runs: what the SoftwareRelease product stores.

    Attributes
    ----------
    version : str
    digest : str
        sha256 over names and digests of all sources.
    folders : tuple of (str, Path)
        Root package names and where they are.
    """

    version: str
    digest: str
    folders: tuple[tuple[str, Path], ...]

    def write_archive(self, path: Path) -> None:
        """Write the sources as a tar file whose bytes depend on the sources alone."""
        with open(path, "wb") as raw, tarfile.open(fileobj=raw, mode="w") as archive:
            for name, source in _sources(self.folders):
                content = source.read_bytes()
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(content))


def _sources(folders: tuple[tuple[str, Path], ...]) -> Iterator[tuple[str, Path]]:
    for package, folder in folders:
        found = [
            Path(root) / name
            for root, _, names in os.walk(folder)
            for name in names
            if name.endswith(_SOURCE_ENDINGS) and "__pycache__" not in root
        ]
        for path in sorted(found):
            yield f"{package}/{path.relative_to(folder)}", path


def running_release(packages: tuple[str, ...]) -> Release:
    """Return the release of the packages that are imported in this process.

    Parameters
    ----------
    packages : tuple of str
        Root packages: awlta, and those that bring recipes.
    """
    folders = []
    for name in sorted(set(packages)):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None:
            folders.append((name, Path(file).parent))
    return _release(tuple(folders))


@lru_cache(maxsize=8)
def _release(folders: tuple[tuple[str, Path], ...]) -> Release:
    parts: list[str] = []
    for name, path in _sources(folders):
        parts += [name, hashlib.sha256(path.read_bytes()).hexdigest()]
    return Release(__version__, digest_text(*parts), folders)


@lru_cache(maxsize=1)
def instruction_set() -> str:
    """Return the instruction set that the kernels use here."""
    from ..kernels import instruction_set as of_kernels

    return str(of_kernels())


def now() -> datetime:
    """Return the time, UTC."""
    return datetime.now(UTC)
