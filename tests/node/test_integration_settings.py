"""What the sections around the PACS refuse: half a TLS, half a login, patients in clear text, one name twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import SettingsError
from node.settings import Settings, load_settings

HL7 = '[[hl7]]\nname = "ris"\nhost = "h"\nport = 1\n'
FHIR = '[[fhir]]\nname = "ehr"\nurl = "https://h/fhir"\n'
PACS = '[[destinations]]\nname = "ris"\nae_title = "A"\nhost = "h"\nport = 1\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "mome-node.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (HL7 + 'authorities = "ca.pem"', "mean something only with tls = true"),
        (HL7 + 'tls = true\nkey = "a.key"', "certificate and key belong together"),
        (HL7 + 'version = "2.3"', "hl7.0.version"),
        (HL7 + PACS, "share the name ris"),
        (FHIR + 'client_id = "x"', "token_url, client_id and client_secret_file belong together"),
        (FHIR + 'token_url = "http://h/token"', "clear text"),
        (FHIR.replace("https", "http"), "clear text"),
        (FHIR + "relase = 1", "did you mean release"),
        ("[audit_repository]\ncheck_name = false", "check_name = false needs authorities"),
    ],
)
def test_a_mistake_names_its_rule(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=rule.replace(".", r"\.")):
        load_settings(written(tmp_path, text))


def test_by_default_there_is_nobody_around_the_pacs() -> None:
    settings = Settings()
    assert settings.result_receivers == ()
    assert not settings.audit_repository.enabled


def test_all_that_results_go_to_have_a_name_of_their_own(tmp_path: Path) -> None:
    text = PACS.replace("ris", "pacs") + HL7 + FHIR
    assert load_settings(written(tmp_path, text)).result_receivers == ("pacs", "ris", "ehr")
