"""What the tests of deletion share: products to be deleted, what is said of them, policies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from factories import Exposure, ExposureFactory, Merged, Summed, SummedFactory
from sqlalchemy import select, update

from awlta.lineage import Workspace
from awlta.lineage.retention.policies import expire, read_policy
from awlta.persistent import tables

DAY = timedelta(days=1)
LATER = datetime.now(UTC) + 31 * DAY


def made(**values: Any) -> Exposure:
    """Make an exposure."""
    product: Exposure = ExposureFactory(**values)
    product.make()
    return product


def chain() -> tuple[Exposure, Summed, Merged]:
    """Make an exposure, its sum, and what is merged from that."""
    exposure = made(n=4)
    summed = SummedFactory(exposure=exposure)
    summed.make()
    merged = Merged(inputs=[summed])
    merged.make()
    return exposure, summed, merged


def said(workspace: Workspace, kind: str) -> list[tuple[int, str, str]]:
    """Return value, reason and author of all that stands of a kind."""
    s = tables.standing
    statement = select(s.c.value, s.c.reason, s.c.author).where(s.c.kind == kind).order_by(s.c.id)
    with workspace.database.read() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def give(workspace: Workspace, product: Any, **columns: int) -> None:
    """Change whose a product is, as a publication or another user would have."""
    p = tables.product
    key = product.__dict__["_key"]
    with workspace.database.write() as connection:
        connection.execute(update(p).where(p.c.id == key).values(**columns))


def policy_of(workspace: Workspace, rule: str, span: str, **how: Any) -> list[Any]:
    """Let what a rule says expire."""
    path = workspace.profile.home / "policy.toml"
    path.write_text(f'[retention]\n{rule} = "{span}"\n')
    return expire(workspace, read_policy(path), **how)
