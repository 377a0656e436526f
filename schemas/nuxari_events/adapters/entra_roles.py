"""Who receives which role in Microsoft Entra ID: after this, every way PIM has of saying it is one grant or none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from nuxari_events.adapters.entra_details import detail_of
from nuxari_events.adapters.fields import Fields

PRIVILEGED_ROLES = {
    "db506228-d27e-4b7d-95e5-295956d6615f": "Agent ID Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "cf1c38e5-3621-4004-a7cb-879624dced7c": "Application Developer",
    "ecb2c6bf-0ab6-418e-bd87-7986f8d63bbe": "Attribute Provisioning Administrator",
    "422218e4-db15-4ef9-bbe0-8afb41546d79": "Attribute Provisioning Reader",
    "c4e39bd9-1100-46d3-8c65-fb160da0071f": "Authentication Administrator",
    "25a516ed-2fa0-40ea-a2d0-12923a21473a": "Authentication Extensibility Administrator",
    "aaf43236-0c0d-4d5f-883a-6955382ac081": "B2C IEF Keyset Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "7698a772-787b-4ac8-901f-60d6b08affd2": "Cloud Device Administrator",
    "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9": "Conditional Access Administrator",
    "9360feb5-f418-4baa-8175-e2a00bac4301": "Directory Writers",
    "8329153b-31d0-4727-b945-745eb3bc5f31": "Domain Name Administrator",
    "be2f45a1-457d-42af-a067-6ec1fa63bc45": "External Identity Provider Administrator",
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
    "729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
    "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
    "3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
    "59d46f88-662b-457b-bceb-5c3809e5908f": "Lifecycle Workflows Administrator",
    "4ba39ca4-527c-499a-b93d-d9b492c50246": "Partner Tier1 Support",
    "e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8": "Partner Tier2 Support",
    "966707d0-3269-4727-9be2-8c3a10f19b9d": "Password Administrator",
    "7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
    "194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
    "5f2222b1-57c3-48ba-8ad5-d4759f1fde6f": "Security Operator",
    "5d6b6bb7-de71-4623-b4af-96380a352509": "Security Reader",
    "fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
}
"""Template ids of the built-in roles that Microsoft's reference labels as privileged."""

PRIVILEGED_NAMES = frozenset(PRIVILEGED_ROLES.values()) | {"Company Administrator"}
"""For records without a template id; the last is what the directory calls its global administrators."""

PRIVILEGED_AZURE_ROLES = frozenset(
    {"Contributor", "Owner", "Role Based Access Control Administrator", "User Access Administrator"}
)
"""Roles of Azure resources that Microsoft counts as privileged; PIM gives them in the category `ResourceManagement`."""

_DIRECT = re.compile(r"^Add (?:scoped )?member to role(?: scoped over .+)?$")
_OUTSIDE = re.compile(r"^Add member to role outside of PIM(?: \(.+\))?$")
_BY_PIM = re.compile(r"^Add member to role (?:completed \(PIM activation\)|in PIM completed(?: \(.+\))?)$")
_PIM_ITSELF = frozenset({"MS-PIM", "MS-PIM-Fairfax", "Azure AD PIM", "Privileged Identity Management"})
"""Applications by which PIM carries out what it has recorded already."""

_RECEIVERS = ("User", "ServicePrincipal", "Group")
"""Types of what can hold a role, the first found counts: with PIM for groups a user's record names the group too."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A principal and the role that it received."""

    receiver: str
    receiver_name: str | None
    role: str
    privileged: bool
    system: str
    pim_request_id: str | None
    """None where the role was given around PIM."""


def grant_of(body: Fields, *, system: str) -> Grant | None:
    """Return what a successful activity gave to whom; None where it gave no role.

    What PIM's own application does in the directory is no grant: PIM's record of the same says it, with its request.
    """
    activity = body.look_text("activityDisplayName") or ""
    by_pim = _BY_PIM.match(activity) is not None
    if not by_pim and not _DIRECT.match(activity) and not _OUTSIDE.match(activity):
        return None
    if body.look_text("initiatedBy", "app", "displayName") in _PIM_ITSELF and not by_pim:
        return None
    role = _role(body) if _target(body, *_RECEIVERS) is not None else None
    receiver = _receiver(body) if role is not None else None
    if receiver is None or role is None:
        body.remark("the role or its receiver is not named", "targetResources")
        return None
    body.take("activityDisplayName")
    return Grant(
        receiver=receiver,
        receiver_name=_receiver_name(body),
        role=role,
        privileged=_is_privileged(body, role),
        system=system,
        pim_request_id=_request(body) if by_pim else None,
    )


def _target(body: Fields, *types: str) -> Fields | None:
    targets = body.each("targetResources")
    return next((one for kind in types for one in targets if one.look("type") == kind), None)


def _receiver(body: Fields) -> str | None:
    target = _target(body, *_RECEIVERS)
    if target is None:
        return None
    found = target.name("id") or target.name("userPrincipalName")
    if found is not None:
        target.take("type")
    return found


def _receiver_name(body: Fields) -> str | None:
    target = _target(body, *_RECEIVERS)
    return (target.name("userPrincipalName") or target.name("displayName")) if target is not None else None


def _role(body: Fields) -> str | None:
    """The directory names it among what it modified, PIM as a target of its own."""
    target = _target(body, "Role")
    named = target.name("displayName") if target is not None else None
    return named or _modified(body, "Role.DisplayName")


def _is_privileged(body: Fields, role: str) -> bool:
    template = _modified(body, "Role.TemplateId", "TemplateId") or detail_of(body, "TemplateId")
    if body.look("category") == "ResourceManagement":
        body.take("category")
        return role in PRIVILEGED_AZURE_ROLES
    return template.lower() in PRIVILEGED_ROLES if template else role in PRIVILEGED_NAMES


def _request(body: Fields) -> str | None:
    """PIM's request; where the record names none, the record itself, as it is PIM's own."""
    target = _target(body, "Request")
    named = target.name("id") if target is not None else None
    return named or detail_of(body, "RequestId") or body.look_text("id")


def _modified(body: Fields, *names: str) -> str | None:
    """The new value of a property of any target; the log writes it as JSON within the JSON."""
    for target in body.each("targetResources"):
        for modified in target.each("modifiedProperties"):
            value = _text_of(modified) if modified.look("displayName") in names else None
            if value is not None:
                modified.take("displayName")
                modified.take("newValue")
                return value
    return None


def _text_of(modified: Fields) -> str | None:
    text = modified.look_text("newValue")
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        value = text
    return value if isinstance(value, str) and value else None
