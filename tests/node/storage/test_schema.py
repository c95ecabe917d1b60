"""The tables."""

from __future__ import annotations

from alembic import command

from node.storage.ledger.ledger import Ledger
from node.storage.schema_version import alembic_config


def test_the_migrations_make_exactly_the_schema(ledger: Ledger) -> None:
    command.check(alembic_config(ledger.engine))
