"""The tables."""

from __future__ import annotations

from alembic import command

from node.storage.database import alembic_config
from node.storage.ledger.ledger import Ledger


def test_the_migrations_make_exactly_the_schema(ledger: Ledger) -> None:
    command.check(alembic_config(ledger.engine))
