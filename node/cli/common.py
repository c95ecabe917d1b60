"""What several commands need: the ledger that the settings name."""

from __future__ import annotations

from node.cli.options import Config
from node.settings import load_settings
from node.storage.archive import Archive
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview


def open_ledger(config: Config) -> Ledger:
    """The ledger that the settings name."""
    settings = load_settings(config)
    Archive(settings.storage.root)
    return Ledger(settings.database_url)


def uid_of(ledger: Ledger, study: str) -> str:
    """The Study Instance UID of a study that is named by its number here or by that UID; LookupError for no study."""
    if study.isascii() and study.isdigit() and len(study) < 10:
        return Overview(ledger.engine).uid_of(int(study))
    return study


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 case", "2 cases"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
