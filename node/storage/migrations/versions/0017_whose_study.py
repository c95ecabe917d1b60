"""Whose study it is: keyed digests of the patient, and what was set aside as whole as if it had been kept."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TEXTS = {
    "patient_digest": 64,
    "sop_class_uid": 64,
    "series_instance_uid": 64,
    "transfer_syntax_uid": 64,
    "calling_ae_title": 16,
    "kind": 16,
    "decision": 16,
}


def upgrade() -> None:
    for name, length in _TEXTS.items():
        op.add_column("conflict", sa.Column(name, sa.String(length), nullable=False, server_default=""))
    op.add_column("conflict", sa.Column("size_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("conflict", sa.Column("slice_position", sa.Integer, nullable=True))
    # The digests had no key, and cannot be keyed without the patient: the next object of a study brings its own.
    op.execute("UPDATE study SET patient_digest = ''")
