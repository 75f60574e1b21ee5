"""Run migrations on the connection that the caller gives."""

from alembic import context

from awlta.persistent.tables import SYSTEM

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SYSTEM,
    transactional_ddl=True,
)
context.run_migrations()
