"""What every page needs, opened once: the settings, the ledger, and the views on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from node.dashboard.patient_access import PatientAccessLog
from node.hosts import open_storage
from node.search_key import SearchKey
from node.settings import Settings
from node.storage.accounts import Accounts
from node.storage.archive import Archive
from node.storage.health import HealthStore
from node.storage.ledger.ledger import Ledger
from node.storage.overview import Overview
from node.storage.worklist import Worklist


@dataclass(frozen=True, slots=True)
class Site:
    """One node as the dashboard sees it."""

    settings: Settings
    archive: Archive
    ledger: Ledger
    overview: Overview
    watch: HealthStore
    access: Accounts
    worklist: Worklist
    search_key: SearchKey
    patient_log: PatientAccessLog

    @classmethod
    def open(cls, settings: Settings) -> Site:
        """Open ledger and archive; raises NotReady when they cannot be used."""
        archive, ledger = open_storage(settings)
        engine = ledger.engine
        return cls(
            settings,
            archive,
            ledger,
            Overview(engine),
            HealthStore(engine),
            Accounts(engine),
            Worklist(engine),
            SearchKey.open(settings.storage.search_key_path),
            PatientAccessLog(ledger.audit),
        )

    @property
    def first_login(self) -> Path:
        """The file with the one-time token of the first start."""
        return self.settings.storage.root / "first-login"


def site_of(request: Request) -> Site:
    """The site that the application was built for."""
    site: Site = request.app.state.site
    return site


async def _current_site(request: Request) -> Site:
    return site_of(request)  # async: a plain function would cost a thread for every request


CurrentSite = Annotated[Site, Depends(_current_site)]
"""Parameter of a route: the site that the application was built for."""
