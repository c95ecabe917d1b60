"""Programs that ask for the pages of a hostile site."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from hostile_site import client_of, hostile_site, log_in_to
from node.dashboard.site import Site


@pytest.fixture(scope="session")
def finished_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Made once; each test gets a copy of its files."""
    made = hostile_site(tmp_path_factory.mktemp("site"))
    made.ledger.engine.dispose()
    return made


@pytest.fixture
def site(finished_site: Site, tmp_path: Path) -> Site:
    root = finished_site.settings.storage.root
    shutil.copytree(root, tmp_path / "root")
    storage = finished_site.settings.storage.model_copy(update={"root": tmp_path / "root"})
    return Site.open(finished_site.settings.model_copy(update={"storage": storage}))


@pytest.fixture
def stranger(site: Site) -> TestClient:
    return client_of(site)


@pytest.fixture
def logged_in(site: Site) -> Callable[..., TestClient]:
    """Browsers of people with a role, which send the token of their pages with every request."""

    return partial(log_in_to, site)
