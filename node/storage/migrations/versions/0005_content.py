"""What each image is to its scanner's protocol, and what the site's complete studies held."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("study", sa.Column("judged_instances", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("study", sa.Column("missing", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("study", sa.Column("content", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("instance", sa.Column("kind", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("instance", sa.Column("slice_position", sa.Integer(), nullable=True))
    op.create_table(
        "known_content",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("studies", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_known_content")),
    )
    op.create_index(op.f("ix_known_content_last_at"), "known_content", ["last_at"])
