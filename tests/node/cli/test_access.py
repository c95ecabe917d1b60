"""Accounts from the command line: who has access by what, how long, and the way out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from node.audit import AuditEvent
from node.cli.access import invite, key, list_accounts, log_out, remove
from node.storage.accounts import Accounts
from node.storage.ledger.ledger import Ledger

PASSWORD = "correct horse battery"  # noqa: S105 - of an account that lives as long as a test


def test_access_is_given_shown_and_ended_and_each_is_audited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "node.toml"
    config.write_text(f'[storage]\nroot = "{tmp_path}/root"\n')
    invite("alice", config=config)
    token = capsys.readouterr().out.splitlines()[0]
    ledger = Ledger(f"sqlite:///{tmp_path}/root/ledger.db")
    accounts = Accounts(ledger.engine)
    accounts.accept(token, PASSWORD, now := time.time())
    accounts.log_in("alice", PASSWORD, now, 9e9)
    key("prometheus", config=config)
    key("forever", days=0, config=config)
    capsys.readouterr()
    list_accounts(config=config)
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in shown if not line.startswith(" ")] == ["alice", "forever", "prometheus"]
    told = [line.strip() for line in shown if line.startswith(" ")]
    assert [each.split(" since")[0] for each in told] == ["session", "API key", "API key"]
    assert ["without end" in each for each in told] == [False, True, False]
    log_out("alice", config=config)
    assert "1 session ended" in capsys.readouterr().out
    remove("prometheus", config=config)
    assert [each.name for each in accounts.accounts(2.0)] == ["alice", "forever"]
    assert [entry.event for entry, _ in ledger.audit.entries()].count(AuditEvent.ACCESS_CHANGED) == 5
