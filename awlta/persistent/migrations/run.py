"""Revisions are run by Alembic on an open transaction: those of the system, of a package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ...errors import AwltaError, ConfigError, Refused

Tell = Callable[[str], None]
"""Is told of each revision, after it was run."""


def is_complete(connection: Connection, head: str) -> bool:
    """Tell whether the system's tables are made, and at a version."""
    inspector = sa.inspect(connection)
    if not (inspector.has_table("alembic_version") and inspector.has_table("counter")):
        return False
    counted = connection.exec_driver_sql("SELECT 1 FROM counter WHERE name = 'key'").first()
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return counted is not None and version == head


def require_owner(connection: Connection) -> None:
    """Refuse on PostgreSQL whoever does not own the tables, before the server does.

    Raises
    ------
    Refused
    """
    if connection.dialect.name != "postgresql":
        return
    owned = connection.exec_driver_sql(
        "SELECT pg_get_userbyid(relowner), pg_has_role(relowner, 'USAGE'), current_user "
        "FROM pg_class WHERE oid = to_regclass('alembic_version')"
    ).first()
    if owned is not None and not owned[1]:
        raise Refused(
            f"The tables of this database belong to {owned[0]}, and you are {owned[2]}",
            expected="their owner, who alone may change them",
            do=f"Ask {owned[0]} to run 'awlta migrate'",
        )


def complete(connection: Connection, keys: str, first: int, tell: Tell | None = None) -> None:
    """Bring the system's tables to the newest version, and see that keys can be counted.

    Parameters
    ----------
    connection : Connection
    keys : str
        Sequence of the integer keys, on PostgreSQL.
    first : int
        First key of a new database.
    tell : callable, optional
    """
    require_owner(connection)
    upgrade(connection, "the system", tell)
    connection.exec_driver_sql(
        f"INSERT INTO counter (name, next) SELECT 'key', {first} "
        "WHERE NOT EXISTS (SELECT 1 FROM counter WHERE name = 'key')"
    )
    if connection.dialect.name == "postgresql":
        # keys may have been counted by the row before there was a sequence
        asked = "SELECT next FROM counter WHERE name = 'key'"
        start = connection.exec_driver_sql(asked).scalar_one()
        connection.exec_driver_sql(f"CREATE SEQUENCE IF NOT EXISTS {keys} START {start} CACHE 64")


def upgrade(
    connection: Connection,
    whose: str,
    tell: Tell | None = None,
    *,
    folder: Path | None = None,
    version_table: str = "alembic_version",
) -> None:
    """Run the revisions that were not run yet.

    Parameters
    ----------
    connection : Connection
    whose : str
        The system or a package, for the words.
    tell : callable, optional
    folder : Path, optional
        Folder of a package's revisions; the system's where there is none.
    version_table : str
        Where they are counted.

    Raises
    ------
    ConfigError
        A revision cannot be run, or the database is newer.
    """

    def applied(*, step: Any, **_: Any) -> None:
        if tell is not None:
            title = (step.up_revision.doc or "").split("\n")[0].rstrip(".")
            tell(f"{whose}, revision {step.up_revision_id}: {title}")

    config = Config()
    config.set_main_option("script_location", _escaped(Path(__file__).parent))
    if folder is not None:
        config.set_main_option("version_locations", _escaped(folder))
        config.set_main_option("path_separator", "newline")
    config.attributes.update(
        connection=connection, version_table=version_table, on_version_apply=applied
    )
    try:
        command.upgrade(config, "head")
    except (AwltaError, DBAPIError):
        raise
    except Exception as error:
        raise ConfigError(
            f"The revisions of {whose} cannot be run: {error}",
            expected="a revision that brings each version to the next",
            do="Is the code as new as the database? Else mend the revision",
        ) from error


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
