"""A patient's studies are found without reading all of them."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_study_patient_digest", "study", ["patient_digest"])
