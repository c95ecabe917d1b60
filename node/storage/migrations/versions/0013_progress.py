"""How far an analysis is."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("stage", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("job", sa.Column("steps_done", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("job", sa.Column("steps", sa.Integer(), nullable=False, server_default="0"))
