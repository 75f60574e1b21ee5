"""A database is brought to its newest form: system, recipe packages, then classes.

The system and every recipe package have revisions of their own, which Alembic runs in order and
counts in a table each. Whatever the classes say beyond these is done after them. All of it is
one transaction: a kill at any instant leaves the old database or the new one. Digests that a
changed class makes void, of what products ask for and of shared objects, are taken away in it,
for :func:`awlta.lineage.planning.refill.refill` to write them anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from ...errors import ConfigError, Fault, NotFound
from .. import steps
from ..classes.model import registry
from ..database import KEYS, Database
from ..engine.access import secure_all
from ..keys import first_key
from ..migrations.run import Tell, complete, upgrade
from .differences import Cure, Difference
from .evolution import compare
from .outdated import (
    Columns,
    columns_of,
    forget_names,
    forget_work,
    gains_since,
    note_forms,
)
from .versions import is_new_here, newest, stamp, version_of, version_table

_CHANGES = ("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Stage:
    """One part of a migration: what it is for, and the statements that were run."""

    what: str
    statements: tuple[str, ...]


@dataclass
class Migration:
    """What was done, or would be, and the differences that are kept as they are."""

    stages: list[Stage] = field(default_factory=list)
    kept: list[Difference] = field(default_factory=list)


class _TakenBack(Exception):  # not an error: it ends the transaction of a dry run
    """A dry run has shown everything."""


def migrate(
    database: Database,
    node: int,
    packages: Mapping[str, Path],
    *,
    dry_run: bool = False,
    new: Collection[str] = (),
) -> Migration:
    """Bring a database to the newest revisions and to the classes that were imported.

    Parameters
    ----------
    database : Database
    node : int
        Number of this node, for the first key of a new database.
    packages : mapping
        Recipe package to the folder of its revisions, which need not be there.
    dry_run : bool
        Do it, tell what was done, and take it back.
    new : collection of str
        What is new although it could be something old under another name.

    Raises
    ------
    ConfigError
        There is no database, it is newer than the code, or a person has to decide something.
    Refused
        The tables belong to another role of the server.
    """
    _check_names(new)
    database.version()
    done = Migration()
    with suppress(_TakenBack), database.write() as connection:
        database.serialise(connection, "migration")
        with _recorded(connection) as statements:

            def tell(what: str) -> None:
                done.stages.append(Stage(what, tuple(statements)))
                statements.clear()

            before = columns_of(connection)
            complete(connection, KEYS, first_key(node), tell)
            statements.clear()  # of the counter, which is there
            for package, folder in packages.items():
                _package(connection, package, folder, tell)
            done.kept = _classes(database, connection, new, tell)
            _follow(database, connection, before, tell)
            secure_all(connection)
            if statements:
                tell("row security, as the context of each row says")
        if dry_run:
            raise _TakenBack
    return done


@contextmanager
def _recorded(connection: Connection) -> Iterator[list[str]]:
    """Give the list of the statements that change something, as they are run."""
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, text: str, values: Any, _context: Any, _many: bool) -> None:
        if text.lstrip().upper().startswith(_CHANGES):
            one = " ".join(text.split())
            statements.append(f"{one}  -- {values!r}" if values else one)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", note)


def _package(connection: Connection, package: str, folder: Path, tell: Tell) -> None:
    """Run the revisions of a recipe package that were not run here yet."""
    head, version = newest(folder), version_of(connection, package)
    if head is None or version == head:
        return
    if version is None and is_new_here(connection, package):
        stamp(connection, package, head)
        tell(f"{package} is new here: its tables are made from the classes, as of {head}")
        return
    upgrade(connection, package, tell, folder=folder, version_table=version_table(package))


def _classes(
    database: Database,
    connection: Connection,
    new: Collection[str],
    tell: Tell,
) -> list[Difference]:
    """Do what the classes say beyond all revisions; return what is kept as it is."""
    found = compare(connection, new)
    refuse(d for d in found if d.cure is Cure.PERSON)
    context = MigrationContext.configure(connection)
    with Operations.context(context):
        for difference in found:
            if difference.cure is not Cure.MIGRATE:
                continue
            database.serialise(connection, f"table {difference.table}")
            for step in difference.steps:
                try:
                    getattr(steps, step.name)(*step.arguments, **dict(step.options))
                except DBAPIError as error:
                    raise Fault(
                        f"{difference.place}: the database refused {step.name}: {error.orig}",
                        do="Nothing was changed",
                    ) from error
            tell(_done(difference))
    return [d for d in found if d.cure is Cure.NOBODY]


def _follow(database: Database, connection: Connection, before: Columns, tell: Tell) -> None:
    """Take away the digests that no longer hold, and note what came later than a product."""
    gains = gains_since(connection, before)
    number = forget_work(connection, gains)
    _tell(tell, "What products ask for is written anew, by which equal ones are found", number)
    number = forget_names(connection, gains)
    _tell(tell, "What shared objects hold is written anew, by which equal ones are one", number)
    number = note_forms(database, connection, gains)
    _tell(tell, "What later came to products is noted, their digests stay", number)


def _tell(tell: Tell, what: str, number: dict[str, int]) -> None:
    if number:
        tell(f"{what}: {', '.join(f'{n} {name}' for name, n in number.items())}.")


def _done(difference: Difference) -> str:
    """Return what was done; a table of a class without objects was lacked by nobody."""
    if difference.kind == "table" and not difference.n_rows:
        return f"The table {difference.table} of {difference.place} is made."
    return str(difference)


def refuse(differences: Iterator[Difference]) -> None:
    """Raise ConfigError with all that a person has to decide."""
    told = list(differences)
    if told:
        lines = "".join(f"\n  - {d}" for d in told)
        raise ConfigError(
            f"{len(told)} difference(s) between tables and classes need a decision:{lines}\n",
            do="Nothing was changed",
            differences=[d.to_json() for d in told],
        )


def _check_names(new: Collection[str]) -> None:
    for name in new:
        cls, _, attribute = name.partition(".")
        declared = registry[cls].__attributes__ if cls in registry else None
        if declared is None or (attribute and attribute not in declared):
            raise NotFound(
                f"There is no {name}", expected="Class or Class.attribute, as they are declared"
            )
