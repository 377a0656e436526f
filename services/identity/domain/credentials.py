"""Passwords, codes and links: what is acceptable, how many tries there are, how long a link lives."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from typing_extensions import override

from services.identity.domain.errors import Refusal
from services.identity.domain.model import User

SHORTEST_PASSWORD = 12
"""Characters (NUXARI.md, numbers)."""

LONGEST_PASSWORD = 256
"""Characters; a passphrase fits, and hashing stays cheap to refuse."""

INVITATION_LIFE = timedelta(hours=72)
TRIES = 5
LOCKED_FOR = timedelta(minutes=30)
"""NUXARI.md, numbers."""

RECOVERY_CODES = 10

_FEWEST_DIFFERENT = 5
"""Different characters; `aaaaaaaaaaaa` is a password of one."""

_SHORTEST_NAME = 4
"""Characters of an address before the `@`; a shorter name is in many a sentence by chance."""

_EMAIL = re.compile(r"[^\s@<>\x00-\x1f\x7f\"(),:;\[\]\\]{1,64}@(?=.{1,255}\Z)([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}")

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""No 0, O, 1 or I: recovery codes are read from paper."""


def normal_email(text: str) -> str | None:
    """Return the address in the form it is compared in, lower case and NFC; None if it is none.

    An internationalised domain is given in its ASCII form (RFC 5890).
    """
    address = unicodedata.normalize("NFC", text.strip().lower())
    return address if address.isprintable() and _EMAIL.fullmatch(address) else None


def check_password(password: str, *, email: str) -> Refusal | None:
    """Return why the password cannot be taken, None if it can (NIST SP 800-63B: length, no composition rules)."""
    if len(password) < SHORTEST_PASSWORD:
        return Refusal(
            "password-too-short",
            f"a password has {SHORTEST_PASSWORD} characters at least",
            {"shortest": SHORTEST_PASSWORD},
        )
    if len(password) > LONGEST_PASSWORD:
        return Refusal(
            "password-too-long", f"a password has {LONGEST_PASSWORD} characters at most", {"longest": LONGEST_PASSWORD}
        )
    if _holds_name(password, email) or len(set(password)) < _FEWEST_DIFFERENT:
        return Refusal("password-too-simple", "the password must not contain the address nor repeat a few characters")
    return None


def _holds_name(password: str, email: str) -> bool:
    name = email.partition("@")[0]
    return len(name) >= _SHORTEST_NAME and name in password.lower()


def failed(user: User, *, at: datetime) -> User:
    """Return the user after one more failure; the fifth in a row locks, and a lock that is over starts anew."""
    failures = 1 if user.locked_until is not None and not user.is_locked(at) else user.failures + 1
    locked_until = at + LOCKED_FOR if failures >= TRIES else None
    return replace(user, failures=failures, locked_until=locked_until)


def unlocked(user: User) -> User:
    """Return the user without failures and without a lock."""
    return replace(user, failures=0, locked_until=None)


@dataclass(frozen=True)
class Ticket:
    """A bearer secret with the place where its hash is found: `kind.tenant.id.secret`. Never logged, never stored."""

    kind: str
    tenant_id: str
    entity_id: str
    secret: str

    @override
    def __str__(self) -> str:
        """Return it as its bearer presents it."""
        return f"{self.kind}.{self.tenant_id}.{self.entity_id}.{self.secret}"

    @override
    def __repr__(self) -> str:
        """Return it without the secret."""
        return f"Ticket({self.kind}.{self.tenant_id}.{self.entity_id}.***)"

    @property
    def secret_hash(self) -> bytes:
        """SHA-256: enough for 256 random bits, which nobody can guess from it."""
        return hashlib.sha256(self.secret.encode()).digest()


INVITATION = "nxi"
REFRESH = "nxr"

_TICKET = re.compile(r"(nx[ir])\.([a-z0-9][a-z0-9-]{0,63})\.([0-9a-f-]{36})\.([A-Za-z0-9_-]{43})", re.ASCII)


def new_ticket(kind: str, *, tenant_id: str, entity_id: str) -> Ticket:
    """Return a ticket with a new secret."""
    return Ticket(kind, tenant_id, entity_id, secrets.token_urlsafe(32))


def read_ticket(text: str, *, kind: str) -> Ticket | None:
    """Return the ticket that was presented, None if it is none of that kind."""
    match = _TICKET.fullmatch(text.strip())
    return Ticket(*match.groups()) if match and match[1] == kind else None


def new_recovery_codes() -> tuple[str, ...]:
    """Return ten single-use codes of 80 random bits, in groups of four characters."""
    return tuple(_code() for _ in range(RECOVERY_CODES))


def recovery_hash(code: str) -> bytes:
    """Return the hash under which a code is kept; spaces, dashes and case do not matter."""
    plain = re.sub(r"[\s-]", "", code).upper()
    return hashlib.sha256(plain.encode()).digest()


def _code() -> str:
    plain = "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return "-".join(plain[start : start + 4] for start in range(0, 16, 4))
