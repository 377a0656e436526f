"""The capability matrix as data: after this, an endpoint names the permission it needs and nothing else decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from nuxari_events.roles import Role, known_role


class Permission(StrEnum):
    """One capability of the matrix; where some roles may only look, looking is a permission of its own."""

    ASSIGN_CLIENT_OWNER = "role.assign.client_owner"
    ASSIGN_CLIENT_ADMIN = "role.assign.client_admin"
    ASSIGN_CLIENT_SECURITY_ADMIN = "role.assign.client_security_admin"
    ASSIGN_OTHER_ROLES = "role.assign.other"
    MANAGE_USERS = "user.manage"
    MANAGE_BILLING = "billing.manage"
    MANAGE_MFA_POLICY = "mfa_policy.manage"
    MANAGE_PIM = "pim.manage"
    VIEW_SECURITY_EVENTS = "security_event.view"
    MANAGE_SECURITY_EVENTS = "security_event.manage"
    VIEW_CREDENTIALS = "credential.view"
    MANAGE_CREDENTIALS = "credential.manage"
    VIEW_DOMAIN_ALLOWLIST = "domain_allowlist.view"
    MANAGE_DOMAIN_ALLOWLIST = "domain_allowlist.manage"
    VIEW_AGENT_TOKEN_POLICY = "agent_token_policy.view"  # noqa: S105 - the name of a permission
    MANAGE_AGENT_TOKEN_POLICY = "agent_token_policy.manage"  # noqa: S105 - the name of a permission
    MANAGE_AGENTS = "agent.manage"
    DECIDE_APPROVAL = "approval.decide"
    REQUEST_ACCESS = "access.request"
    VIEW_AUDIT = "audit.view"
    EXPORT_AUDIT = "audit.export"
    DECIDE_ACCESS_REVIEW = "access_review.decide"
    OWN_PROFILE = "profile.own"


_OWNER, _ADMIN, _SECURITY = Role.CLIENT_OWNER, Role.CLIENT_ADMIN, Role.CLIENT_SECURITY_ADMIN
_AUDITOR, _OPERATOR = Role.CLIENT_COMPLIANCE_AUDITOR, Role.GOVERNANCE_OPERATOR
_APPROVER, _REQUESTER = Role.APPROVER, Role.REQUESTER

_VIEWERS = frozenset({_OWNER, _ADMIN, _SECURITY, _AUDITOR})
_SECURITY_OWNERS = frozenset({_OWNER, _SECURITY})
_ADMINS = frozenset({_OWNER, _ADMIN})

MATRIX: Mapping[Permission, frozenset[Role]] = {
    Permission.ASSIGN_CLIENT_OWNER: frozenset({_OWNER}),
    Permission.ASSIGN_CLIENT_ADMIN: frozenset({_OWNER}),
    Permission.ASSIGN_CLIENT_SECURITY_ADMIN: _ADMINS,
    Permission.ASSIGN_OTHER_ROLES: _ADMINS,
    Permission.MANAGE_USERS: _ADMINS,
    Permission.MANAGE_BILLING: frozenset({_OWNER}),
    Permission.MANAGE_MFA_POLICY: _SECURITY_OWNERS,
    Permission.MANAGE_PIM: _SECURITY_OWNERS,
    Permission.VIEW_SECURITY_EVENTS: _VIEWERS,
    Permission.MANAGE_SECURITY_EVENTS: _SECURITY_OWNERS,
    Permission.VIEW_CREDENTIALS: _VIEWERS,
    Permission.MANAGE_CREDENTIALS: _SECURITY_OWNERS,
    Permission.VIEW_DOMAIN_ALLOWLIST: _VIEWERS,
    Permission.MANAGE_DOMAIN_ALLOWLIST: _SECURITY_OWNERS,
    Permission.VIEW_AGENT_TOKEN_POLICY: _VIEWERS,
    Permission.MANAGE_AGENT_TOKEN_POLICY: _SECURITY_OWNERS,
    Permission.MANAGE_AGENTS: _ADMINS,
    Permission.DECIDE_APPROVAL: frozenset({_OWNER, _ADMIN, _SECURITY, _APPROVER}),
    Permission.REQUEST_ACCESS: frozenset({_OWNER, _ADMIN, _SECURITY, _AUDITOR, _OPERATOR, _APPROVER, _REQUESTER}),
    Permission.VIEW_AUDIT: _VIEWERS,
    Permission.EXPORT_AUDIT: _SECURITY_OWNERS,
    Permission.DECIDE_ACCESS_REVIEW: _SECURITY_OWNERS,
    Permission.OWN_PROFILE: frozenset(Role),
}
"""Which roles have which capability (NUXARI.md, the eight client tenant roles)."""

FRESH_MFA: frozenset[Permission] = frozenset(
    {
        Permission.ASSIGN_CLIENT_OWNER,
        Permission.ASSIGN_CLIENT_ADMIN,
        Permission.ASSIGN_CLIENT_SECURITY_ADMIN,
        Permission.MANAGE_MFA_POLICY,
        Permission.MANAGE_PIM,
        Permission.MANAGE_DOMAIN_ALLOWLIST,
        Permission.MANAGE_AGENT_TOKEN_POLICY,
        Permission.DECIDE_APPROVAL,
        Permission.EXPORT_AUDIT,
    }
)
"""What always takes fresh MFA (NUXARI.md, rule 4).

Where only some uses of a permission do (assigning `client_compliance_auditor` among the other roles, activating a
privileged role, configuring a detection), the route or the use asks for it itself.
"""

_ASSIGNED_UNDER: Mapping[Role, Permission] = {
    _OWNER: Permission.ASSIGN_CLIENT_OWNER,
    _ADMIN: Permission.ASSIGN_CLIENT_ADMIN,
    _SECURITY: Permission.ASSIGN_CLIENT_SECURITY_ADMIN,
}


def may(roles: Iterable[Role | str], permission: Permission) -> bool:
    """Say whether the union of the roles has the permission; an unknown role counts as `readonly_viewer`."""
    return any(known_role(role) in MATRIX[permission] for role in roles)


def needed_to_assign(role: Role) -> Permission:
    """Return the permission that assigning or revoking the role takes."""
    return _ASSIGNED_UNDER.get(role, Permission.ASSIGN_OTHER_ROLES)


def assignable_by(role: Role) -> frozenset[Role]:
    """Return the roles that a holder of this one may assign and revoke."""
    return frozenset(other for other in Role if may([role], needed_to_assign(other)))
