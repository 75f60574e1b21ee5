"""People whom PostgreSQL knows: each has a login of its own, and row security holds for it."""

from __future__ import annotations

from postgres import Cluster

from awlta.persistent.database import create


def let_in(cluster: Cluster, database: str, user: str) -> str:
    """Give an account of a database a login; return its name."""
    create(cluster.url(database), 0)  # makes the group of this database
    login = f"{database}_{user}"
    cluster.sql(f"CREATE ROLE {login} LOGIN IN ROLE awlta_{database}")
    role = f"UPDATE account SET role = '{login}' WHERE name = '{user}'"
    cluster.sql(role, database=database)
    return login
