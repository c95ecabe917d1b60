"""Which model answers: decisions that lie on each other, bundles that are kept whole, and what their answers show."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kept_studies import STUDY, delivered, keep
from mome_core.errors import CheckpointRefused
from node.backup import back_up, restore
from node.errors import NotReady
from node.models import Registry, bundle_in_use, find_bundle, manifest_of
from node.service.retention import DAY_SECONDS, delete_old_studies
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.decisions import Act, ModelDecisions, lock_of, promoted, shadow_of
from node.storage.ledger.ledger import Ledger

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path / "root"})


def test_promotions_lie_on_each_other_and_a_rollback_takes_one_off(ledger: Ledger) -> None:
    book = ModelDecisions(ledger.engine)
    assert promoted(book.decisions()) == []
    book.decide(Act.PROMOTED, B, "anna", {"before": A}, 1.0)
    book.decide(Act.PROMOTED, C, "anna", {"before": B}, 2.0)
    assert promoted(book.decisions()) == [A, B, C]
    book.decide(Act.ROLLED_BACK, B, "otto", {}, 3.0)
    assert promoted(book.decisions()) == [A, B]
    book.decide(Act.PROMOTED, C, "otto", {"before": B}, 4.0)
    assert promoted(book.decisions()) == [A, B, C]
    assert [each.detail for each, _ in ledger.audit.entries()][:1] == [f"anna: promoted {B[:12]}"]
    assert ledger.audit.verify() == 4


def test_the_newest_lock_and_shadow_count(ledger: Ledger) -> None:
    book = ModelDecisions(ledger.engine)
    book.decide(Act.LOCKED, A, "anna", {"cases": 1}, 1.0)
    book.decide(Act.LOCKED, B, "anna", {"cases": 2}, 2.0)
    book.decide(Act.SHADOWED, C, "anna", {}, 3.0)
    locked, shadow = lock_of(book.decisions()), shadow_of(book.decisions())
    assert locked is not None and locked.evidence == {"cases": 2}
    assert shadow is not None and shadow.digest == C
    book.decide(Act.UNSHADOWED, C, "anna", {}, 4.0)
    assert shadow_of(book.decisions()) is None


def test_a_promoted_bundle_answers_and_a_lost_one_is_named(settings: Settings) -> None:
    Archive(settings.storage.root)
    book, registry = ModelDecisions(Ledger(settings.database_url).engine), Registry(settings.storage.root)
    assert bundle_in_use(settings, book) == find_bundle("demo")
    digest = registry.add(find_bundle("demo"))
    assert registry.add(find_bundle("demo")) == digest == manifest_of(find_bundle("demo")).digest
    book.decide(Act.PROMOTED, digest, "anna", {"before": digest}, 1.0)
    assert bundle_in_use(settings, book) == registry.bundle(digest) == registry.find(digest[:8])
    assert registry.with_weights(manifest_of(find_bundle("demo")).weights_sha256) == registry.bundle(digest)
    shutil.rmtree(registry.bundle(digest))
    with pytest.raises(NotReady, match="restore that folder from the backup"):
        bundle_in_use(settings, book)


def test_a_damaged_bundle_is_not_kept(settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(find_bundle("demo"), tmp_path / "torn")
    with (tmp_path / "torn" / "model.safetensors").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(CheckpointRefused, match="SHA-256 differs"):
        Registry(settings.storage.root).add(tmp_path / "torn")
    assert Registry(settings.storage.root).digests() == []


def test_models_are_in_the_backup(settings: Settings, tmp_path: Path) -> None:
    Archive(settings.storage.root)
    Ledger(settings.database_url)
    digest = Registry(settings.storage.root).add(find_bundle("demo"))
    assert back_up(settings, tmp_path / "backup") == (3, 3)
    elsewhere = Settings(storage={"root": tmp_path / "elsewhere"})
    restore(tmp_path / "backup", elsewhere)
    assert Registry(elsewhere.storage.root).with_weights(manifest_of(find_bundle("demo")).weights_sha256) == Registry(
        elsewhere.storage.root
    ).bundle(digest)


def test_a_shadow_sees_each_analysis_once_and_goes_with_the_study(settings: Settings) -> None:
    ledger, archive = keep(settings, 1), Archive(settings.storage.root)
    delivered(settings, ledger)
    book = ModelDecisions(ledger.engine)
    due = book.unshadowed(A, 0.0)
    assert due is not None and due.study_instance_uid == STUDY
    assert book.unshadowed(A, 1e9) is None
    book.shadowed(due.analysis_id, A, {"malignancy": 0.5}, "", 300.0)
    assert book.unshadowed(A, 0.0) is None
    assert book.unshadowed(B, 0.0) == due
    assert [each.probabilities for each in book.shadow_answers(A)] == [{"malignancy": 0.5}]
    keeping = settings.model_copy(update={"retention": settings.retention.model_copy(update={"days": 1.0})})
    assert delete_old_studies(keeping.retention, ledger, archive, 200 + 8 * DAY_SECONDS) == 1
    assert book.shadow_answers(A) == []
