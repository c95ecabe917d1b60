"""Settings files are written as they are read; the example and the documentation show every key."""

from __future__ import annotations

from pathlib import Path

from node.settings import Settings, load_settings
from node.settings_file import example_toml, settings_toml
from node.settings_sections import Destination
from places import ROOT


def written(folder: Path, text: str) -> Path:
    file = folder / "mome-node.toml"
    file.write_text(text)
    return file


def test_the_example_file_is_valid_and_equals_the_defaults(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, example_toml())) == Settings()


def test_settings_in_force_can_be_written_and_read_again(tmp_path: Path) -> None:
    settings = Settings(
        series={"rules": {"*dyn*": "DCE_MULTI"}},
        destinations=(Destination(name="a", ae_title="A", host="h", port=1, commitment=True),),
    )
    assert load_settings(written(tmp_path, settings_toml(settings))) == settings


def test_the_documentation_shows_every_key() -> None:
    assert example_toml() in (ROOT / "docs" / "configuration.md").read_text()


def test_the_example_file_shows_every_key() -> None:
    assert (ROOT / "deploy" / "mome-node.toml").read_text() == example_toml()
