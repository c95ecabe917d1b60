"""When a session or key was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("token", sa.Column("used_at", sa.Float(), nullable=True))
