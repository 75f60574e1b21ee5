"""Run the migrations of one package on the connection that the caller gives."""

from alembic import context

from awlta.persistent.tables import SYSTEM

given = context.config.attributes
context.configure(
    connection=given["connection"],
    version_table=given.get("version_table", "alembic_version"),
    on_version_apply=given.get("on_version_apply"),
    target_metadata=SYSTEM,
    transactional_ddl=True,
)
context.run_migrations()
