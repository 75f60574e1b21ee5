"""What the tests of plans share: what a plan says, recipes changed."""

from __future__ import annotations

from factories import key

from awlta.persistent import tables


def states(plan):
    """Return the state of each product by its number, for graphs of Merged."""
    return {t.product.number: t.state.value for t in plan.targets}


def told(plan):
    """Return the reasons of each product that is to be made."""
    return {t.product.number: [(r.part, r.old, r.new) for r in t.reasons] for t in plan.to_make}


def change_recipe(workspace, *products):
    """Let products have been made by another version of their recipe."""
    with workspace.database.write() as connection:
        connection.execute(
            tables.activity.update()
            .where(
                tables.activity.c.id.in_(
                    tables.product.select()
                    .with_only_columns(tables.product.c.activity)
                    .where(tables.product.c.id.in_([key(p) for p in products]))
                )
            )
            .values(recipe_version="0", recipe_digest=bytes(32))
        )
