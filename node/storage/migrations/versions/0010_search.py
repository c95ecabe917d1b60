"""Studies are found by keyed digests of what their headers say; lists show what is sealed; a right to see patients."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("study", sa.Column("scanner", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("study", sa.Column("labels", sa.Text(), nullable=False, server_default=""))
    op.add_column("study", sa.Column("indexed", sa.String(length=32), nullable=False, server_default=""))
    op.create_index(op.f("ix_study_indexed"), "study", ["indexed"])
    op.create_table(
        "search_term",
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_search_term_study_id_study")),
        sa.PrimaryKeyConstraint("digest", "study_id", name=op.f("pk_search_term")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_search_term_study_id"), "search_term", ["study_id"])
    op.add_column("account", sa.Column("patients", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute(  # programs never saw a patient; people did
        sa.text("UPDATE account SET patients = :no WHERE id IN (SELECT account_id FROM token WHERE kind = 'key')")
        .bindparams(no=False)
    )
