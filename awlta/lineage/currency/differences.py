"""What is installed now, against what was installed when a product was made.

Another environment does not make a product out of date: most releases of most packages change
nothing. It is told, so that one who compares results knows where to look.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ...errors import NotMade
from ...persistent import tables
from ...persistent.session import Session
from ..making.activity import environment_values
from .currency import Reason, objects_of


def differences(session: Session, product: Any) -> list[Reason]:
    """Return in what the environment differs from the one that a product was made in.

    Raises
    ------
    NotMade
    """
    if not product.is_stored:
        raise NotMade(f"{product!r} was never made", do="Call its make() first")
    p, a = tables.product, tables.activity
    statement = (
        select(a.c.environment)
        .join(p, p.c.activity == a.c.id)
        .where(p.c.id == product.__dict__["_key"])
    )
    with session.database.read() as connection:
        key = connection.execute(statement).scalar()
    recorded = objects_of(session, [key]).get(key) if key is not None else None
    if recorded is None:
        return []
    now = environment_values()
    found = [
        Reason(product, part, getattr(recorded, part), now[part])
        for part in ("python", "system")
        if getattr(recorded, part) != now[part]
    ]
    old, new = _versions(recorded.packages), _versions(now["packages"])
    return found + [
        Reason(product, name, old.get(name, "absent"), new.get(name, "absent"))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _versions(packages: str) -> dict[str, str]:
    """Return the version of each package from lines of ``name==version``."""
    return {name: version for name, _, version in (p.partition("==") for p in packages.split("\n"))}
