"""Who is who: projects with members and managers, users with their logins.

A list of people is a value, read from a TOML file here and from other masters elsewhere; one
function applies it, whatever it was read from. What the list does not name loses its rights and
keeps its rows: objects belong to them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config import PRIVILEGES, is_name
from ...errors import DocumentFault, DocumentRefused, NotFound

_LOGIN = re.compile(r"[a-z_][a-z0-9_.@-]{0,62}")


@dataclass(frozen=True)
class Project:
    """A project as the list has it.

    Attributes
    ----------
    name, description : str
    managers : frozenset of str
        Users who publish, and add members; they are members too.
    members : frozenset of str
        Managers included.
    max_level : int
        Highest level that an object of it may have.
    is_open : bool
        Every user may make objects for it.
    """

    name: str
    description: str = ""
    managers: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    max_level: int = max(PRIVILEGES)
    is_open: bool = False


@dataclass(frozen=True)
class People:
    """The list: projects by name, and the login of each user, None for those without.

    Attributes
    ----------
    projects : mapping of str to Project
    users : mapping of str to str or None
    """

    projects: Mapping[str, Project]
    users: Mapping[str, str | None]


def read_people(path: Path) -> People:
    """Read a list of people from a TOML file.

    Raises
    ------
    NotFound
    DocumentRefused
        With every fault and its place.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", do="Check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DocumentRefused(str(path), [DocumentFault(f"it is no TOML: {error}")]) from error
    reader = _Reader()
    people = reader.people(told)
    if reader.faults:
        raise DocumentRefused(
            str(path), reader.faults, do="Mend each place; docs/contexts.md shows a whole file"
        )
    return people


class _Reader:
    """Reads what TOML gave and notes each fault with its place."""

    def __init__(self) -> None:
        self.faults: list[DocumentFault] = []

    def fault(self, place: str, message: str) -> None:
        self.faults.append(DocumentFault(message, path=place))

    def people(self, told: dict[str, Any]) -> People:
        self.unknown("", told, ("projects", "users"))
        users = {
            name: self.login(f"users.{name}", entry)
            for name, entry in self.table("users", told.get("users", {})).items()
            if self.name(f"users.{name}", name)
        }
        self.twice(users)
        projects = {
            name: self.project(f"projects.{name}", name, entry, users)
            for name, entry in self.table("projects", told.get("projects", {})).items()
            if self.name(f"projects.{name}", name)
        }
        return People(projects, users)

    def table(self, place: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.fault(place, f"{value!r} is no table")
        return {}

    def unknown(self, place: str, told: dict[str, Any], known: tuple[str, ...]) -> None:
        for key in told:
            if key not in known:
                where = f"{place}.{key}" if place else key
                self.fault(where, f"it is not known; {', '.join(known)} are")

    def name(self, place: str, name: str) -> bool:
        if not is_name(name):
            self.fault(place, "a name has a letter, then up to 63 letters, digits or any of _.@+-")
        return is_name(name)

    def login(self, place: str, told: Any) -> str | None:
        entry = self.table(place, told)
        self.unknown(place, entry, ("role",))
        role = entry.get("role")
        if role is None:
            return None
        if not isinstance(role, str) or not _LOGIN.fullmatch(role) or role.startswith("pg_"):
            self.fault(f"{place}.role", f"{role!r} is no name of a login, such as 'ada'")
            return None
        return role

    def twice(self, users: dict[str, str | None]) -> None:
        seen: dict[str, str] = {}
        for user, role in users.items():
            if role in seen:
                self.fault(f"users.{user}.role", f"{role!r} is the login of {seen[role]} already")
            elif role is not None:
                seen[role] = user

    def project(self, place: str, name: str, told: Any, users: Mapping[str, str | None]) -> Project:
        entry = self.table(place, told)
        self.unknown(place, entry, ("description", "members", "managers", "max_level", "is_open"))
        description = entry.get("description", "")
        if not isinstance(description, str) or not description.isprintable():
            self.fault(f"{place}.description", "it is no line of text")
        level = entry.get("max_level", max(PRIVILEGES))
        if type(level) is not int or level not in PRIVILEGES:
            self.fault(f"{place}.max_level", f"{level!r} is no level from 1 to {max(PRIVILEGES)}")
        is_open = entry.get("is_open", False)
        if type(is_open) is not bool:
            self.fault(f"{place}.is_open", f"{is_open!r} is neither true nor false")
        managers = self.named(f"{place}.managers", entry.get("managers", []), users)
        members = self.named(f"{place}.members", entry.get("members", []), users)
        if not is_open and not members | managers:
            self.fault(place, "it is not open and has no members: nobody could work for it")
        return Project(name, description, managers, members | managers, level, is_open)

    def named(self, place: str, told: Any, users: Mapping[str, str | None]) -> frozenset[str]:
        if not isinstance(told, list):
            self.fault(place, f"{told!r} is no list of users")
            return frozenset()
        for number, user in enumerate(told):
            if not isinstance(user, str) or user not in users:
                self.fault(f"{place}[{number}]", f"there is no user {user!r} under [users]")
        return frozenset(user for user in told if isinstance(user, str))
