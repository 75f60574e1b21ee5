"""Embargo on every row, the work that a product answers, members, campaigns."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CONTEXT = {"home", "owner", "project", "level"}


def upgrade() -> None:
    for name in _tables_with({*_CONTEXT}, without="embargo"):
        op.add_column(name, sa.Column("embargo", sa.BigInteger(), nullable=True))
    op.add_column("product", sa.Column("work", sa.LargeBinary(length=16), nullable=True))
    op.create_index(
        "ix_product_work",
        "product",
        ["work"],
        sqlite_where=sa.text("work IS NOT NULL"),
        postgresql_where=sa.text("work IS NOT NULL"),
    )
    with op.batch_alter_table("account") as account:
        account.add_column(sa.Column("role", sa.Text(), nullable=True))
        account.create_unique_constraint("uq_account_role", ["home", "role"])
    with op.batch_alter_table("project") as project:
        project.add_column(
            sa.Column("is_open", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        project.add_column(
            sa.Column("max_level", sa.SmallInteger(), nullable=False, server_default="5")
        )
    with op.batch_alter_table("project") as project:
        project.alter_column("is_open", server_default=None)
        project.alter_column("max_level", server_default=None)
    op.create_table(
        "member",
        sa.Column("home", sa.BigInteger(), nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("is_manager", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("home", "project", "account"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_member_account", "member", ["account"])
    op.create_table(
        "campaign_item",
        sa.Column("campaign", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("home", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.BigInteger(), nullable=False),
        sa.Column("project", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("embargo", sa.BigInteger(), nullable=True),
        sa.Column("old", sa.BigInteger(), nullable=False),
        sa.Column("new", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_campaign_item_new", "campaign_item", ["new"])


def _tables_with(columns: set[str], *, without: str) -> list[str]:
    """Return the tables, those of classes included, that have some columns and lack one."""
    inspector = sa.inspect(op.get_bind())
    found = []
    for name in inspector.get_table_names():
        have = {c["name"] for c in inspector.get_columns(name)}
        if columns <= have and without not in have:
            found.append(name)
    return found


def downgrade() -> None:
    op.drop_table("campaign_item")
    op.drop_table("member")
    with op.batch_alter_table("project") as project:
        project.drop_column("max_level")
        project.drop_column("is_open")
    with op.batch_alter_table("account") as account:
        account.drop_constraint("uq_account_role", type_="unique")
        account.drop_column("role")
    op.drop_index("ix_product_work", table_name="product")
    op.drop_column("product", "work")
    for name in sa.inspect(op.get_bind()).get_table_names():
        have = {c["name"] for c in sa.inspect(op.get_bind()).get_columns(name)}
        if have >= _CONTEXT and "embargo" in have:
            op.drop_column(name, "embargo")
