"""Alembic's environment: the connection is handed over by `migrate.py`, whose transaction it stays in."""

from alembic import context

from cds_service.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
