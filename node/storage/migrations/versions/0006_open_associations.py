"""How many associations a process has open, told with its sign of life."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("heartbeat", sa.Column("associations", sa.Integer(), nullable=False, server_default="0"))
