"""Directory audits of Microsoft Entra ID: after this, an activity is a role that was given, or an action."""

from __future__ import annotations

from typing import Any

from nuxari_events.access import ActionData, ActionPerformed, Outcome, RoleGrantData, RoleGranted
from nuxari_events.adapters.entra_details import detail_of
from nuxari_events.adapters.entra_roles import Grant, grant_of
from nuxari_events.adapters.fields import TEXT_LENGTH, Fields
from nuxari_events.adapters.reading import Head, UnreadableError, is_ip, needed_name
from nuxari_events.envelope import Event

_OUTCOMES = {"success": Outcome.SUCCESS, "failure": Outcome.FAILURE, "timeout": Outcome.FAILURE}
_ADDRESS, _AGENT = "ipaddr", "User-Agent"
"""Keys of `additionalDetails` under which PIM writes the address, and the directory the agent."""


def principal(body: Fields) -> str | None:
    """Take who did it: the user, else the application that acted on its own."""
    user, app = body.at("initiatedBy", "user"), body.at("initiatedBy", "app")
    return (
        user.name("id")
        or user.name("userPrincipalName")
        or app.name("servicePrincipalId")
        or app.name("appId")
        or app.name("displayName")
    )


def events(body: Fields, head: Head) -> tuple[Event, ...]:
    """Return what one audit record says."""
    outcome = _OUTCOMES.get((body.look_text("result") or "").casefold())
    if outcome is None:
        raise UnreadableError("no-outcome", "result: success, failure or timeout is needed")
    body.take("result")
    origin = _origin(body)
    grant = (
        grant_of(body, system=f"entra:{head.tenant_id.removeprefix('entra-')}") if outcome is Outcome.SUCCESS else None
    )
    if grant is not None:
        return (_role_granted(head, origin, grant),)
    return (_action(body, head, origin, outcome),)


def _origin(body: Fields) -> dict[str, Any]:
    address = body.name("initiatedBy", "user", "ipAddress", well_formed=is_ip)
    agent = body.name("userAgent", limit=TEXT_LENGTH)
    return {
        "ip": address or detail_of(body, _ADDRESS, well_formed=is_ip),
        "user_agent": agent or detail_of(body, _AGENT, limit=TEXT_LENGTH),
    }


def _role_granted(head: Head, origin: dict[str, Any], grant: Grant) -> RoleGranted:
    data = RoleGrantData(
        **origin,
        user_id=grant.receiver,
        user_name=grant.receiver_name,
        role=grant.role,
        privileged=grant.privileged,
        system=grant.system,
        pim_request_id=grant.pim_request_id,
    )
    return RoleGranted(**head.envelope(subject=grant.receiver), data=data)


def _action(body: Fields, head: Head, origin: dict[str, Any], outcome: Outcome) -> ActionPerformed:
    data = ActionData(
        **origin,
        user_id=head.actor_id,
        user_name=body.name("initiatedBy", "user", "userPrincipalName"),
        action=needed_name(body, "activityDisplayName"),
        resource=_resource(body),
        outcome=outcome,
        application=body.name("loggedByService"),
        reason=body.name("resultReason"),
    )
    return ActionPerformed(**head.envelope(subject=head.actor_id), data=data)


def _resource(body: Fields) -> str | None:
    """The first of what it was done to: its type and id, as names are given anew."""
    for target in body.each("targetResources"):
        found = target.name("id", limit=150)
        if found is not None:
            kind = target.name("type", limit=100)
            return f"{kind}/{found}" if kind else found
    return None
