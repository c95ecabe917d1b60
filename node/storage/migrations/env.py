"""Alembic's entry point: runs migrations on the engine, or inside the transaction, that the node hands over."""

from alembic import context
from sqlalchemy import Connection

from node.storage.host_schema import host


def _run(connection: Connection) -> None:
    # of both files with tables: they have one metadata
    context.configure(connection=connection, target_metadata=host.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with context.config.attributes["engine"].connect() as own:
        _run(own)
        own.commit()
