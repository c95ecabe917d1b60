"""Named places at which a test may kill the process: `MOME_CRASHPOINT=name[:n]` ends it at the n-th visit."""

from __future__ import annotations

import os

NAMES = (
    "store.tmp_written",
    "store.synced",
    "store.renamed",
    "store.row_committed",
    "store.before_response",
    "gather.marked",
    "claim.committed",
    "infer.started",
    "infer.done",
    "result.file_synced",
    "result.row_committed",
    "deliver.before_send",
    "deliver.after_status",
    "deliver.recorded",
    "commit.requested",
    "commit.recorded",
)
"""On the way of every study."""
_AROUND = ("audit.sent", "message.before_send", "message.sent", "workitem.noted", "workitem.claimed", "workitem.ended")
"""Towards the systems around a PACS, where the settings name some."""
CHOSEN, _, VISITS = os.environ.get("MOME_CRASHPOINT", "").partition(":")
_visits_left = int(VISITS or 1)

if CHOSEN and CHOSEN not in (*NAMES, *_AROUND):
    raise ValueError(f"MOME_CRASHPOINT must be one of {', '.join((*NAMES, *_AROUND))}")


def crash_point(name: str) -> None:
    """End the process at once, as kill -9 would, if this is the chosen place; otherwise nothing."""
    if name == CHOSEN:
        global _visits_left  # noqa: PLW0603 - the one counter of a process that is about to die
        _visits_left -= 1
        if _visits_left <= 0:
            os._exit(137)
