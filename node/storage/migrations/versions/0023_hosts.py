"""Files know the host that keeps them."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None
compatible_since = "0023"  # an older node would claim a study whose files lie on another host, and fail it


def upgrade() -> None:
    op.create_table(
        "host",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("node", sa.String(128), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("archive", sa.String(36), nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("search_key", sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host")),
        sa.UniqueConstraint("node", "archive", name=op.f("uq_host_node_archive")),
    )
    op.create_table(
        "instance_copy",
        sa.Column("instance_id", sa.Integer, nullable=False),
        sa.Column("host_id", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"], name=op.f("fk_instance_copy_instance_id_instance")),
        sa.ForeignKeyConstraint(["host_id"], ["host.id"], name=op.f("fk_instance_copy_host_id_host")),
        sa.PrimaryKeyConstraint("instance_id", "host_id", name=op.f("pk_instance_copy")),
    )
    op.create_table(
        "removal",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("host_id", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["host_id"], ["host.id"], name=op.f("fk_removal_host_id_host")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal")),
    )
    for table in ("instance", "conflict", "result_object"):
        op.add_column(table, sa.Column("host_id", sa.Integer, nullable=True))
