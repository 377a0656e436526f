"""What lifecycle events say of users and credentials, as single sayings: the attribute, and what it is from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

Subject = Literal["user", "credential"]


class Saying(NamedTuple):
    """One attribute of one user or credential, as an event says it."""

    subject: Subject
    id: str
    attribute: str
    """`state`, `lock`, `role`, `factor`, ...; which ones there are is what `read` below yields."""
    name: str
    """Which one, of attributes that a user has several of: a role, a factor, a system; else empty."""
    value: Any
    """Plain JSON; null where it is over."""


def sayings(fact: Any) -> Iterator[Saying]:  # noqa: ANN401 - a fact, or what looks like one
    """Yield what the fact says, nothing for types that are not `NOTED`."""
    read = _READ.get(fact.type)
    if read is not None:
        yield from read(fact.data)


def _get(data: Any, name: str) -> Any:  # noqa: ANN401 - any JSON
    return getattr(data, name, None)


def _user(attribute: str, value: Any, data: Any, *, name: str = "") -> Saying:  # noqa: ANN401 - any JSON
    return Saying("user", data.user_id, attribute, name, value)


def _credential(attribute: str, value: Any, data: Any) -> Saying:  # noqa: ANN401 - any JSON
    return Saying("credential", data.credential_id, attribute, "", value)


def _state(value: str) -> Callable[[Any], Iterator[Saying]]:
    def read(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
        yield _user("state", value, data)

    return read


def _happened(attribute: str) -> Callable[[Any], Iterator[Saying]]:
    """Return what reads that something happened; when, is the time of the saying."""

    def read(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
        yield _user(attribute, True, data)

    return read


def _locked(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield _user("lock", {"ends_at": _get(data, "ends_at")}, data)


def _unlocked(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield _user("lock", None, data)


def _assigned(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    value = {"role": data.role, "origin": _get(data, "origin"), "ends_at": _get(data, "ends_at")}
    yield _user("role", value, data, name=data.role)


def _revoked(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield _user("role", None, data, name=data.role)


def _granted(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    value = {"role": data.role, "system": data.system, "privileged": data.privileged}
    yield _user("role", value, data, name=f"{data.role} {data.system}")


def _removed(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield _user("role", None, data, name=f"{data.role} {data.system}")


def _activated(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    value = {"role": data.role, "starts_at": data.starts_at, "ends_at": data.ends_at}
    yield _user("activation", value, data, name=data.activation_id)


def _activation_ended(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield _user("activation", None, data, name=data.activation_id)


def _factor(*, is_there: bool) -> Callable[[Any], Iterator[Saying]]:
    def read(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
        yield _user("factor", {"system": ""} if is_there else None, data, name=data.factor_id)

    return read


def _account(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    """Yield what happened to an account in a connected system, which is another than the user's here."""
    system = _get(data, "system") or "unnamed"
    if data.change in _ACCOUNT_STATES:
        yield _user("account", _ACCOUNT_STATES[data.change], data, name=system)
    elif data.change in {"locked", "unlocked"}:
        value = {"ends_at": None} if data.change == "locked" else None
        yield _user("account_lock", value, data, name=system)
    elif data.change in {"factor_enrolled", "factor_removed"}:
        yield from _account_factor(data, system)
    else:
        yield _user(data.change, True, data, name=system)


_ACCOUNT_STATES = {"created": "active", "enabled": "active", "disabled": "deactivated", "deleted": "deleted"}


def _account_factor(data: Any, system: str) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    """Yield whether the factor is there; one without an id cannot be counted."""
    if _get(data, "factor_id") is not None:
        value = {"system": system} if data.change == "factor_enrolled" else None
        yield _user("factor", value, data, name=f"{data.factor_id} {system}")


def _facts(*names: str, kind: str | None = None) -> Callable[[Any], Iterator[Saying]]:
    """Return what reads attributes that stand in the event under their own names."""

    def read(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
        for name in names:
            if (value := _get(data, name)) is not None:
                yield _credential(name, value, data)
        if kind is not None:
            yield _credential("kind", kind, data)

    return read


def _registered(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    """Yield the registered facts; without `expires_at` it does not expire, whatever was said before."""
    yield from _facts("kind", "owner_id", *_RESTRICTED)(data)
    yield _credential("expires_at", data.expires_at, data)


def _orphaned(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield _credential("kind", data.kind, data)
    yield _credential("owner_id", None, data)


def _voided(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    """Yield that a credential is void; a version of it that is, is history."""
    yield from _facts("kind", "owner_id")(data)
    if _get(data, "version_id") is None:
        yield _credential("revoked_at", data.revoked_at, data)


def _rotation(state: str | None) -> Callable[[Any], Iterator[Saying]]:
    def read(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
        yield from _facts("kind", "owner_id")(data)
        yield _credential("rotation", {"state": state, "due_at": _get(data, "due_at")}, data)

    return read


def _changed_elsewhere(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield from _facts("kind", "owner_id")(data)
    yield _credential("changed_out_of_band", True, data)


def _token(data: Any) -> Iterator[Saying]:  # noqa: ANN401 - an event's data
    yield from _facts("expires_at", "agent_id", kind="agent_token")(data)
    if _get(data, "sponsor_id") is not None:
        yield _credential("owner_id", data.sponsor_id, data)


_RESTRICTED = ("administrative", "network_restricted")

_READ: dict[str, Callable[[Any], Iterator[Saying]]] = {
    "nuxari.identity.user_invited.v1": _state("invited"),
    "nuxari.identity.user_activated.v1": _state("active"),
    "nuxari.identity.user_deactivated.v1": _state("deactivated"),
    "nuxari.identity.user_locked.v1": _locked,
    "nuxari.identity.user_unlocked.v1": _unlocked,
    "nuxari.identity.role_assigned.v1": _assigned,
    "nuxari.identity.role_revoked.v1": _revoked,
    "nuxari.identity.factor_enrolled.v1": _factor(is_there=True),
    "nuxari.identity.factor_removed.v1": _factor(is_there=False),
    "nuxari.identity.mfa_reset.v1": _happened("mfa_reset"),
    "nuxari.identity.password_changed.v1": _happened("password_changed"),
    "nuxari.identity.password_reset.v1": _happened("password_reset"),
    "nuxari.access.account_changed.v1": _account,
    "nuxari.access.role_granted.v1": _granted,
    "nuxari.access.role_removed.v1": _removed,
    "nuxari.pim.role_activated.v1": _activated,
    "nuxari.pim.activation_ended.v1": _activation_ended,
    "nuxari.credential.credential_registered.v1": _registered,
    "nuxari.credential.owner_assigned.v1": _facts("owner_id"),
    "nuxari.credential.credential_orphaned.v1": _orphaned,
    "nuxari.credential.credential_revoked.v1": _voided,
    "nuxari.credential.credential_rotated.v1": _rotation(None),
    "nuxari.credential.rotation_scheduled.v1": _rotation("scheduled"),
    "nuxari.credential.rotation_overdue.v1": _rotation("overdue"),
    "nuxari.credential.rotation_disabled.v1": _rotation("disabled"),
    "nuxari.credential.expiry_band_crossed.v1": _facts("owner_id", "expires_at"),
    "nuxari.credential.out_of_band_change_detected.v1": _changed_elsewhere,
    "nuxari.credential.network_restriction_changed.v1": _facts("kind", *_RESTRICTED),
    "nuxari.credential.agent_token_issued.v1": _token,
    "nuxari.access.credential_created.v1": _facts("kind", *_RESTRICTED),
}

NOTED = frozenset(_READ)
"""The types of events that say something of a user or a credential."""
