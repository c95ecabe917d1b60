"""The worklist, page by page, for browser and API."""

from __future__ import annotations

from dataclasses import dataclass

from node.dashboard.site import Site
from node.states import StudyState
from node.storage.records import StudyRecord


@dataclass(frozen=True, slots=True)
class _WorklistPage:
    """Studies, newest first; `before` is the cursor of the page of older ones, empty at the end."""

    studies: list[StudyRecord]
    before: str


def worklist_page(site: Site, state: StudyState | None, before: str, limit: int) -> _WorklistPage:
    """Studies in a state (None: all), from a cursor on (empty or invalid: from the newest)."""
    states = [state] if state else ()
    found = site.overview.worklist(states, before=_position(before), limit=limit + 1)
    studies = found[:limit]
    return _WorklistPage(studies, _cursor(studies[-1]) if len(found) > limit else "")


def find_study(site: Site, sought: str) -> int:
    """The number of the study with this number or Study Instance UID; raises LookupError for an unknown UID."""
    if sought.isascii() and sought.isdigit() and len(sought) < 10:
        return int(sought)
    return site.overview.number_of(sought)


def _cursor(study: StudyRecord) -> str:
    return f"{study.last_received_at!r}-{study.id}"


def _position(cursor: str) -> tuple[float, int] | None:
    at, _, number = cursor.rpartition("-")
    try:
        return float(at), int(number)
    except ValueError:
        return None
