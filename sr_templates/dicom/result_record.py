"""What a study gave as data in its report, so that a later study's node can compare; a digest ties it to its study."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from mome_core.visits import Visit

_DIGEST_LENGTH = 16


def result_record(study_instance_uid: str, visit: Visit) -> str:
    """Digest, a space, JSON; it holds no patient data, and no date."""
    content = json.dumps(replace(visit, date="").to_json(), sort_keys=True, separators=(",", ":"))
    return f"{_digest(study_instance_uid, content)} {content}"


def visit_of_record(study_instance_uid: str, record: str) -> Visit | None:
    """What a record says; None for one that was changed, is another study's, or is of another release's shape."""
    digest, _, content = record.partition(" ")
    if digest != _digest(study_instance_uid, content):
        return None
    try:
        return Visit.from_json(json.loads(content))
    except (KeyError, TypeError, ValueError):
        return None


def _digest(study_instance_uid: str, content: str) -> str:
    """It shows damage and a record of another study; whoever wants to forge one can."""
    return hashlib.sha256(f"{study_instance_uid} {content}".encode()).hexdigest()[:_DIGEST_LENGTH]
