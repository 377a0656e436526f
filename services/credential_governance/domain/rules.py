"""What is registered, refreshed, reassigned and announced: every rule, as functions of state, facts and time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.credential_governance.domain.errors import Refusal
from services.credential_governance.domain.expiry import ExpiryBand, Validity
from services.credential_governance.domain.model import Credential, Facts, User, UserStatus
from services.credential_governance.domain.plaintext import looks_like_secret

FARTHEST_AHEAD = timedelta(minutes=5)
"""A source whose clock runs ahead counts as no later than this: else it would freeze the credential's facts."""

REDACTED = "(redacted: the reported name looked like a secret)"


def register(facts: Facts, *, credential_id: str, notes: str, owner: User | None, at: datetime) -> Credential | Refusal:
    """Decide whether a person's registration is taken in.

    A deactivated owner is no reason to refuse: the credential exists, and better governed and orphaned than unknown.
    """
    refusal = (
        _text_refusal(name=facts.name, notes=notes, owner_id=facts.owner_id or "")
        or _period_refusal(facts)
        or _owner_refusal(owner)
    )
    return refusal or _new(facts, credential_id=credential_id, notes=notes, owner=owner, facts_at=at, at=at)


def observe(
    known: Credential | None, facts: Facts, *, credential_id: str, owner: User | None, seen_at: datetime, at: datetime
) -> Credential | None:
    """Return the credential as it is after the observation, None if it is older than what is known."""
    facts_at = min(seen_at, at + FARTHEST_AHEAD)
    facts = replace(facts, name=REDACTED) if looks_like_secret(facts.name) else facts
    if known is None:
        return _new(facts, credential_id=credential_id, notes="", owner=owner, facts_at=facts_at, at=at)
    if facts_at < known.facts_at:
        return None
    validity = Validity(facts.issued_at, facts.expires_at)
    refreshed = replace(known, name=facts.name, kind=facts.kind, validity=validity, facts_at=facts_at)
    if owner is None or owner.user_id == known.reported_owner_id or not _may_pass_to(owner, known):
        return refreshed
    return _owned(replace(refreshed, reported_owner_id=owner.user_id), owner, at=at)


def assign(credential: Credential, owner: User | None, *, at: datetime) -> Credential | Refusal:
    """Decide whether the user answers for the credential from now on; only an active user can."""
    refusal = _owner_refusal(owner)
    if refusal is not None or owner is None:
        return refusal or OWNER_UNKNOWN
    if owner.status is UserStatus.DEACTIVATED:
        return OWNER_DEACTIVATED
    if credential.accountable_id == owner.user_id:
        return ALREADY_OWNER
    return _owned(credential, owner, at=at)


def crossed(credential: Credential, *, at: datetime) -> ExpiryBand | None:
    """Return the band to announce: the one it is in, if none as severe was announced for this expiry."""
    band = credential.band(at)
    if band is None or (credential.last_band is not None and band.severity <= credential.last_band.severity):
        return None
    return band


def next_look(credential: Credential) -> datetime | None:
    """Return when the next band is crossed that was not announced; None if there is nothing left to announce."""
    return credential.validity.next_start(beyond=credential.last_band)


def _new(
    facts: Facts, *, credential_id: str, notes: str, owner: User | None, facts_at: datetime, at: datetime
) -> Credential:
    credential = Credential(
        credential_id=credential_id,
        name=facts.name,
        kind=facts.kind,
        notes=notes,
        validity=Validity(facts.issued_at, facts.expires_at),
        owner_id=None,
        owned_since=None,
        orphaned_at=None,
        reported_owner_id=facts.owner_id,
        facts_at=facts_at,
        registered_at=at,
    )
    return credential if owner is None else _owned(credential, owner, at=at)


def _owned(credential: Credential, owner: User, *, at: datetime) -> Credential:
    """Return it in the hands of the user; orphaned at once if the user is gone."""
    owned = replace(credential, owner_id=owner.user_id, owned_since=at, orphaned_at=None)
    return owned.orphaned(at) if owner.status is UserStatus.DEACTIVATED else owned


def _may_pass_to(owner: User, credential: Credential) -> bool:
    """Say whether an observation can change the owner: an orphan passes only to somebody who can answer for it."""
    return owner.status is UserStatus.ACTIVE or not credential.is_orphaned


def _text_refusal(**fields: str) -> Refusal | None:
    for field, text in fields.items():
        if looks_like_secret(text):
            return Refusal(
                "looks-like-a-secret",
                f"`{field}` holds what looks like a secret; it was not kept. Treat it as leaked and rotate it if it is"
                " one; a fingerprint is written with its algorithm, as in SHA256:...",
                {"field": field},
            )
    return None


def _period_refusal(facts: Facts) -> Refusal | None:
    if facts.expires_at is not None and facts.expires_at <= facts.issued_at:
        return Refusal("expires-before-issue", "expires_at lies after issued_at; leave it out if there is none")
    return None


def _owner_refusal(owner: User | None) -> Refusal | None:
    if owner is None or owner.status is UserStatus.UNHEARD_OF:
        return OWNER_UNKNOWN
    if owner.status is UserStatus.INVITED:
        return OWNER_NOT_ACTIVE
    return None


OWNER_UNKNOWN = Refusal(
    "owner-unknown",
    "the tenant has no such user as far as is known here; if the user is new, identity's event about them may not have"
    " arrived yet: try again",
)
OWNER_NOT_ACTIVE = Refusal("owner-not-active", "the user has not accepted the invitation yet, as far as is known here")
OWNER_DEACTIVATED = Refusal("owner-deactivated", "the user is deactivated; name somebody who can answer for it")
ALREADY_OWNER = Refusal("already-owner", "the user answers for the credential already")
