"""The schema says which older versions may work on it, and each process which schema it knows."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
compatible_since = "0022"  # earlier versions refuse every schema that they do not know


def upgrade() -> None:
    table = op.create_table(
        "schema_compatibility",
        sa.Column("since", sa.String(4), nullable=False),
        sa.PrimaryKeyConstraint("since", name=op.f("pk_schema_compatibility")),
    )
    op.bulk_insert(table, [{"since": compatible_since}])
    op.add_column("heartbeat", sa.Column("schema", sa.String(4), nullable=False, server_default=""))
