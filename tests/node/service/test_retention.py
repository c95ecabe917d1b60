"""Old studies go only when everything about them is done; previews go after a day."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger_studies import STUDY
from node.hosts import open_archive
from node.service.retention import PREVIEW_SECONDS, delete_old_previews, delete_old_studies
from node.settings import Settings
from node.settings_sections import RetentionSettings
from node.storage.archive import Archive
from node.storage.hosts import Hosts
from node.storage.ledger.ledger import Ledger
from two_hosts import AT_B, B, receive


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


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # on SQLite there is one host
def test_a_host_removes_what_was_purged_elsewhere_though_it_came_to_another_host_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    url = ledger.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    archive = open_archive(Settings(storage={"root": tmp_path}, database={"url": url}), ledger)
    other = Hosts(ledger.engine).register(B, "b", AT_B.archive, "/srv", archive.key.fingerprint)
    (tmp_path / "image1").touch()
    receive(ledger, archive.host_id, 1)
    ledger.retention.purge(STUDY, "anna", 300.0, archive=AT_B.archive)
    receive(ledger, other, 1, now=400.0)
    assert delete_old_studies(RetentionSettings(), ledger, archive, 500.0) == 0
    assert not (tmp_path / "image1").exists()
    assert ledger.retention.named(["image1"], AT_B.archive) == {"image1"}
