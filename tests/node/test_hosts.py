"""This host among others: its archive carries its number, and what lies elsewhere is said to lie there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kept_studies import keep
from node.errors import NotReady
from node.hosts import NotHere, archive_uuid, images_here, open_archive, part_of
from node.settings import Settings
from node.storage.ledger.ledger import Ledger

STUDY = "1.2.3"


def host(folder: Path, port: int, url: str = "") -> Settings:
    return Settings(dicom={"port": port}, storage={"root": folder}, database={"url": url})


@pytest.fixture
def two(ledger: Ledger, tmp_path: Path) -> tuple[Settings, Settings]:
    """Settings of two hosts with disks of their own and one key."""
    url = ledger.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    a, b = host(tmp_path / "a", 104, url), host(tmp_path / "b", 105, url)
    open_archive(a, ledger)
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "search.key", tmp_path / "b")
    return a, b


def test_the_one_host_on_sqlite_has_no_number(tmp_path: Path) -> None:
    settings = host(tmp_path / "root", 104)
    (tmp_path / "root").mkdir()
    archive = open_archive(settings, Ledger(settings.database_url))
    assert (archive.host_id, archive.uuid, archive_uuid(settings)) == (None, "", "")
    assert part_of(settings, "worker").archive == ""


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_what_another_host_keeps_is_not_called_damaged(ledger: Ledger, two: tuple[Settings, Settings]) -> None:
    a, b = two
    keep(a, 2)
    at_a, at_b = open_archive(a, ledger), open_archive(b, ledger)
    assert at_a.uuid != at_b.uuid == part_of(b, "worker").archive
    assert len(images_here(ledger, at_a, STUDY)) == 2
    with pytest.raises(NotHere, match=rf"the images of this study lie on {a.node_name} \(stopped\): ask there"):
        images_here(ledger, at_b, STUDY)


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_images_are_here_after_a_restore_without_the_uuid_of_the_root(
    ledger: Ledger, two: tuple[Settings, Settings]
) -> None:
    a, _ = two
    keep(a, 2)
    before = archive_uuid(a)
    (a.storage.root / "installation").unlink()
    restored = open_archive(a, ledger)
    assert restored.uuid != before and len(images_here(ledger, restored, STUDY)) == 2


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_a_node_whose_disk_is_not_mounted_does_not_start(
    ledger: Ledger, two: tuple[Settings, Settings], tmp_path: Path
) -> None:
    a, _ = two
    keep(a, 2)
    a.storage.root.rename(tmp_path / "not mounted")
    a.storage.root.mkdir()
    with pytest.raises(NotReady, match="mount or restore the folder that has them"):
        open_archive(a, ledger)


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_a_host_with_a_key_of_its_own_does_not_start(ledger: Ledger, two: tuple[Settings, Settings]) -> None:
    _, b = two
    (b.storage.root / "search.key").unlink()
    with pytest.raises(NotReady, match="tells patients apart by another key"):
        open_archive(b, ledger)
