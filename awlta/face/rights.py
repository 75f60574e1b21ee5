"""The verbs about people and what they may read: people, publish."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from .. import config
from ..config import PRIVILEGES
from ..errors import BadValue
from ..lineage import opened
from ..lineage.ancestry.publishing import publish as raise_level
from ..lineage.overview import named
from ..persistent.database import Database
from ..persistent.people.enrolment import apply_people, stored_people
from ..persistent.people.people import People, read_people
from .output import print_json, say, table


def people(call: Namespace) -> int:
    """Load the list of people, or show it."""
    if (call.action == "load") != (call.file is not None):
        raise BadValue(f"'awlta people {call.action}'", expected="load FILE, or show alone")
    profile = config.load()
    with closing(Database(profile.database_url)) as database:
        database.check()
        if call.action == "show":
            return _show(call, database)
        found = read_people(call.file)
        changes = apply_people(database, found, profile.node, dry_run=call.dry_run)
    if call.json:
        print_json({"dry_run": call.dry_run, "changes": changes})
        return 0
    for change in changes:
        say(change)
    if not changes:
        say("The database has this list already.")
    elif call.dry_run:
        say(f"{len(changes)} change(s) to be made; nothing was done.")
    else:
        say(f"{len(changes)} change(s) made.")
    return 0


def _show(call: Namespace, database: Database) -> int:
    with database.read() as connection:
        found = stored_people(connection)
    if call.json:
        print_json(_described(found))
        return 0
    rows = [
        (
            name,
            "open" if project.is_open else "members",
            f"{project.max_level} ({PRIVILEGES[project.max_level]})",
            ", ".join(sorted(project.managers)),
            ", ".join(sorted(project.members - project.managers)),
            project.description,
        )
        for name, project in found.projects.items()
    ]
    heads = ("project", "for", "up to", "managers", "members", "description")
    table("", heads, rows)
    table("", ("user", "login"), found.users.items())
    return 0


def _described(found: People) -> dict[str, object]:
    projects = {
        name: {
            "description": project.description,
            "managers": sorted(project.managers),
            "members": sorted(project.members),
            "max_level": project.max_level,
            "is_open": project.is_open,
        }
        for name, project in found.projects.items()
    }
    return {"projects": projects, "users": {n: {"role": r} for n, r in found.users.items()}}


def publish(call: Namespace) -> int:
    """Raise the level of an object and of its ancestors, or tell what would be raised."""
    with opened() as workspace:
        obj = named(workspace, call.what)
        found = raise_level(
            workspace,
            obj,
            call.level,
            call.embargo,
            reason=call.reason or "",
            dry_run=call.dry_run,
        )
    if call.json:
        print_json(found.to_json())
    else:
        say(str(found))
    return 2 if found.reasons else 0
