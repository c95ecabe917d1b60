"""What each section refuses, and what it derives from its keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from mome_core.case import Role
from node.dicom_settings import DicomSettings
from node.errors import SettingsError
from node.settings import Settings, load_settings
from node.settings_sections import DashboardSettings, Destination, GatherSettings, SeriesSettings


def written(folder: Path, text: str) -> Path:
    file = folder / "mome-node.toml"
    file.write_text(text)
    return file


ANY = "0.0.0.0"  # noqa: S104 - a setting, not bound
PACS = '[[destinations]]\nname = "pacs"\nae_title = "A"\nhost = "h"\nport = 1\n'


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[dicom]\nassociations = 0", "dicom.associations: Input should be greater than or equal to 1"),
        ("[dicom]\nassociations_per_caller = 0", "dicom.associations_per_caller: Input should be greater than"),
        ('[dicom]\ncertificate = "a.pem"', "certificate and key belong together"),
        ('[dicom]\nclient_certificates = "always"', "should be 'none', 'optional' or 'required'"),
        ('[dicom]\nclient_certificates = "required"', "only with certificate, key and authorities"),
        (PACS + 'authorities = "ca.pem"', "mean something only with tls = true"),
        (PACS + "tls = true\ncheck_name = false", "check_name = false needs authorities"),
        (PACS + 'tls = true\nkey = "a.key"', "certificate and key belong together"),
    ],
)
def test_limits_and_tls_name_their_rule(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=rule.replace(".", r"\.")):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize("title", ["", " ", "a\\b", "tab\there", "ä", "x" * 17])
def test_a_value_that_is_no_ae_title_is_refused(title: str) -> None:
    with pytest.raises(ValueError, match="AE title"):
        Destination(name="a", ae_title=title, host="h", port=1)


@pytest.mark.parametrize(("host", "here"), [(ANY, "127.0.0.1"), ("::", "127.0.0.1"), ("10.0.0.5", "10.0.0.5")])
def test_this_machine_reaches_a_listener_on_all_addresses_by_loopback(host: str, here: str) -> None:
    assert DicomSettings(host=host).address_from_here == here


def test_a_study_waits_longer_while_images_are_missing_and_never_beyond_the_deadline() -> None:
    gather = GatherSettings(quiet_seconds=60, patience=3, deadline_seconds=600)
    assert gather.complete_at(0.0, 100.0, missing=0) == 160.0
    assert gather.complete_at(0.0, 100.0, missing=7) == 280.0
    assert gather.complete_at(0.0, 590.0, missing=7) == 600.0


@pytest.mark.parametrize(
    ("section", "allowed"),
    [
        ({"host": "127.0.0.1"}, True),
        ({"host": "localhost"}, True),
        ({"host": ANY}, False),
        ({"host": ANY, "enabled": False}, True),
        ({"host": ANY, "certificate": "a.pem", "key": "a.key"}, True),
        ({"host": ANY, "proxies": ("10.0.0.1",)}, True),
    ],
)
def test_the_dashboard_leaves_the_machine_only_over_tls(section: dict[str, object], allowed: bool) -> None:
    if allowed:
        assert DashboardSettings(**section).session_seconds == 36_000  # type: ignore[arg-type]
    else:
        with pytest.raises(ValueError, match="can be reached from the network"):
            DashboardSettings(**section)  # type: ignore[arg-type]


def test_a_role_that_does_not_exist_is_named() -> None:
    (rule,) = SeriesSettings(rules={"*dyn*": "DCE_MULTI"}).role_rules()
    assert (rule.pattern, rule.role) == ("*dyn*", Role.DCE_MULTI)
    with pytest.raises(SettingsError, match="NO_ROLE"):
        SeriesSettings(rules={"*dyn*": "NO_ROLE"}).role_rules()


def test_a_bearer_token_comes_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    file.chmod(0o600)
    pacs = Settings(destinations=({"name": "p", "ae_title": "P", "host": "h", "port": 1, "web_token_file": str(file)},))
    assert pacs.destinations[0].web_token == file.read_text().strip()
