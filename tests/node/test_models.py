"""Which model answers: decisions that lie on each other, bundles that are kept whole, and what their answers show."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load, save

from mome_core.errors import CheckpointRefused
from mome_core.model.bundle_files import manifest_digest
from node.backup import back_up, restore
from node.errors import NotReady, SettingsError
from node.model_trust import require_bundles
from node.models import (
    Registry,
    bundle_in_use,
    find_bundle,
    manifest_of,
    registry_of,
    require_answering_together,
)
from node.settings import Settings
from node.storage.archive import Archive
from node.storage.decisions import Act, ModelDecisions
from node.storage.ledger.ledger import Ledger
from second_bundle import second_bundle

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(storage={"root": tmp_path / "root"})


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


def test_the_settings_must_name_bundles_that_are_there(settings: Settings) -> None:
    require_bundles(settings)
    model = {"path": "nothere", "further": ("demo", "nor this")}
    wrong = Settings(storage=settings.storage, model=model, ae_titles=({"ae_title": "A", "models": ("lost",)},))
    with pytest.raises(SettingsError) as error:
        require_bundles(wrong)
    keys = [line.split(": ")[0] for line in str(error.value).splitlines()]
    assert keys == ["model.path", "model.further", "ae_titles.0.models"]
    assert "shipped models: demo" in str(error.value)


def test_bundles_of_one_ae_title_answer_different_questions(settings: Settings) -> None:
    Archive(settings.storage.root)
    decisions = ModelDecisions(Ledger(settings.database_url).engine)
    require_answering_together(settings, decisions)
    twice = Settings(storage=settings.storage, ae_titles=({"ae_title": "A", "models": ("demo", "demo")},))
    with pytest.raises(SettingsError, match="both answer malignancy"):
        require_answering_together(twice, decisions)


def test_a_damaged_bundle_is_not_kept(settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(find_bundle("demo"), tmp_path / "torn")
    with (tmp_path / "torn" / "model.safetensors").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(CheckpointRefused, match="SHA-256 differs"):
        Registry(settings.storage.root).add(tmp_path / "torn")
    assert Registry(settings.storage.root).digests() == []


def test_a_forged_bundle_in_the_place_of_a_promoted_one_does_not_answer(settings: Settings) -> None:
    """Negated weights with all digests made anew: whole by itself, and not what was promoted."""
    registry = Registry(settings.storage.root)
    kept = registry.bundle(registry.add(find_bundle("demo")))
    tensors = load((kept / "model.safetensors").read_bytes())
    forged = save({name: -tensor for name, tensor in tensors.items()})
    manifest = json.loads((kept / "manifest.json").read_text("utf-8"))
    manifest["weights"]["sha256"] = hashlib.sha256(forged).hexdigest()
    manifest["manifest_sha256"] = manifest_digest(manifest)
    (kept / "model.safetensors").write_bytes(forged)
    (kept / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert manifest_of(kept).digest != kept.name
    with pytest.raises(NotReady, match="another bundle lies in"):
        registry.bundle(kept.name)


def test_a_link_in_a_bundle_is_not_followed_and_other_files_are_not_kept(settings: Settings, tmp_path: Path) -> None:
    bundle, secret = tmp_path / "bundle", tmp_path / "secret"
    shutil.copytree(find_bundle("demo"), bundle)
    secret.write_text("secret")
    (bundle / "notes").symlink_to(secret)
    registry = Registry(settings.storage.root)
    kept = registry.bundle(registry.add(bundle))
    assert sorted(each.name for each in kept.iterdir()) == ["MODEL_CARD.md", "manifest.json", "model.safetensors"]
    shutil.rmtree(kept)
    (bundle / "MODEL_CARD.md").unlink()
    (bundle / "MODEL_CARD.md").symlink_to(secret)
    with pytest.raises(CheckpointRefused, match="is a link"):
        registry.add(bundle)


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


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_what_is_promoted_on_one_host_answers_on_the_other(ledger: Ledger, tmp_path: Path) -> None:
    url = ledger.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    a, b = (Settings(storage={"root": tmp_path / name}, database={"url": url}) for name in ("a", "b"))
    book, ours = ModelDecisions(ledger.engine), second_bundle(tmp_path / "ours")
    digest = registry_of(a, book).add(ours)
    book.decide(Act.PROMOTED, digest, "anna", {"before": digest}, 1.0)
    answering = bundle_in_use(b, book)
    assert answering == tmp_path / "b" / "models" / digest
    assert {each.name: each.read_bytes() for each in answering.iterdir()} == {
        each.name: each.read_bytes() for each in (tmp_path / "a" / "models" / digest).iterdir()
    }
    assert Registry(b.storage.root).digests() == [digest], "nothing half fetched is left"


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_what_an_older_version_promoted_is_shared_by_the_host_that_has_it(ledger: Ledger, tmp_path: Path) -> None:
    url = ledger.engine.url.render_as_string(hide_password=False).replace("postgresql+psycopg", "postgresql")
    a, b = (Settings(storage={"root": tmp_path / name}, database={"url": url}) for name in ("a", "b"))
    book, digest = ModelDecisions(ledger.engine), Registry(a.storage.root).add(find_bundle("demo"))
    book.decide(Act.PROMOTED, digest, "anna", {"before": digest}, 1.0)
    with pytest.raises(NotReady, match="restore that folder"):
        bundle_in_use(b, book)
    bundle_in_use(a, book)
    assert bundle_in_use(b, book).is_dir()
