"""What every page needs, opened once: the settings, the ledger, and its different views."""

from __future__ import annotations

from dataclasses import dataclass

from node.settings import Settings
from node.storage.access import AccessBook
from node.storage.archive import Archive
from node.storage.ledger import Ledger
from node.storage.overview import Overview
from node.storage.watch import WatchBook


@dataclass(frozen=True, slots=True)
class Site:
    """One node as the dashboard sees it."""

    settings: Settings
    archive: Archive
    ledger: Ledger
    overview: Overview
    watch: WatchBook
    access: AccessBook

    @classmethod
    def open(cls, settings: Settings) -> Site:
        """Open ledger and archive; raises NotReady when they cannot be used."""
        archive, ledger = Archive(settings.storage.root), Ledger(settings.database_url)
        engine = ledger.engine
        return cls(settings, archive, ledger, Overview(engine), WatchBook(engine), AccessBook(engine))
