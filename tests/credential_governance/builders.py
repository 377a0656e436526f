"""Facts and events of credential governance for tests, each with a sensible default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from nuxari_events.credentials import CredentialData, CredentialKind, CredentialObserved
from nuxari_events.identity import DeactivationData, UserActivated, UserData, UserDeactivated, UserInvited
from nuxari_events.ids import uuid7

from services.credential_governance.domain.expiry import ExpiryBand, Validity
from services.credential_governance.domain.model import Credential, Facts, User, UserStatus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


def a_user(user_id: str = "ada", *, status: UserStatus = UserStatus.ACTIVE) -> User:
    return User(user_id=user_id, status=status)


def some_facts(
    *,
    name: str = "nightly export",
    kind: str = "api_key",
    owner_id: str | None = "ada",
    issued_at: datetime = NOON,
    expires_at: datetime | None = NOON + YEAR,
) -> Facts:
    return Facts(name=name, kind=kind, owner_id=owner_id, issued_at=issued_at, expires_at=expires_at)


def a_credential(
    *,
    issued_at: datetime = NOON,
    expires_at: datetime | None = NOON + YEAR,
    owner_id: str | None = "ada",
    orphaned_at: datetime | None = None,
    reported_owner_id: str | None = "ada",
    facts_at: datetime = NOON,
    last_band: ExpiryBand | None = None,
) -> Credential:
    return Credential(
        credential_id="c1",
        name="nightly export",
        kind="api_key",
        notes="",
        validity=Validity(issued_at, expires_at),
        owner_id=owner_id,
        owned_since=NOON if owner_id else None,
        orphaned_at=orphaned_at,
        reported_owner_id=reported_owner_id,
        facts_at=facts_at,
        registered_at=NOON,
        last_band=last_band,
    )


def observed(
    credential_id: str = "c1",
    *,
    at: datetime = NOON,
    name: str = "nightly export",
    kind: CredentialKind = CredentialKind.API_KEY,
    owner_id: str | None = "ada",
    issued_at: datetime = NOON,
    expires_at: datetime | None = NOON + YEAR,
    tenant: str = "acme",
    event_id: str | None = None,
) -> CredentialObserved:
    return CredentialObserved(
        id=event_id or uuid7(),
        source="/connectors/aws/123456789012",
        time=at,
        subject=credential_id,
        tenantid=tenant,
        data=CredentialData(
            credential_id=credential_id,
            name=name,
            kind=kind,
            owner_id=owner_id,
            issued_at=issued_at,
            expires_at=expires_at,
        ),
    )


def user_invited(user_id: str = "ada", *, at: datetime = NOON, tenant: str = "acme") -> UserInvited:
    data = UserData(user_id=user_id, email=f"{user_id}@example.com")
    return UserInvited(**_envelope(user_id, tenant, at, None), data=data)


def user_activated(
    user_id: str = "ada", *, at: datetime = NOON, tenant: str = "acme", event_id: str | None = None
) -> UserActivated:
    data = UserData(user_id=user_id, email=f"{user_id}@example.com")
    return UserActivated(**_envelope(user_id, tenant, at, event_id), data=data)


def user_deactivated(
    user_id: str = "ada", *, at: datetime = NOON, tenant: str = "acme", event_id: str | None = None
) -> UserDeactivated:
    data = DeactivationData(user_id=user_id, reason="left")
    return UserDeactivated(**_envelope(user_id, tenant, at, event_id), data=data)


def _envelope(user_id: str, tenant: str, at: datetime, event_id: str | None) -> dict[str, Any]:
    return {
        "id": event_id or uuid7(),
        "source": "/nuxari/identity",
        "time": at,
        "subject": user_id,
        "tenantid": tenant,
        "actorid": "olga",
    }
