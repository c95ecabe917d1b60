"""Reasons have codes, audit entries have fields, and the listener says since when it listens.

What older versions wrote as sentences is read here for the last time. The digests of old entries stay as they are:
version 1 of an entry is chained without its fields.
"""

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CODES = (  # words of a reason -> its code; the first that fits
    ("analysis failed", "ANALYSIS_FAILED"),
    ("worker died", "WORKER_DIED"),
    ("were refused", "PEER_REFUSED"),
    ("changed on disk", "INTEGRITY_LOST"),
    ("cannot be read", "INTEGRITY_LOST"),
    ("two patients", "TWO_PATIENTS"),
    ("different content", "TWO_VERSIONS"),
    ("awaits commitment", "COMMITMENT_AWAITED"),
    ("no commitment to", "COMMITMENT_MISSING"),
    ("a new instance arrived", "NEW_INSTANCE"),
    ("requeued by the operator", "REQUEUED"),
)
REJECTIONS = {
    "calling AE title not recognised": "CALLING_UNKNOWN",
    "called AE title not recognised": "CALLED_UNKNOWN",
    "as many associations are open as may be": "ALL_SLOTS_TAKEN",
    "this AE title has as many associations open as one may have": "CALLER_HAS_TOO_MANY",
}
WORDS = {  # event -> how its words were put together
    "RECEIVED": r"(?P<count>\d+) instances from (?P<calling_ae_title>.*) at (?P<address>\S+)",
    "REJECTED": (
        r"(?P<why>.+?): (?P<calling_ae_title>.{1,16}?)(?: called (?P<called_ae_title>.{0,16}?))?"
        r" (?:at|from) (?P<address>\S+)(?: \((?P<left_out>\d+) alerts before it were not written\))?(?: \(.*)?"
    ),
    "FORGED_REPORT": r"(?P<calling_ae_title>.{1,16}?) at (?P<address>\S+)(?: \(.*)?",
    "SENT": r"(?P<count>\d+) objects to (?P<peer>.+)",
    "LOGGED_IN": r"(?P<person>.+) from (?P<address>[^\s,]+)(?:, first login)?",
    "LOGIN_REFUSED": r"(?:(?P<person>.+) )?from (?P<address>[^\s:]+|\S*:\S*)(?:: in no .*)?",
    "LOGGED_OUT": r"(?P<person>.+)",
    "OPERATED": r"(?P<person>.+): \S+",
    "DOWNLOADED": r"(?P<person>.+): \S+",
}
LEFT_OUT = re.compile(r"\((?P<left_out>\d+) alerts before it were not written\)")


def upgrade() -> None:
    for table in ("study", "conflict", "job", "audit"):
        op.add_column(table, sa.Column("reason_code", sa.String(length=32), nullable=False, server_default=""))
    for name in ("peer", "calling_ae_title", "called_ae_title", "address", "person"):
        op.add_column("audit", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name, default in (("count", "0"), ("version", "1")):
        op.add_column("audit", sa.Column(name, sa.Integer(), nullable=False, server_default=default))
    op.add_column("heartbeat", sa.Column("listening_since", sa.Float(), nullable=True))
    for table, column in (("study", "reason"), ("job", "reason"), ("conflict", "why")):
        code_reasons(table, column)
    fill_audit()


def code_reasons(name: str, column: str) -> None:
    """Each reason of a table gets its code; each sentence is looked at once."""
    table = sa.table(name, sa.column(column), sa.column("reason_code"))
    words, connection = table.c[column], op.get_bind()
    for (sentence,) in connection.execute(sa.select(words).where(words != "").distinct()).all():
        connection.execute(table.update().where(words == sentence).values(reason_code=code_of(sentence)))


def fill_audit() -> None:
    """Fields of the entries that are counted or shown by them."""
    names = ("id", "event", "detail", "peer", "calling_ae_title", "called_ae_title", "address", "person", "count")
    audit = sa.table("audit", *(sa.column(name) for name in (*names, "reason_code")))
    events = (*WORDS, "GAVE_UP", "CONFLICT", "FOUND_INELIGIBLE")
    query = sa.select(audit.c.id, audit.c.event, audit.c.detail).where(audit.c.event.in_(events)).order_by(audit.c.id)
    connection = op.get_bind()
    for number, event, detail in connection.execute(query).all():
        values = dict(fields_of(event, detail))
        if values:
            connection.execute(audit.update().where(audit.c.id == number).values(values))


def fields_of(event: str, detail: str) -> Iterator[tuple[str, Any]]:
    """(column, value) of what the words of an entry say."""
    if event not in WORDS:
        yield "reason_code", code_of(detail)
        return
    if event == "REJECTED":
        left_out = LEFT_OUT.search(detail)
        yield "count", 1 + int(left_out["left_out"] if left_out else 0)
    found = re.fullmatch(WORDS[event], detail)
    for name, text in (found.groupdict() if found else {}).items():
        if name == "why":
            yield "reason_code", REJECTIONS.get(text, "UNKNOWN")
        elif name == "count":
            yield "count", int(text)
        elif text and name != "left_out":
            yield name, text.strip()


def code_of(sentence: str) -> str:
    return next((code for words, code in CODES if words in sentence), "UNKNOWN")
