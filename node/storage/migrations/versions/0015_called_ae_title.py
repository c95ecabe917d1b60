"""Which AE title of this node a study called."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("study", sa.Column("called_ae_title", sa.String(length=16), nullable=False, server_default=""))
