"""Entries of the audit trail by what happened, and when: what was refused lately is found without reading the rest."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_event_at", "audit", ["event", "at"])
    op.drop_index("ix_audit_event", "audit")
