"""Which revisions a recipe package has, and which of them a database has seen.

The revisions of a package are files ``NNNN_words.py`` in its folder ``migrations/versions``, one
line without branches, so that the newest can be told from their names alone, whenever a session
is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from ...errors import ConfigError
from .. import tables
from ..classes.model import registry
from ..database import Database

FILES = "[0-9][0-9][0-9][0-9]_*.py"


def newest(folder: Path) -> str | None:
    """Return the newest revision in a folder, None where there is none."""
    return max((path.name[:4] for path in folder.glob(FILES)), default=None)


def version_table(package: str) -> str:
    """Return the table in which a database counts the revisions of a package."""
    return f"alembic_version_{package.replace('.', '_')}"


def version_of(connection: Connection, package: str) -> str | None:
    """Return the revision of a package that a database is at, None if it saw none."""
    name = version_table(package)
    if not sa.inspect(connection).has_table(name):
        return None
    table = sa.table(name, sa.column("version_num", sa.String))
    version: str | None = connection.execute(sa.select(table.c.version_num)).scalar()
    return version


def stamp(connection: Connection, package: str, version: str) -> None:
    """Record that a database is at a revision, without running any."""
    column = sa.Column("version_num", sa.String(32), primary_key=True)
    table = sa.Table(version_table(package), sa.MetaData(), column)
    table.create(connection, checkfirst=True)
    connection.execute(table.insert().values(version_num=version))


def belongs(module: str, package: str) -> bool:
    """Tell whether a module is of a package."""
    return module == package or module.startswith(f"{package}.")


def is_new_here(connection: Connection, package: str) -> bool:
    """Tell whether a database has nothing of a package: no table, and no class without a home.

    Objects of an unknown class may be the package's own, under an older name.
    """
    own = {c.__table_name__ for c in registry.values() if belongs(c.__module__, package)}
    stored = sa.select(tables.product.c.class_name).distinct()
    classes = set(connection.execute(stored).scalars())
    is_there = not own.isdisjoint(sa.inspect(connection).get_table_names())
    return not is_there and classes <= registry.keys()


def check_revisions(database: Database, packages: Mapping[str, Path]) -> None:
    """Raise ConfigError where a database is not at the newest revision of each package.

    A package that is new to the database is recorded as being at its newest revision, since
    its tables will be made from its classes.
    """
    for package, folder in packages.items():
        head = newest(folder)
        if head is None:
            continue
        with database.read() as connection:
            version = version_of(connection, package)
            is_new = version is None and is_new_here(connection, package)
            may_stamp = is_new and _may_create(database, connection)
        if may_stamp:
            with database.write() as writing:
                database.serialise(writing, "migration")
                if version_of(writing, package) is None:
                    stamp(writing, package, head)
        elif version != head and not is_new:
            raise _of_another_version(package, version, head)


def _of_another_version(package: str, version: str | None, head: str) -> ConfigError:
    is_newer = version is not None and version > head
    return ConfigError(
        f"The tables of {package} are {f'at revision {version}' if version else 'at no revision'}",
        expected=head,
        do=f"Install the newer {package}" if is_newer else "Run 'awlta migrate'",
    )


def _may_create(database: Database, connection: Connection) -> bool:
    """Tell whether this user may make tables; on PostgreSQL not everybody may."""
    if database.dialect != "postgresql":
        return True
    asked = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
    return bool(connection.exec_driver_sql(asked).scalar())
