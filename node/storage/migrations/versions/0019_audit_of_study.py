"""The audit entries of a study by event: when its last analysis began is asked for two hundred studies a page."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_study_id_event_at", "audit", ["study_id", "event", "at"])
    op.drop_index("ix_audit_study_id", "audit")
