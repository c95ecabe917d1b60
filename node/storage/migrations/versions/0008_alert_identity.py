"""An alert is identified by node, id and subject; until now by one sentence, which is read here for the last time."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

IDS = (  # how a name began -> the id of the alert; the rest is its subject
    ("dead analyze", "analyses-failed"),
    ("dead deliver", "deliveries-failed"),
    ("down", "destination-down"),
    ("disk", "disk-low"),
    ("silent", "caller-silent"),
    ("process", "process-silent"),
    ("self-test", "self-test-failed"),
)


def upgrade() -> None:
    opened = op.get_bind().execute(sa.text("SELECT name, raised_at, told_at, words FROM alert")).all()
    op.drop_table("alert")
    table = op.create_table(
        "alert",
        sa.Column("node", sa.String(length=128), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("raised_at", sa.Float(), nullable=False),
        sa.Column("sent_at", sa.Float(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "id", "subject", name=op.f("pk_alert")),
    )
    rows = [identity(name) | {"raised_at": at, "sent_at": sent, "message": text} for name, at, sent, text in opened]
    if rows:
        op.bulk_insert(table, rows)


def identity(name: str) -> dict[str, str]:
    """Node, id and subject of an alert that was called `NODE: WHAT SUBJECT`."""
    node, _, rest = name.partition(": ")
    beginning, number = next((each for each in IDS if rest.startswith(each[0])), ("", "unknown"))
    return {"node": node, "id": number, "subject": rest.removeprefix(beginning).strip()}
