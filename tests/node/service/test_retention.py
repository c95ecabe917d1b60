"""Old studies go only when everything about them is done; previews go after a day."""

from __future__ import annotations

import os
from pathlib import Path

from node.service.retention import PREVIEW_SECONDS, delete_old_previews
from node.storage.archive import Archive


def test_previews_are_deleted_after_a_day(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for name in ("1-1", "2-1"):
        (archive.previews / name).mkdir(parents=True)
    os.utime(archive.previews / "1-1", (1.0, 1.0))
    os.utime(archive.previews / "2-1", (PREVIEW_SECONDS, PREVIEW_SECONDS))
    delete_old_previews(archive, PREVIEW_SECONDS + 2)
    assert [each.name for each in archive.previews.iterdir()] == ["2-1"]


def test_a_node_without_previews_has_none_to_delete(tmp_path: Path) -> None:
    delete_old_previews(Archive(tmp_path), 1e9)
