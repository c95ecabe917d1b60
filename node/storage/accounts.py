"""Who may use dashboard and API: accounts, and the secrets that prove them, of which only digests are kept."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import secrets
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, update

from node.errors import NodeError
from node.storage import schema
from node.storage.database import LedgerUnavailable, reading, writing

log = logging.getLogger(__name__)
_DAY_SECONDS = 86_400.0
KEY_DAYS = 365
"""How long an API key is good, unless somebody says otherwise."""
_INVITATION_SECONDS = 7 * _DAY_SECONDS
_USE_SECONDS = 60.0  # how exactly the last use is known: a write for each request would cost more than it tells
_SHORTEST_PASSWORD = 12
_NOBODY = f"{bytes(16).hex()}:{bytes(64).hex()}"  # the hash of no password, compared when a name is unknown
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}  # RFC 7914; 16 MiB and some 50 ms for each guess


class AccountRole(StrEnum):
    """What an account may do; each of the last three includes the one before, none includes the first."""

    SENDER = "sender"  # a program that sends images by STOW-RS, and sees nothing
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: AccountRole) -> bool:
        """Whether this role may do what the other may."""
        if AccountRole.SENDER in (self, other):
            return self is other
        order = list(AccountRole)
        return order.index(self) >= order.index(other)


class TokenKind(StrEnum):
    """What a secret is for: a browser that is logged in, a first login, a program."""

    SESSION = "session"
    INVITATION = "invitation"
    KEY = "key"


class AccessRefused(NodeError):
    """The name or secret is wrong, or the password too weak; the message may be shown."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that an account holds; times are seconds since 1970, UTC.

    Parameters
    ----------
    used_at
        To the minute; None: not yet.
    expires_at
        None: never.
    """

    kind: TokenKind
    created_at: float
    used_at: float | None
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """A person or a program.

    Parameters
    ----------
    credentials
        The secrets that it holds now, beside a password.
    sees_patients
        Whether it may search for patients, and see names, IDs, accession numbers and images.
    """

    id: int
    name: str
    role: AccountRole
    created_at: float
    has_password: bool = False
    credentials: tuple[Credential, ...] = ()
    sees_patients: bool = False

    @property
    def has_session(self) -> bool:
        """Whether somebody is logged in by it now."""
        return any(each.kind is TokenKind.SESSION for each in self.credentials)


@dataclass(frozen=True, slots=True)
class _Rights:
    """What an account of this name is to be allowed."""

    name: str
    role: AccountRole
    sees_patients: bool


class Accounts:
    """Accounts, passwords, sessions, invitations and API keys."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def is_empty(self, now: float) -> bool:
        """Whether nobody can ever log in: no admin has a password, and no invitation is still good."""
        tokens, accounts = schema.token.c, schema.account.c
        with reading(self.engine) as db:
            open_ = (tokens.kind == TokenKind.INVITATION, tokens.expires_at > now)
            invited = db.execute(select(func.count()).where(*open_)).scalar()
            able = db.execute(select(func.count()).where(accounts.password != "", accounts.role == AccountRole.ADMIN))
            return not invited and not able.scalar()

    def invite(
        self, name: str, role: AccountRole, now: float, *, patients: bool = True, seconds: float = _INVITATION_SECONDS
    ) -> str:
        """A one-time token by which its holder chooses a password; of an existing account it changes rights too."""
        account = _Rights(name, role, patients)
        return self._issue(account, TokenKind.INVITATION, now, now + seconds)

    def new_key(
        self, name: str, role: AccountRole, now: float, *, patients: bool = False, until: float | None = None
    ) -> str:
        """An API key for a program of its own; the key is shown once, here. Refused for the name of a person.

        A program is who holds a key and nothing else: somebody of the identity provider has no password, and out of
        hours no session.

        Parameters
        ----------
        until
            When it ends, seconds since 1970; None: never.
        """
        table = schema.account.c
        with reading(self.engine) as db:
            known = db.execute(select(schema.account).where(table.name == name)).first()
            if known is not None and (known.password or _tokens_of(db, known.id) != {TokenKind.KEY}):
                raise AccessRefused(
                    f"{name} is a person, whose rights a key would change; give the program its own name"
                )
        return self._issue(_Rights(name, role, patients), TokenKind.KEY, now, until)

    def accept(self, invitation: str, password: str, now: float) -> str:
        """Set the password of an invited account; gives its name. The invitation is used up, its sessions end."""
        if len(password) < _SHORTEST_PASSWORD:
            raise AccessRefused(f"a password has at least {_SHORTEST_PASSWORD} characters")
        with writing(self.engine) as db:
            found = _find_holder(db, invitation, TokenKind.INVITATION, now)
            if found is None:
                raise AccessRefused("this token is unknown, used, or too old; ask for a new one")
            (holder, _), accounts = found, schema.account
            db.execute(update(accounts).where(accounts.c.id == holder.id).values(password=_hashed(password)))
            theirs = schema.token.c.account_id == holder.id
            db.execute(delete(schema.token).where(theirs, schema.token.c.kind != TokenKind.KEY))
            return holder.name

    def log_in(self, name: str, password: str, now: float, until: float) -> str:
        """A new session for who knows the password; raises AccessRefused. Takes as long for an unknown name."""
        table = schema.account.c
        with reading(self.engine) as db:
            row = db.execute(select(schema.account).where(table.name == name)).first()
        known = row.password if row is not None and row.password else _NOBODY
        if not _matches(password, known) or row is None or not row.password:
            raise AccessRefused("name or password is wrong")
        return self._new_session(row.id, now, until)

    def admit(self, name: str, role: AccountRole, now: float, until: float, *, patients: bool = True) -> str:
        """A new session for whom an identity provider has vouched; the account is made, or gets these rights."""
        with writing(self.engine) as db:
            number = _account_of(db, _Rights(name, role, patients), now)
        return self._new_session(number, now, until)

    def holder(
        self, secret: str, kind: TokenKind, now: float, *, idle_seconds: float = math.inf, by_person: bool = True
    ) -> Account | None:
        """The account that this secret proves, None when it proves nothing, or was not used for too long.

        Parameters
        ----------
        by_person
            Whether this counts as use; what a page asks by itself does not.
        """
        with reading(self.engine) as db:
            found = _find_holder(db, secret, kind, now, idle_seconds)
        if found is None:
            return None
        account, used_at = found
        if by_person and (used_at is None or used_at < now - _USE_SECONDS):
            try:
                self._note_use(digest(secret), now)
            except LedgerUnavailable as error:  # a full disk is when somebody must get in
                log.warning("when a secret was used could not be noted: %s", error)
        return account

    def end_sessions(self, name: str) -> int:
        """Log a person out everywhere; gives the number of sessions. Raises LookupError for an unknown name."""
        tokens = schema.token.c
        with writing(self.engine) as db:
            theirs = (tokens.account_id == _number_of(db, name), tokens.kind == TokenKind.SESSION)
            return int(db.execute(delete(schema.token).where(*theirs)).rowcount)

    def log_out(self, session: str) -> None:
        """The session proves nothing any more."""
        with writing(self.engine) as db:
            db.execute(delete(schema.token).where(schema.token.c.digest == digest(session)))

    def accounts(self, now: float, *, idle_seconds: float = math.inf) -> list[Account]:
        """Every account by name, with the secrets that are still good: of sessions, those that were used lately."""
        table, tokens, good = schema.account, schema.token.c, _is_good(now, idle_seconds)
        held: dict[int, list[Credential]] = {}
        with reading(self.engine) as db:
            for row in db.execute(select(schema.token).where(good).order_by(tokens.kind, tokens.created_at)):
                known = Credential(TokenKind(row.kind), row.created_at, row.used_at, row.expires_at)
                held.setdefault(row.account_id, []).append(known)
            rows = db.execute(select(table).order_by(table.c.name)).all()
        return [
            Account(
                row.id,
                row.name,
                AccountRole(row.role),
                row.created_at,
                bool(row.password),
                tuple(held.get(row.id, ())),
                row.patients,
            )
            for row in rows
        ]

    def remove(self, name: str) -> None:
        """Delete an account with all that proves it; raises LookupError for an unknown name."""
        table = schema.account
        with writing(self.engine) as db:
            number = _number_of(db, name)
            db.execute(delete(schema.token).where(schema.token.c.account_id == number))
            db.execute(delete(table).where(table.c.id == number))

    def _issue(self, rights: _Rights, kind: TokenKind, now: float, until: float | None) -> str:
        name = rights.name
        if not name or len(name) > 64 or not name.isprintable():
            raise AccessRefused("a name has 1 to 64 printable characters")
        secret = secrets.token_urlsafe(24)
        with writing(self.engine) as db:
            number = _account_of(db, rights, now)
            stale = schema.token.delete().where(schema.token.c.account_id == number, schema.token.c.kind == kind)
            db.execute(stale)
            _put_token(db, number, kind, secret, now, until=until)
        return secret

    def _note_use(self, secret_digest: str, now: float) -> None:
        """Remember that a secret was used."""
        with writing(self.engine) as db:
            db.execute(update(schema.token).where(schema.token.c.digest == secret_digest).values(used_at=now))

    def _new_session(self, account_id: int, now: float, until: float) -> str:
        secret, table = secrets.token_urlsafe(32), schema.token
        with writing(self.engine) as db:
            db.execute(table.delete().where(table.c.kind == TokenKind.SESSION, table.c.expires_at < now))
            _put_token(db, account_id, TokenKind.SESSION, secret, now, until=until)
        return secret


def end_of_key(days: int, now: float) -> float | None:
    """When an API key ends that is to be good for so many days; None, never, for 0."""
    return now + days * _DAY_SECONDS if days else None


def digest(secret: str) -> str:
    """What is kept of a random secret: it has 192 bits, so one round is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _hashed(password: str) -> str:
    """What is kept of a password: salt and scrypt."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT).hex()}"


def _matches(password: str, kept: str) -> bool:
    """Whether this is the password, in the same time whichever it is."""
    salt, _, expected = kept.partition(":")
    found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_SCRYPT).hex()
    return hmac.compare_digest(found, expected)


# --- parts of the verbs, each inside the caller's transaction


def _account_of(db: Connection, rights: _Rights, now: float) -> int:
    """The number of the account of this name, which now has these rights; made when it is missing."""
    table = schema.account
    values = {"role": rights.role, "patients": rights.sees_patients}
    if not db.execute(update(table).where(table.c.name == rights.name).values(values)).rowcount:
        db.execute(insert(table).values(name=rights.name, password="", created_at=now, **values))
    return int(db.execute(select(table.c.id).where(table.c.name == rights.name)).scalar_one())


def _tokens_of(db: Connection, account_id: int) -> set[str]:
    """The kinds of the secrets that an account holds."""
    tokens = schema.token.c
    return set(db.execute(select(tokens.kind).where(tokens.account_id == account_id)).scalars())


def _number_of(db: Connection, name: str) -> int:
    """The number of the account of this name; raises LookupError when there is none."""
    number = db.execute(select(schema.account.c.id).where(schema.account.c.name == name)).scalar()
    if number is None:
        raise LookupError("no account of this name; see: mome-node access list")
    return int(number)


def _put_token(
    db: Connection, account_id: int, kind: TokenKind, secret: str, now: float, *, until: float | None
) -> None:
    values = {"account_id": account_id, "kind": kind, "digest": digest(secret)}
    db.execute(insert(schema.token).values(**values, created_at=now, expires_at=until))


def _find_holder(
    db: Connection, secret: str, kind: TokenKind, now: float, idle_seconds: float = math.inf
) -> tuple[Account, float | None] | None:
    """The account of a secret that is still good, and when the secret was last used."""
    tokens, accounts = schema.token.c, schema.account.c
    good = tokens.digest == digest(secret), tokens.kind == kind, _is_good(now, idle_seconds)
    columns = (accounts.id, accounts.name, accounts.role, accounts.created_at, accounts.patients, tokens.used_at)
    row = db.execute(select(*columns).join(schema.account, accounts.id == tokens.account_id).where(*good)).first()
    if row is None:
        return None
    account = Account(row.id, row.name, AccountRole(row.role), row.created_at, sees_patients=row.patients)
    return account, row.used_at


def _is_good(now: float, idle_seconds: float) -> ColumnElement[bool]:
    """Whether a secret proves something: it has not ended, and a session was used in the last so many seconds."""
    tokens = schema.token.c
    good: ColumnElement[bool] = tokens.expires_at.is_(None) | (tokens.expires_at > now)
    if idle_seconds < math.inf:  # no database compares with infinity alike
        used_at = func.coalesce(tokens.used_at, tokens.created_at)
        good &= (tokens.kind != TokenKind.SESSION) | (used_at > now - idle_seconds)
    return good
