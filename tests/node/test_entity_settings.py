"""Several AE titles on one node, and what is more urgent: read from the settings; a mistake is named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.entity_settings import ApplicationEntity, PriorityRule, priority_by
from node.errors import SettingsError
from node.jobs import Priority
from node.settings import Settings, load_settings
from node.settings_file import settings_toml

TWO_PLACES = """
[[destinations]]
name = "pacs"
ae_title = "PACS"
host = "10.0.0.5"
port = 104
[[hl7]]
name = "ris"
host = "127.0.0.1"
port = 2575
"""
STAT = PriorityRule(priority=Priority.STAT, study_description="*notfall*")
SCANNER = PriorityRule(priority=Priority.HIGH, calling_ae_title="mr_er*")


def read(folder: Path, text: str) -> Settings:
    file = folder / "mome-node.toml"
    file.write_text(text)
    return load_settings(file)


def test_what_an_ae_title_leaves_open_is_as_for_the_whole_node(tmp_path: Path) -> None:
    text = TWO_PLACES + '[[ae_titles]]\nae_title = "MOMESTAT"\npriority = "STAT"\n'
    settings = read(tmp_path, text + '[[ae_titles]]\nae_title = "MOMERES"\ndestinations = ["ris"]\n')
    assert settings.receivers_of("MOMESTAT") == settings.receivers_of("MOMENODE") == ("pacs", "ris")
    assert settings.receivers_of("MOMERES") == ("ris",)
    assert settings.results_of("MOMESTAT") == settings.results
    assert settings.entity_called("MOMENODE") is None


def test_an_ae_title_has_its_own_results(tmp_path: Path) -> None:
    text = '[[ae_titles]]\nae_title = "MOMERES"\nresults = { kinds = ["report"] }\n'
    settings = read(tmp_path, text)
    assert settings.results_of("MOMERES").kinds == ("report",)
    assert settings.results_of("MOMENODE").kinds == ()
    assert read(tmp_path, settings_toml(settings)) == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('ae_title = "MOMENODE"', "ae_titles.0.ae_title: MOMENODE is there already"),
        ('ae_title = "A"\n[[ae_titles]]\nae_title = "A"', "ae_titles.1.ae_title: A is there already"),
        ('ae_title = "A"\ndestinations = ["paks"]', "ae_titles.0.destinations: no paks; results can go to: pacs, ris"),
        ('ae_title = "A"\npriority = "URGENT"', "ae_titles.0.priority: Input should be 'STAT', 'HIGH'"),
        ('ae_title = "A"\nestimator = "one"', "estimator means something only with models"),
        ('ae_title = "A"\nmodel = "demo"', "ae_titles.0.model: unknown key; did you mean models?"),
        ('ae_title = "A"\n[[priorities]]\npriority = "STAT"', "priorities.0: needs calling_ae_title or study_desc"),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        read(tmp_path, f"{TWO_PLACES}[[ae_titles]]\n{text}\n")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("sender", "description", "priority"),
    [
        ("MR1", "MR Mamma NOTFALL bds.", Priority.STAT),
        ("MR_ER2", "MR Mamma", Priority.HIGH),
        ("MR_ER2", "Notfall", Priority.STAT),
        ("MR1", "MR Mamma", Priority.LOW),
    ],
)
def test_the_first_rule_that_fits_decides_else_the_ae_title(sender: str, description: str, priority: Priority) -> None:
    entity = ApplicationEntity(ae_title="MOMERES", priority=Priority.LOW)
    assert priority_by([STAT, SCANNER], entity, sender, description)[0] is priority


def test_a_rule_with_two_patterns_needs_both() -> None:
    both = PriorityRule(priority=Priority.STAT, calling_ae_title="MR1", study_description="*stat*")
    assert both.fits("MR1", "breast STAT")
    assert not both.fits("MR2", "breast STAT")
    assert priority_by([both], None, "MR2", "breast STAT") == (Priority.ROUTINE, "")
