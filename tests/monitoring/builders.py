"""Events for monitoring's tests, at seconds of one made-up day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from nuxari_events import access, credentials, identity, pim
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.wire import encode

from services.monitoring.decode import decode
from services.monitoring.domain.model import Fact

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _event(cls: type[Event], seconds: float, subject: str, data: Any, more: dict[str, Any]) -> Event:
    given = {"id": uuid7(), "source": "/test", "tenantid": "acme"} | more
    return cls(time=at(seconds), subject=subject, data=data, **given)


def sign_in(
    seconds: float, user: str = "ada", *, ok: bool = False, facts: dict[str, Any] | None = None, **more: Any
) -> Event:
    outcome = access.Outcome.SUCCESS if ok else access.Outcome.FAILURE
    data = access.SignInData(user_id=user, outcome=outcome, **(facts or {}))
    return _event(access.SignInCompleted, seconds, user, data, more)


def prompt(seconds: float, user: str = "ada", *, outcome: str = "denied", method: str = "push", **more: Any) -> Event:
    data = access.MfaChallengeData(user_id=user, method=access.MfaMethod(method), outcome=access.MfaOutcome(outcome))
    return _event(access.MfaChallengeCompleted, seconds, user, data, more)


def action(seconds: float, user: str = "ada", *, role: str | None = "client_admin", **more: Any) -> Event:
    data = access.ActionData(user_id=user, action="policy.change", required_role=role)
    return _event(access.ActionPerformed, seconds, user, data, more)


def credential_use(seconds: float, credential: str = "key-1", *, user: str | None = None, **more: Any) -> Event:
    data = access.CredentialUseData(credential_id=credential, user_id=user)
    return _event(access.CredentialUsed, seconds, credential, data, more)


def role_grant(seconds: float, user: str = "ada", *, request: str | None = None, **more: Any) -> Event:
    data = access.RoleGrantData(
        user_id=user, role="AdministratorAccess", privileged=True, system="aws:1", pim_request_id=request
    )
    return _event(access.RoleGranted, seconds, user, data, more)


def assigned(
    seconds: float, user: str = "ada", *, role: str = "client_admin", origin: str = "direct", **more: Any
) -> Event:
    data = identity.RoleData(user_id=user, role=role, origin=identity.AssignmentOrigin(origin))
    return _event(identity.RoleAssigned, seconds, user, data, more)


def revoked(seconds: float, user: str = "ada", *, role: str = "client_admin", **more: Any) -> Event:
    return _event(identity.RoleRevoked, seconds, user, identity.RoleData(user_id=user, role=role), more)


def deactivated(seconds: float, user: str = "ada", **more: Any) -> Event:
    return _event(identity.UserDeactivated, seconds, user, identity.DeactivationData(user_id=user), more)


def reactivated(seconds: float, user: str = "ada", **more: Any) -> Event:
    data = identity.UserData(user_id=user, email=f"{user}@example.org")
    return _event(identity.UserActivated, seconds, user, data, more)


def activated(
    seconds: float, user: str = "ada", *, until: float, activation: str = "a-1", role: str = "client_admin", **more: Any
) -> Event:
    data = pim.ActivationData(
        activation_id=activation, user_id=user, role=role, starts_at=at(seconds), ends_at=at(until)
    )
    return _event(pim.RoleActivated, seconds, user, data, more)


def ended(
    seconds: float, user: str = "ada", *, activation: str = "a-1", role: str = "client_admin", **more: Any
) -> Event:
    data = pim.ActivationEndData(
        activation_id=activation, user_id=user, role=role, ended_at=at(seconds), reason=pim.EndReason.WITHDRAWN
    )
    return _event(pim.ActivationEnded, seconds, user, data, more)


def registered(seconds: float, credential: str = "key-1", *, owner: str | None = "ada", **more: Any) -> Event:
    data = credentials.CredentialData(
        credential_id=credential,
        name=credential,
        kind=credentials.CredentialKind.API_KEY,
        owner_id=owner,
        issued_at=at(seconds),
    )
    return _event(credentials.CredentialRegistered, seconds, credential, data, more)


def orphaned(seconds: float, credential: str = "key-1", *, owner: str = "ada", **more: Any) -> Event:
    data = credentials.OrphanData(
        credential_id=credential,
        kind=credentials.CredentialKind.API_KEY,
        former_owner_id=owner,
        orphaned_at=at(seconds),
    )
    return _event(credentials.CredentialOrphaned, seconds, credential, data, more)


def new_owner(seconds: float, credential: str = "key-1", *, owner: str = "bo", **more: Any) -> Event:
    data = credentials.OwnerData(credential_id=credential, owner_id=owner)
    return _event(credentials.CredentialOwnerAssigned, seconds, credential, data, more)


def fact(event: Event, *, offset: int = 0, ingested: float = 8_640_000) -> Fact:
    """The event as the engine gets it, by the real decoder."""
    encoded = encode(event)
    found = decode(
        encoded.topic,
        value=encoded.value,
        headers=encoded.headers,
        partition=0,
        offset=offset,
        ingested_ms=round(at(ingested).timestamp() * 1000),
    )
    assert found is not None
    return found
