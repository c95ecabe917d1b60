"""A site's settings: every mistake is named; passwords stay out of the file and of what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.compute import BACKENDS
from node.errors import SettingsError
from node.settings import Settings, load_settings


def written(folder: Path, text: str) -> Path:
    file = folder / "mome-node.toml"
    file.write_text(text)
    return file


def test_all_mistakes_are_named_at_once_with_the_nearest_valid_key(tmp_path: Path) -> None:
    text = '[dicom]\nprot = 3\nae_title = "much too long a title"\n[gahter]\n[[destinations]]\nname = "pacs"\n'
    with pytest.raises(SettingsError) as error:
        load_settings(written(tmp_path, text))
    lines = str(error.value).splitlines()
    assert all("mome-node.toml" in line for line in lines)
    for words in ("did you mean port?", "1 to 16", "did you mean gather?", "destinations.0.host"):
        assert any(words in line for line in lines), words


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "CPU", ""])
def test_a_device_that_is_none_is_refused(tmp_path: Path, device: str) -> None:
    with pytest.raises(SettingsError, match=r"model\.device: .*auto"):
        load_settings(written(tmp_path, f'[model]\ndevice = "{device}"\n'))


@pytest.mark.parametrize("device", ["auto", "cuda:1", *(each.kind for each in BACKENDS)])
def test_every_device_that_networks_run_on_is_taken(tmp_path: Path, device: str) -> None:
    assert load_settings(written(tmp_path, f'[model]\ndevice = "{device}"\n')).model.device == device


def test_a_key_of_an_earlier_release_names_the_one_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"model\.policy: replaced by model\.estimator"):
        load_settings(written(tmp_path, '[model]\npolicy = "paper"\n'))


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOME__DICOM__PORT", "104")
    assert load_settings(written(tmp_path, "[dicom]\nport = 11112\n")).dicom.port == 104


def test_two_destinations_cannot_share_a_name(tmp_path: Path) -> None:
    one = '[[destinations]]\nname = "pacs"\nae_title = "A"\nhost = "h"\nport = 1\n'
    with pytest.raises(SettingsError, match="share the name pacs"):
        load_settings(written(tmp_path, one + one))


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not TOML"):
        load_settings(written(tmp_path, "[dicom\n"))


def test_a_password_comes_from_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret/@\n")
    text = f'[database]\nurl = "postgresql://mome@db/ledger"\npassword_file = "{file}"\n'
    settings = load_settings(written(tmp_path, text))
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        _ = settings.database_url
    file.chmod(0o600)
    assert settings.database_url == "postgresql://mome:s3cret%2F%40@db/ledger"


def test_settings_are_shown_without_the_password() -> None:
    settings = Settings(database={"url": "postgresql://mome:s3cret@db/ledger"})
    assert settings.database_url == "postgresql://mome:s3cret@db/ledger"
    assert settings.without_secrets().database.url == "postgresql://mome:***@db/ledger"


def test_alerts_need_no_dashboard(tmp_path: Path) -> None:
    text = '[dashboard]\nenabled = false\n[alerts]\nwebhook = "https://chat.example/x"\n'
    assert load_settings(written(tmp_path, text)).alerts.webhook == "https://chat.example/x"


def test_an_ae_title_has_an_estimator_only_with_models_of_its_own() -> None:
    entities = ({"ae_title": "OWN", "models": ("demo",), "estimator": "published"}, {"ae_title": "PLAIN"})
    settings = Settings(model={"estimator": "full-group"}, ae_titles=entities)
    found = [settings.estimator_of(called) for called in ("OWN", "PLAIN", "MOMENODE", "")]
    assert found == ["published", "full-group", "full-group", "full-group"]
