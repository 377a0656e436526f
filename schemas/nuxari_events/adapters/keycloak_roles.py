"""Who receives which role by a Keycloak admin event: after this, "privileged in Keycloak" is a list to be disputed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from nuxari_events.access import RoleGrantData, RoleGranted
from nuxari_events.adapters.fields import Fields
from nuxari_events.adapters.reading import Head

PRIVILEGED_REALM_ROLES = frozenset({"admin", "create-realm"})
"""Roles of the master realm that administer every realm, or make new ones."""

PRIVILEGED_CLIENT_ROLES = frozenset(
    {
        "create-client",
        "impersonation",
        "manage-authorization",
        "manage-clients",
        "manage-events",
        "manage-identity-providers",
        "manage-realm",
        "manage-users",
        "realm-admin",
    }
)
"""Roles of the clients `realm-management` and `<realm>-realm` that change a realm. The record names a client by an id,
so a role of the same name that another client has counts too."""

_MAPPING = re.compile(r"^(users|groups)/([^/]+)/role-mappings/(?:realm|clients/([^/]+))$")


def grants_of(fields: Fields, head: Head, origin: Mapping[str, Any]) -> tuple[RoleGranted, ...]:
    """Return one grant for each role that the event maps to a user or group; nothing where it maps none.

    Whether a role is a composite that holds a privileged one, and what a group's members gain, is not in the record.
    """
    path = _MAPPING.match(fields.look_text("resourcePath") or "")
    roles = _role_names(fields) if path else []
    if path is None or not roles:
        return ()
    kind = fields.text("resourceType")
    for name in ("operationType", "resourcePath", "representation"):
        fields.take(name)
    fields.said_again(kind, "resourceTypeAsString")
    receiver = path[2] if path[1] == "users" else f"groups/{path[2]}"
    return tuple(_grant(head, origin, receiver=receiver, role=role, client=path[3]) for role in roles)


def _grant(head: Head, origin: Mapping[str, Any], *, receiver: str, role: str, client: str | None) -> RoleGranted:
    data = RoleGrantData(
        **origin,
        user_id=receiver,
        role=f"{client}/{role}" if client else role,
        privileged=role in (PRIVILEGED_CLIENT_ROLES if client else PRIVILEGED_REALM_ROLES),
        system=f"keycloak:{head.source.rpartition('/')[2]}",
    )
    return RoleGranted(**head.envelope(subject=receiver, part=role), data=data)


def _role_names(fields: Fields) -> list[str]:
    """The roles that the representation lists; where the realm keeps no representations, they are not known."""
    value = fields.look("representation")
    try:
        listed = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        listed = None
    names = [one.get("name") for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    found = [name for name in names if isinstance(name, str) and name]
    if not found or len(found) != len(names):
        fields.remark("the roles are not named", "representation")
        return []
    return list(dict.fromkeys(found))
