"""The eight client tenant roles and their two families: after this, a role is a word with a known standing."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A client tenant role. A user may hold several; effective access is their union."""

    CLIENT_OWNER = "client_owner"
    CLIENT_ADMIN = "client_admin"
    CLIENT_SECURITY_ADMIN = "client_security_admin"
    CLIENT_COMPLIANCE_AUDITOR = "client_compliance_auditor"
    GOVERNANCE_OPERATOR = "governance_operator"
    APPROVER = "approver"
    REQUESTER = "requester"
    READONLY_VIEWER = "readonly_viewer"

    @property
    def is_administrative(self) -> bool:
        """Whether the role belongs to the administrative family (the four `client_*` roles)."""
        return self in ADMINISTRATIVE


ADMINISTRATIVE = frozenset(
    {Role.CLIENT_OWNER, Role.CLIENT_ADMIN, Role.CLIENT_SECURITY_ADMIN, Role.CLIENT_COMPLIANCE_AUDITOR}
)
"""The administrative family; the other four roles are operational."""


def known_role(name: str) -> Role:
    """Return the role of that name; an unknown one grants no more than `readonly_viewer` (fail closed)."""
    try:
        return Role(name)
    except ValueError:
        return Role.READONLY_VIEWER
