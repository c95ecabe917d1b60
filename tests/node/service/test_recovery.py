"""What is kept can be rescued, copied and, when it is done, deleted."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from dicom_io.encoding.part10 import examine
from kept_studies import STUDY, delivered, keep
from mome_core.errors import Ineligibility
from node.audit import AuditEvent
from node.backup import back_up, restore
from node.cli.main import main
from node.entity_settings import ApplicationEntity
from node.errors import NotReady
from node.jobs import JobKind
from node.reasons import Reason
from node.service.recovery import recover
from node.service.retention import DAY_SECONDS, delete_old_studies, purge_study
from node.settings import Settings
from node.settings_file import settings_toml
from node.states import StudyState
from node.storage.archive import Archive, IntegrityLost
from node.storage.audit_heads import AuditHeads
from node.storage.holds import HoldKind
from node.storage.ledger.ledger import Ledger
from node.storage.ledger.retention import OldStudies
from node.storage.records import AnalysisRecord, StoreOutcome
from node.storage.worklist import Worklist
from node.summary import AnalysisSummary


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path / "root"})


def files(settings: Settings) -> list[Path]:
    return [path for path in settings.storage.root.rglob("*.dcm") if path.is_file()]


def test_a_lost_ledger_is_rebuilt_from_the_files(settings: Settings) -> None:
    before = set(keep(settings, 3).reading.instances())
    (settings.storage.root / "ledger.db").unlink()
    found = recover(settings, 500.0)
    assert (found.adopted, found.known, found.unusable, found.damaged_ledger, found.paused) == (3, 0, (), None, False)
    ledger = Ledger(settings.database_url)
    assert set(ledger.reading.instances()) == before
    assert ledger.reading.study(STUDY).study.state is StudyState.RECEIVING


def test_where_ae_titles_differ_a_recovered_node_begins_nothing_by_itself(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(settings, 1).engine.dispose()
    (settings.storage.root / "ledger.db").unlink()
    several = settings.model_copy(update={"ae_titles": (ApplicationEntity(ae_title="MOMESTAT"),)})
    config = tmp_path / "node.toml"
    config.write_text(settings_toml(several))
    with pytest.raises(SystemExit):
        main(["recover", "--config", str(config)])
    assert "queue resume" in capsys.readouterr().out
    hold = Ledger(settings.database_url).holds.of_node(several.node_name)
    assert hold is not None and (hold.kind, hold.by) == (HoldKind.PAUSE, "recover")
    assert not recover(several, 600.0).paused, "nothing was adopted: nothing is held back anew"


def test_a_damaged_ledger_is_put_aside_and_begun_anew(settings: Settings) -> None:
    ledger = keep(settings, 2)
    AuditHeads(settings.storage.root).note(ledger.audit, 300.0)
    ledger.engine.dispose()
    file = settings.storage.root / "ledger.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xff" * 4096
    file.write_bytes(content)
    found = recover(settings, 500.0)
    assert found.adopted == 2
    assert found.damaged_ledger is not None
    assert found.damaged_ledger.read_bytes() == bytes(content)
    assert AuditHeads(settings.storage.root).noted() == ()


def test_recovering_a_sound_ledger_changes_nothing_but_adopts_orphans(settings: Settings) -> None:
    keep(settings, 2)
    orphan = keep(settings, 1)
    with orphan.engine.begin() as db:
        db.exec_driver_sql("DELETE FROM instance WHERE id = 3")
    found = recover(settings, 500.0)
    assert (found.adopted, found.known) == (1, 2)
    assert "RECOVERED" in [entry.event for entry, _ in Ledger(settings.database_url).audit.entries()]


def test_files_that_are_torn_or_changed_are_named_and_not_adopted(settings: Settings) -> None:
    keep(settings, 3)
    torn, changed, _ = sorted(files(settings))
    os.truncate(torn, torn.stat().st_size - 10)
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    (settings.storage.root / "ledger.db").unlink()
    found = recover(settings, 500.0)
    assert found.adopted == 1
    assert set(found.unusable) == {torn, changed}


def test_a_backup_restores_on_another_host(settings: Settings, tmp_path: Path) -> None:
    ledger = keep(settings, 3)
    delivered(settings, ledger)
    assert back_up(settings, tmp_path / "backup") == (4, 4)
    assert back_up(settings, tmp_path / "backup") == (0, 4)
    elsewhere = Settings(storage={"root": tmp_path / "elsewhere"})
    assert restore(tmp_path / "backup", elsewhere) == 3
    restored = Ledger(elsewhere.database_url)
    assert restored.reading.study(STUDY).study.state is StudyState.DELIVERED
    assert restored.audit.verify() == ledger.audit.verify()


def test_a_backup_whose_images_have_changed_is_not_restored_silently(settings: Settings, tmp_path: Path) -> None:
    keep(settings, 1)
    back_up(settings, tmp_path / "backup")
    (copy,) = (tmp_path / "backup").rglob("*.dcm")
    copy.unlink()
    copy.write_bytes(b"something else")
    with pytest.raises(IntegrityLost):
        restore(tmp_path / "backup", Settings(storage={"root": tmp_path / "elsewhere"}))


def test_restoring_over_something_is_refused(settings: Settings, tmp_path: Path) -> None:
    keep(settings, 1)
    back_up(settings, tmp_path / "backup")
    with pytest.raises(NotReady, match="not empty"):
        restore(tmp_path / "backup", settings)


def test_a_delivered_study_is_deleted_when_it_is_old(settings: Settings) -> None:
    ledger, archive = keep(settings, 3), Archive(settings.storage.root)
    delivered(settings, ledger)
    keeping = settings.model_copy(update={"retention": settings.retention.model_copy(update={"days": 7.0})})
    assert delete_old_studies(keeping.retention, ledger, archive, 200 + 6 * DAY_SECONDS) == 0
    assert delete_old_studies(settings.retention, ledger, archive, 200 + 8 * DAY_SECONDS) == 0
    assert delete_old_studies(keeping.retention, ledger, archive, 200 + 8 * DAY_SECONDS) == 1
    assert files(settings) == []
    assert Worklist(ledger.engine).rows() == []
    assert AuditEvent.DELETED in [entry.event for entry, _ in ledger.audit.entries()]
    assert ledger.audit.verify().entries > 3


def test_a_study_is_purged_whatever_its_state_and_the_audit_trail_says_by_whom(settings: Settings) -> None:
    ledger, archive = keep(settings, 3), Archive(settings.storage.root)
    kept_elsewhere = keep(settings, 1, "1.2.4")
    preview = archive.previews / "1-1"
    preview.mkdir(parents=True)
    assert purge_study(settings, STUDY, "anna", 300.0) == (1, 3)
    assert len(files(settings)) == 1 and not preview.exists()
    assert [row.study.study_instance_uid for row in Worklist(kept_elsewhere.engine).rows()] == ["1.2.4"]
    (entry,) = (entry for entry, _ in ledger.audit.entries() if entry.event is AuditEvent.DELETED)
    assert (entry.fields.person, entry.study_id) == ("anna", 1)
    assert ledger.audit.verify().entries == len(list(ledger.audit.entries()))
    with pytest.raises(LookupError):
        purge_study(settings, STUDY, "anna", 301.0)
    keep(settings, 1)  # sent again, it is a new study
    assert len(files(settings)) == 2


def test_a_file_that_came_again_while_its_study_was_deleted_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = keep(settings, 1)
    (file,) = files(settings)
    gone = ledger.retention.purge

    def purged_and_sent_again(*arguments: object) -> list[str]:
        paths = gone(*arguments)  # type: ignore[arg-type]
        instance = Archive(settings.storage.root).described([examine(file)])
        assert ledger.receiving.instances_stored(instance, 301.0) == [StoreOutcome.STORED]
        return [*paths, "instances/orphan.dcm"]

    monkeypatch.setattr(OldStudies, "purge", lambda _, *arguments: purged_and_sent_again(*arguments))
    orphan = settings.storage.root / "instances" / "orphan.dcm"
    orphan.write_bytes(b"of no row")
    purge_study(settings, STUDY, "anna", 300.0)
    assert file.exists() and not orphan.exists()


def test_a_study_that_is_being_analysed_is_not_purged(settings: Settings) -> None:
    ledger = keep(settings, 1)
    ledger.gathering.settle(150, 160)
    assert ledger.jobs.claim(JobKind.ANALYZE, 170, 60)
    with pytest.raises(NotReady, match="mome-node queue cancel 1"):
        purge_study(settings, STUDY, "anna", 171.0)
    assert len(files(settings)) == 1


def test_a_study_that_is_not_delivered_is_never_deleted(settings: Settings) -> None:
    ledger, archive = keep(settings, 1), Archive(settings.storage.root)
    keeping = settings.model_copy(update={"retention": settings.retention.model_copy(update={"days": 1.0})})
    assert delete_old_studies(keeping.retention, ledger, archive, 1e9) == 0
    ledger.gathering.settle(150, 160)
    job = ledger.jobs.claim(JobKind.ANALYZE, 170, 60)
    assert job is not None
    ledger.jobs.ineligible(
        job, Reason(Ineligibility.NO_DYNAMIC, "no DCE"), AnalysisRecord((), AnalysisSummary(), ("pacs",)), 180
    )
    objects = archive.keep_results(STUDY, 1, [("report", "1.2", "9.1", "9", b"a report")])
    ledger.operator.withdrawn(STUDY, objects[0], ["pacs"], 190)
    assert delete_old_studies(keeping.retention, ledger, archive, 1e9) == 0
    assert len(files(settings)) == 2
