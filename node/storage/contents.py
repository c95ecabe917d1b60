"""What studies hold, as rows: each function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from sqlalchemy import Connection, func, insert, select, update

from node.content import Content, ContentPart, Known
from node.storage import schema

IMAGE_CLASSES = frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.4",  # MR Image
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image
        "1.2.840.10008.5.1.4.1.1.4.3",  # Enhanced MR Color Image
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image
    )
)
"""What can change an answer. Anything else is kept, but opens no new revision: a PACS that routes our own results back
to us would otherwise make us analyse without end, and a radiologist's report on them is feedback, not input."""
_COMPARED = 200
"""So many of the newest contents of a protocol are compared: slices differ from patient to patient."""


def content_of(db: Connection, study_id: int, sop_classes: Iterable[str]) -> Content | None:
    """What the study holds of these SOP classes; None when an image came before we noted what it is."""
    table = schema.instance.c
    part = (table.series_instance_uid, table.kind)
    images = (table.study_id == study_id, table.sop_class_uid.in_(sop_classes))
    query = select(*part, table.slice_position, func.count().label("images")).where(*images)
    rows = db.execute(query.group_by(*part, table.slice_position).order_by(*part)).all()
    if not rows or not all(row.kind for row in rows):
        return None
    grouped = groupby(rows, key=lambda row: (row.series_instance_uid, row.kind))
    return Content(
        tuple(
            sorted(
                _part_of(kind, [(row.slice_position, row.images) for row in slices]) for (_, kind), slices in grouped
            )
        )
    )


def _part_of(kind: str, images_at: Sequence[tuple[int | None, int]]) -> ContentPart:
    """One kind of one series from (position, images) of each slice; None: the images that lie nowhere."""
    placed = [images for position, images in images_at if position is not None]
    total = sum(images for _, images in images_at)
    return ContentPart(kind, total, len(placed), min(placed, default=0), max(placed, default=0))


def known_like(db: Connection, content: Content) -> list[Known]:
    """Contents of earlier complete studies that share a kind with this one, newest first."""
    table = schema.known_content.c
    alike = table.parts.contains(content.parts[0].kind, autoescape=True)
    query = select(table.parts, table.studies).where(alike, table.studies > 0)
    rows = db.execute(query.order_by(table.last_at.desc()).limit(_COMPARED))
    return [Known(Content.read(row.parts), row.studies) for row in rows]


def learn(db: Connection, content: Content, now: float) -> None:
    """One study more that held this when it was complete."""
    table = schema.known_content
    known = table.c.digest == content.digest
    more = {"studies": table.c.studies + 1, "last_at": now}
    if not db.execute(update(table).where(known).values(more)).rowcount:
        db.execute(insert(table).values(digest=content.digest, parts=content.text, studies=1, last_at=now))


def unlearn(db: Connection, digest: str) -> None:
    """One study fewer: it went on to hold more."""
    table = schema.known_content
    db.execute(update(table).where(table.c.digest == digest).values(studies=table.c.studies - 1))
