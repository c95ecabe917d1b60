"""How many connections the web port has, and how long they may take; attacks on it are in tests/security."""

from __future__ import annotations

from node.dashboard.connections import ConnectionLimits
from node.dashboard.server import server_config
from node.settings_sections import DashboardSettings


async def application(*_: object) -> None:
    """Answers nobody."""


def test_the_limits_of_a_node_are_those_of_its_settings() -> None:
    config = server_config(application, DashboardSettings(connections=9, connections_per_address=3, proxies=("::1",)))
    limits = config.http.limits  # type: ignore[union-attr]
    assert limits == ConnectionLimits(9, 3, frozenset(("::1",)))
    assert (limits.headers_seconds, limits.body_seconds, limits.least_rate) == (10.0, 30.0, 1024)
