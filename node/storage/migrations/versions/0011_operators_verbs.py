"""Priorities, which process holds a job, and what the operator holds back."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("study", sa.Column("priority", sa.Integer(), nullable=False, server_default="2"))
    op.add_column("job", sa.Column("priority", sa.Integer(), nullable=False, server_default="2"))
    op.add_column("job", sa.Column("node", sa.String(length=128), nullable=False, server_default=""))
    op.add_column("job", sa.Column("part", sa.String(length=16), nullable=False, server_default=""))
    op.drop_index("ix_job_state_kind_not_before", "job")
    op.create_index("ix_job_state_kind_priority_not_before", "job", ["state", "kind", "priority", "not_before"])
    op.create_table(
        "hold",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name=op.f("pk_hold")),
    )
