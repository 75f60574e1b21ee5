"""Logins of the server for users: made, let in, shut out. PostgreSQL only.

A login gets no password here: how people prove who they are is the server's business
(``pg_hba.conf``).
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from ..engine.access import group_of, has_role, run_plainly


def unfit_roles(connection: Connection, roles: Iterable[str]) -> dict[str, str]:
    """Return why some roles cannot be those of users: row security would not hold for them."""
    asked = sa.text(
        "SELECT rolname, rolsuper, rolbypassrls, pg_has_role(pg_roles.oid, relowner, 'USAGE'), "
        "rolname = :g "
        "FROM pg_roles, pg_class WHERE pg_class.oid = 'product'::regclass AND rolname = ANY(:names)"
    )
    given = {"names": list(roles), "g": group_of(connection)}
    found = {}
    for name, is_super, bypasses, owns, is_group in connection.execute(asked, given):
        if is_group:
            found[name] = "is the group of all users"
        elif is_super or bypasses:
            found[name] = "is above row security"
        elif owns:
            found[name] = "owns the tables"
    return found


def admit(connection: Connection, roles: Iterable[str]) -> list[str]:
    """Make logins that are not there, and let them in; return what was done, in words."""
    quote = connection.dialect.identifier_preparer.quote
    group, done = group_of(connection), []
    for role in roles:
        if not has_role(connection, role):
            run_plainly(connection, f"CREATE ROLE {quote(role)} LOGIN")
            done.append(f"login {role}: made")
        if not _belongs(connection, role, group):
            run_plainly(connection, f"GRANT {quote(group)} TO {quote(role)}")
            done.append(f"login {role}: let in")
    return done


def dismiss(connection: Connection, roles: Iterable[str]) -> list[str]:
    """Let logins in no longer; return what was done, in words."""
    quote = connection.dialect.identifier_preparer.quote
    group, done = group_of(connection), []
    for role in roles:
        if has_role(connection, role) and _belongs(connection, role, group):
            run_plainly(connection, f"REVOKE {quote(group)} FROM {quote(role)}")
            done.append(f"login {role}: shut out")
    return done


def _belongs(connection: Connection, role: str, group: str) -> bool:
    asked = "SELECT pg_has_role(%s, %s, 'MEMBER')"
    return bool(connection.exec_driver_sql(asked, (role, group)).scalar())
