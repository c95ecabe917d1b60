"""The schema of PS3.15 A.5.1.1: whether a text is an audit message."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree


@cache
def _schema() -> etree.RelaxNG:
    return etree.RelaxNG.from_rnc_string((Path(__file__).parent / "audit_message.rnc").read_text("utf-8"))


def faults_of(text: str) -> list[str]:
    """What the schema finds wrong with this text; nothing for an audit message."""
    schema = _schema()
    document = etree.fromstring(text.encode())
    return [] if schema.validate(document) else [str(each) for each in schema.error_log]
