"""The page Health: hosts are named where there are several, and whether each is heard."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi.testclient import TestClient

from node.dashboard.health import node_health
from node.dashboard.site import Site
from node.storage.accounts import AccountRole
from node.storage.health import LISTENER, HealthStore
from node.storage.hosts import Hosts
from node.watching.metrics import Meter

LogIn = Callable[[AccountRole], TestClient]


def test_hosts_are_shown_where_there_are_several(site: Site, logged_in: LogIn) -> None:
    viewer, hosts = logged_in(AccountRole.VIEWER), Hosts(site.ledger.engine)
    assert "Keeps its files in" not in viewer.get("/health").text
    for name in ("a", "b"):
        hosts.register(f"MOMENODE@{name}:104", name, f"archive of {name}", f"/srv/{name}", "key")
    HealthStore(site.ledger.engine).beat("MOMENODE@a:104", LISTENER, time.time())
    page = viewer.get("/health").text
    assert "Keeps its files in" in page and "/srv/b" in page
    health = node_health(site, Meter(site.settings, site.archive, site.overview, site.watch), time.time())
    assert [(each.node, each.is_heard) for each in health.hosts] == [
        ("MOMENODE@a:104", True),
        ("MOMENODE@b:104", False),
    ]
