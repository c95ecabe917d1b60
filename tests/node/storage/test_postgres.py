"""A PostgreSQL database that cannot be used is one sentence with the remedy, whatever is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import postgres
from node.errors import NotReady
from node.settings_sections import DatabaseSettings
from node.storage.ledger.ledger import Ledger
from node.storage.postgres import DatabaseAway, postgres_engine
from ports import free_port


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    if not postgres.available():
        pytest.skip("PostgreSQL is not installed")
    with postgres.cluster(passwords=True) as running:
        running.run("CREATE ROLE mome LOGIN PASSWORD 'right'")
        running.run("CREATE DATABASE mome OWNER mome")
        running.run("CREATE DATABASE foreign_one")
        running.run("CREATE DATABASE closed")
        running.run("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
        yield running


def fault(url: str) -> NotReady:
    with pytest.raises(NotReady) as raised:
        Ledger(url)
    assert "\n" not in str(raised.value)
    assert "right" not in str(raised.value).replace("is database.url right", ""), "a password is shown"
    return raised.value


def test_a_database_that_is_there_is_opened(cluster: postgres.Cluster) -> None:
    assert Ledger(cluster.url("mome", "mome:right")).reading.counts() is not None


@pytest.mark.parametrize(
    ("database", "login", "remedy"),
    [
        ("nothere", "mome:right", "createdb --owner mome nothere"),
        ("mome", "mome:wrong", "wrong password (database.password_file)"),
        ("mome", "nobody:right", "createuser --pwprompt nobody"),
        ("foreign_one", "mome:right", "ALTER DATABASE foreign_one OWNER TO mome"),
        ("closed", "mome:right", "GRANT CONNECT ON DATABASE closed"),
    ],
)
def test_what_waiting_does_not_help_is_named_with_its_remedy(
    cluster: postgres.Cluster, database: str, login: str, remedy: str
) -> None:
    found = fault(cluster.url(database, login))
    assert remedy in str(found)
    assert not found.retryable


def test_a_server_that_does_not_answer_may_do_so_later() -> None:
    found = fault(f"postgresql://mome@127.0.0.1:{free_port()}/mome")
    assert isinstance(found, DatabaseAway)
    assert "no PostgreSQL server answers at 127.0.0.1 port" in str(found)
    assert isinstance(fault("postgresql://mome@pg.invalid/mome"), DatabaseAway)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(NotReady, match=r"pip install 'mome-node\[postgres\]'"):
        postgres_engine("postgresql://mome@127.0.0.1/mome")


@pytest.mark.parametrize("url", ["mysql://mome@db/mome", "mome", "postgres://mome@db/mome"])
def test_a_url_of_another_database_is_refused_with_the_settings(url: str) -> None:
    with pytest.raises(ValueError, match=r"postgresql://user@host/name"):
        DatabaseSettings(url=url)
