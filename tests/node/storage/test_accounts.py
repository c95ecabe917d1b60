"""Who may use the dashboard: accounts, passwords, one-time tokens, keys; on SQLite and PostgreSQL."""

from __future__ import annotations

import hashlib

import pytest

from node.storage.accounts import AccessRefused, AccountRole, Accounts, Credential, TokenKind, digest
from node.storage.database import LedgerUnavailable
from node.storage.ledger.ledger import Ledger
from node.storage.schema import account, token

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test


@pytest.fixture
def access(ledger: Ledger) -> Accounts:
    return Accounts(ledger.engine)


def test_a_new_ledger_lets_nobody_in_until_an_invitation_is_accepted(access: Accounts) -> None:
    assert access.is_empty(1.0)
    invitation = access.invite("alice", AccountRole.ADMIN, 1.0)
    assert not access.is_empty(2.0)
    assert access.is_empty(8 * 86_400.0), "an invitation that nobody accepted in time"
    with pytest.raises(AccessRefused):
        access.log_in("alice", "", 2.0, 9.0)
    assert access.accept(invitation, PASSWORD, 2.0) == "alice"
    session = access.log_in("alice", PASSWORD, 3.0, 9.0)
    holder = access.holder(session, TokenKind.SESSION, 4.0)
    assert holder is not None
    assert (holder.name, holder.role) == ("alice", AccountRole.ADMIN)


def test_an_invitation_works_once_and_for_a_week(access: Accounts) -> None:
    invitation = access.invite("alice", AccountRole.VIEWER, 1.0)
    with pytest.raises(AccessRefused, match="too old"):
        access.accept(invitation, PASSWORD, 8 * 86_400.0)
    access.accept(invitation, PASSWORD, 2.0)
    with pytest.raises(AccessRefused, match="used"):
        access.accept(invitation, "another password", 3.0)


def test_a_new_password_ends_the_sessions_of_the_old_one(access: Accounts) -> None:
    access.accept(access.invite("alice", AccountRole.VIEWER, 1.0), PASSWORD, 1.0)
    session = access.log_in("alice", PASSWORD, 2.0, 99.0)
    access.accept(access.invite("alice", AccountRole.VIEWER, 3.0), "a newer password", 3.0)
    assert access.holder(session, TokenKind.SESSION, 4.0) is None
    with pytest.raises(AccessRefused):
        access.log_in("alice", PASSWORD, 5.0, 9.0)


def test_a_short_password_is_refused_and_the_invitation_stays(access: Accounts) -> None:
    invitation = access.invite("alice", AccountRole.VIEWER, 1.0)
    with pytest.raises(AccessRefused, match="12 characters"):
        access.accept(invitation, "short", 2.0)
    access.accept(invitation, PASSWORD, 2.0)


def test_a_session_ends_by_time_by_logout_and_with_its_account(access: Accounts) -> None:
    access.accept(access.invite("alice", AccountRole.VIEWER, 1.0), PASSWORD, 1.0)
    by_time, by_logout, by_removal = (access.log_in("alice", PASSWORD, 2.0, 9.0) for _ in range(3))
    assert access.holder(by_time, TokenKind.SESSION, 10.0) is None
    access.log_out(by_logout)
    assert access.holder(by_logout, TokenKind.SESSION, 3.0) is None
    access.remove("alice")
    assert access.holder(by_removal, TokenKind.SESSION, 3.0) is None
    with pytest.raises(LookupError):
        access.remove("alice")


def test_a_session_that_nobody_uses_ends_and_a_page_that_asks_by_itself_does_not_use_it(access: Accounts) -> None:
    access.accept(access.invite("alice", AccountRole.VIEWER, 1.0), PASSWORD, 1.0)
    session = access.log_in("alice", PASSWORD, 1_000.0, 1e6)

    def alive(now: float, *, by_person: bool = True) -> bool:
        return access.holder(session, TokenKind.SESSION, now, idle_seconds=600.0, by_person=by_person) is not None

    def listed(now: float) -> bool:
        (alice,) = access.accounts(now, idle_seconds=600.0)
        return alice.has_session

    assert alive(1_500.0) and alive(2_000.0)
    assert alive(2_500.0, by_person=False)
    assert listed(2_599.0)
    assert not alive(2_601.0)
    assert not listed(2_601.0), "who is logged out for want of use is not listed as logged in"
    assert access.holder(session, TokenKind.SESSION, 2_601.0) is not None, "without a limit it lives on"


def test_an_account_tells_its_sessions_and_keys_and_when_they_were_used(access: Accounts) -> None:
    access.accept(access.invite("alice", AccountRole.VIEWER, 1.0), PASSWORD, 1.0)
    session = access.log_in("alice", PASSWORD, 1_000.0, 1e6)
    access.holder(session, TokenKind.SESSION, 2_000.0)
    access.holder(session, TokenKind.SESSION, 2_030.0)  # known to the minute
    access.new_key("prometheus", AccountRole.VIEWER, 1.0, until=3_000.0)
    alice, prometheus = access.accounts(2_500.0)
    assert alice.credentials == (Credential(TokenKind.SESSION, 1_000.0, 2_000.0, 1e6),)
    assert prometheus.credentials == (Credential(TokenKind.KEY, 1.0, None, 3_000.0),)
    assert access.accounts(4_000.0)[1].credentials == ()


def test_who_may_get_in_gets_in_while_the_database_takes_nothing(
    access: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = access.new_key("prometheus", AccountRole.VIEWER, 1.0)

    def full(*_: object) -> None:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(access, "_note_use", full)
    assert access.holder(key, TokenKind.KEY, 2.0) is not None


def test_a_person_can_be_logged_out_everywhere(access: Accounts) -> None:
    access.accept(access.invite("alice", AccountRole.VIEWER, 1.0), PASSWORD, 1.0)
    session = access.log_in("alice", PASSWORD, 2.0, 9.0)
    access.log_in("alice", PASSWORD, 2.0, 9.0)
    assert access.end_sessions("alice") == 2
    assert access.holder(session, TokenKind.SESSION, 3.0) is None
    assert access.log_in("alice", PASSWORD, 4.0, 9.0)
    with pytest.raises(LookupError):
        access.end_sessions("nobody")


def test_a_key_ends_when_it_was_made_to(access: Accounts) -> None:
    key = access.new_key("prometheus", AccountRole.VIEWER, 1.0, until=100.0)
    assert access.holder(key, TokenKind.KEY, 99.0) is not None
    assert access.holder(key, TokenKind.KEY, 101.0) is None


def test_a_key_is_no_session_and_a_session_no_key(access: Accounts) -> None:
    key = access.new_key("prometheus", AccountRole.VIEWER, 1.0)
    assert access.holder(key, TokenKind.KEY, 2.0) is not None
    assert access.holder(key, TokenKind.SESSION, 2.0) is None
    assert access.new_key("prometheus", AccountRole.VIEWER, 3.0) != key
    assert access.holder(key, TokenKind.KEY, 4.0) is None, "a new key replaces the old one"


def test_no_secret_can_be_read_back_from_the_database(access: Accounts) -> None:
    invitation = access.invite("alice", AccountRole.ADMIN, 1.0)
    key = access.new_key("prometheus", AccountRole.VIEWER, 1.0)
    access.accept(invitation, PASSWORD, 1.0)
    session = access.log_in("alice", PASSWORD, 2.0, 9.0)
    with access.engine.connect() as db:
        stored = str([tuple(row) for table in (account, token) for row in db.execute(table.select())])
    assert digest(session) in stored
    assert not any(secret in stored for secret in (invitation, key, session, PASSWORD))


@pytest.mark.parametrize("name", ["", "x" * 65, "line\nbreak"])
def test_a_name_is_one_line_of_text(access: Accounts, name: str) -> None:
    with pytest.raises(AccessRefused):
        access.invite(name, AccountRole.VIEWER, 1.0)


def test_roles_include_those_before() -> None:
    assert AccountRole.ADMIN.includes(AccountRole.VIEWER)
    assert AccountRole.OPERATOR.includes(AccountRole.OPERATOR)
    assert not AccountRole.VIEWER.includes(AccountRole.OPERATOR)


def test_an_unknown_name_takes_as_long_as_a_wrong_password(access: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    access.accept(access.invite("alice", AccountRole.VIEWER, 1.0), PASSWORD, 1.0)
    compared: list[str] = []
    original = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", lambda *a, **k: compared.append("once") or original(*a, **k))
    for name in ("alice", "nobody"):
        with pytest.raises(AccessRefused):
            access.log_in(name, "a wrong password", 2.0, 9.0)
    assert compared == ["once", "once"]
