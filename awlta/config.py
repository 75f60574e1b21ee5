"""The profile: who works, in which project, with which database, dataserver and DPU.

A profile is one TOML file, ``awlta.toml``, in a home folder: ``$AWLTA_HOME`` or ``~/.awlta``.
No password stands in it; the token that local services share is a file of its own.
"""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .errors import ConfigError

LOCAL = "local"
"""A service that is started as a child process when it is first needed."""

PRIVILEGES = {1: "MyDB", 2: "project", 3: "observatory", 4: "world", 5: "VO"}
"""Levels of privilege, from only me to the Virtual Observatory."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@+-]{0,63}")


@dataclass(frozen=True)
class Profile:
    """One user's settings.

    Attributes
    ----------
    home : Path
        Folder of the profile, the embedded database and the local store.
    user, project : str
        Who works, and for which project new objects are made.
    privileges : int
        Level that new objects get, 1 (MyDB) to 5 (VO).
    database : str
        SQLAlchemy URL, or ``local`` for SQLite in the home folder.
    dataserver, dpu : str
        URL, or ``local`` for a child process.
    node : int
        Number of this node in a federation; 0 is a laptop that never joined one.
    """

    home: Path
    user: str
    project: str = "MYPROJECT"
    privileges: int = 1
    database: str = LOCAL
    dataserver: str = LOCAL
    dpu: str = LOCAL
    node: int = 0

    @property
    def file(self) -> Path:
        """The TOML file of the profile."""
        return self.home / "awlta.toml"

    @property
    def database_url(self) -> str:
        """The database as SQLAlchemy names it."""
        if self.database == LOCAL:
            return f"sqlite:///{self.home / 'awlta.db'}"
        return self.database

    @property
    def store(self) -> Path:
        """Folder of the local dataserver."""
        return self.home / "store"

    @property
    def token_file(self) -> Path:
        """File with the token that the local services share."""
        return self.home / "token"

    @property
    def token(self) -> str:
        """The token of the local services; made on first use, readable by its owner alone."""
        try:
            return self.token_file.read_text().strip()
        except FileNotFoundError:
            pass
        self.home.mkdir(parents=True, exist_ok=True)
        draft = self.home / f".token.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
        try:
            os.link(draft, self.token_file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return self.token_file.read_text().strip()

    def save(self) -> None:
        """Write the profile to its file, whole or not at all; raise ConfigError as check does."""
        check(self)
        self.home.mkdir(parents=True, exist_ok=True)
        lines = ["# awlta profile: see docs/index.md\n"]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "home":
                continue
            lines.append(
                f"{field.name} = {value}\n"
                if isinstance(value, int)
                else f'{field.name} = "{value}"\n'
            )
        draft = self.file.with_suffix(".part")
        draft.write_text("".join(lines))
        draft.replace(self.file)


def home_folder() -> Path:
    """Return the home folder: ``$AWLTA_HOME``, else ``~/.awlta``."""
    return Path(os.environ.get("AWLTA_HOME") or Path.home() / ".awlta").absolute()


def default_user() -> str:
    """Return a user name for a new profile, from the environment."""
    name = os.environ.get("AWLTA_USER") or os.environ.get("USER") or "astronomer"
    return name if _NAME.fullmatch(name) else "astronomer"


def load(home: Path | None = None) -> Profile:
    """Read the profile of a home folder.

    Raises
    ------
    ConfigError
        There is none, or it holds an unknown key or a wrong value.
    """
    home = home_folder() if home is None else Path(home).absolute()
    file = home / "awlta.toml"
    try:
        with open(file, "rb") as stream:
            values = tomllib.load(stream)
    except FileNotFoundError:
        raise ConfigError(
            f"There is no profile in {home}",
            expected="a folder made by 'awlta init'",
            do="Run 'awlta init', or set AWLTA_HOME to the folder of another profile",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}", do="Mend the line named") from error
    return check(Profile(home=home, **_known(values, file)))


def _known(values: dict[str, Any], file: Path) -> dict[str, Any]:
    known = {f.name: f for f in fields(Profile) if f.name != "home"}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"{file} has the unknown key {key!r}", expected=f"one of {', '.join(known)}"
            )
        wanted = int if known[key].type == "int" else str
        if type(value) is not wanted:
            raise ConfigError(f"{key} = {value!r} in {file}", expected=f"a {wanted.__name__}")
    if "user" not in values:
        raise ConfigError(f"{file} names no user", do='Add a line such as user = "ada"')
    return dict(values)


def is_name(name: str) -> bool:
    """Tell whether a user or a project may have a name."""
    return _NAME.fullmatch(name) is not None


def check(profile: Profile) -> Profile:
    """Return the profile if its names and numbers are allowed, else raise ConfigError."""
    for what, name in (("user", profile.user), ("project", profile.project)):
        if not is_name(name):
            raise ConfigError(
                f"The {what} name {name!r}",
                expected="a letter, then up to 63 letters, digits or any of _ . @ + -",
            )
    if profile.privileges not in PRIVILEGES:
        raise ConfigError(
            f"privileges = {profile.privileges}",
            expected=", ".join(f"{n} ({name})" for n, name in PRIVILEGES.items()),
        )
    if not 0 <= profile.node < 1 << 15:
        raise ConfigError(f"node = {profile.node}", expected="a number from 0 to 32767")
    for what in ("database", "dataserver", "dpu"):
        value = getattr(profile, what)
        if '"' in value or "\\" in value or not value.isprintable():
            raise ConfigError(f"{what} = {value!r}", expected="a URL or 'local'")
    return profile
