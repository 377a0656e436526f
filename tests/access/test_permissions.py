"""The matrix as data against the matrix as a table for people, transcribed cell by cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events.roles import Role

from shared.access.permissions import FRESH_MFA, MATRIX, Permission, assignable_by, may, needed_to_assign

TABLE = """
| Capability | Owner | Admin | SecAdmin | CompAuditor | GovOperator | Approver | Requester | Viewer |
|---|---|---|---|---|---|---|---|---|
| assign / revoke Client Owner | Y | - | - | - | - | - | - | - |
| assign / revoke Client Admin | Y | - | - | - | - | - | - | - |
| assign / revoke Client Security Admin | Y | Y | - | - | - | - | - | - |
| assign / revoke the other five | Y | Y | - | - | - | - | - | - |
| invite, deactivate, reactivate users; unlock; reset a user's MFA | Y | Y | - | - | - | - | - | - |
| billing, subscription | Y | - | - | - | - | - | - | - |
| MFA policy (tenant-wide, per role, per user) | Y | - | Y | - | - | - | - | - |
| PIM role settings, eligibility, JIT rules | Y | - | Y | - | - | - | - | - |
| security events, alert triage, alert and detection configuration | Y | view | Y | view | - | - | - | - |
| credential and certificate governance, rotation schedules | Y | view | Y | view | - | - | - | - |
| domain allowlist | Y | view | Y | view | - | - | - | - |
| agent-token policy | Y | view | Y | view | - | - | - | - |
| register / revoke edge agents and connectors | Y | Y | - | - | - | - | - | - |
| approve or reject a request that names them as approver | Y | Y | Y | - | - | Y | - | - |
| request access, activate an own eligibility | Y | Y | Y | Y | Y | Y | Y | - |
| security audit events and evidence: view | Y | Y | Y | Y | - | - | - | - |
| audit package: export | Y | - | Y | - | - | - | - | - |
| access reviews: decide | Y | - | Y | - | - | - | - | - |
| own profile, own MFA enrolment | Y | Y | Y | Y | Y | Y | Y | Y |
"""

COLUMNS = {
    "Owner": "client_owner",
    "Admin": "client_admin",
    "SecAdmin": "client_security_admin",
    "CompAuditor": "client_compliance_auditor",
    "GovOperator": "governance_operator",
    "Approver": "approver",
    "Requester": "requester",
    "Viewer": "readonly_viewer",
}

ROWS: dict[str, tuple[str, str | None]] = {
    "assign / revoke Client Owner": ("role.assign.client_owner", None),
    "assign / revoke Client Admin": ("role.assign.client_admin", None),
    "assign / revoke Client Security Admin": ("role.assign.client_security_admin", None),
    "assign / revoke the other five": ("role.assign.other", None),
    "invite, deactivate, reactivate users; unlock; reset a user's MFA": ("user.manage", None),
    "billing, subscription": ("billing.manage", None),
    "MFA policy (tenant-wide, per role, per user)": ("mfa_policy.manage", None),
    "PIM role settings, eligibility, JIT rules": ("pim.manage", None),
    "security events, alert triage, alert and detection configuration": (
        "security_event.manage",
        "security_event.view",
    ),
    "credential and certificate governance, rotation schedules": ("credential.manage", "credential.view"),
    "domain allowlist": ("domain_allowlist.manage", "domain_allowlist.view"),
    "agent-token policy": ("agent_token_policy.manage", "agent_token_policy.view"),
    "register / revoke edge agents and connectors": ("agent.manage", None),
    "approve or reject a request that names them as approver": ("approval.decide", None),
    "request access, activate an own eligibility": ("access.request", None),
    "security audit events and evidence: view": ("audit.view", None),
    "audit package: export": ("audit.export", None),
    "access reviews: decide": ("access_review.decide", None),
    "own profile, own MFA enrolment": ("profile.own", None),
}
"""The permissions of a row: what `Y` gives, and what `view` gives (and `Y` with it)."""


def _cells() -> dict[tuple[str, str], str]:
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.split("\n") if line]
    return {(row[0], COLUMNS[name]): cell for row in rows for name, cell in zip(header[1:], row[1:], strict=True)}


CELLS = _cells()


def _granted(role: str) -> set[str]:
    """Return what the table gives a role."""
    permissions: set[str] = set()
    for (capability, column), cell in CELLS.items():
        manage, view = ROWS[capability]
        if column == role and cell == "Y":
            permissions |= {manage} | ({view} if view else set())
        if column == role and cell == "view":
            permissions |= {str(view)}
    return permissions


def test_the_table_has_a_cell_for_every_capability_and_role():
    assert len(CELLS) == len(ROWS) * len(Role) == 19 * 8


def test_the_matrix_knows_the_permissions_of_the_table_and_no_others():
    named = {name for pair in ROWS.values() for name in pair if name}

    assert {str(permission) for permission in Permission} == named
    assert set(MATRIX) == set(Permission)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_every_cell_of_the_matrix_is_the_tables(role: Role, permission: Permission):
    assert may([role], permission) == (str(permission) in _granted(role))


@given(roles=st.sets(st.sampled_from(list(Role))), permission=st.sampled_from(list(Permission)))
def test_effective_access_is_the_union_over_roles(roles: set[Role], permission: Permission):
    assert may(roles, permission) == any(str(permission) in _granted(role) for role in roles)


@given(name=st.text(), permission=st.sampled_from(list(Permission)))
def test_an_unknown_role_grants_no_more_than_a_readonly_viewer(name: str, permission: Permission):
    expected = _granted(name if name in COLUMNS.values() else "readonly_viewer")

    assert may([name], permission) == (str(permission) in expected)


def test_without_any_role_nothing_is_granted():
    assert not any(may([], permission) for permission in Permission)


def test_only_an_owner_assigns_owners_and_admins_and_only_administrators_assign_at_all():
    everyone = frozenset(Role)

    assert assignable_by(Role.CLIENT_OWNER) == everyone
    assert assignable_by(Role.CLIENT_ADMIN) == everyone - {Role.CLIENT_OWNER, Role.CLIENT_ADMIN}
    assert all(assignable_by(role) == frozenset() for role in everyone - {Role.CLIENT_OWNER, Role.CLIENT_ADMIN})


@given(holder=st.sampled_from(list(Role)), role=st.sampled_from(list(Role)))
def test_what_a_role_may_assign_agrees_with_the_permission_that_assigning_takes(holder: Role, role: Role):
    assert (role in assignable_by(holder)) == (str(needed_to_assign(role)) in _granted(holder))


def test_rule_four_names_what_always_takes_fresh_mfa():
    assert {str(permission) for permission in FRESH_MFA} == {
        "role.assign.client_owner",
        "role.assign.client_admin",
        "role.assign.client_security_admin",
        "mfa_policy.manage",
        "pim.manage",
        "domain_allowlist.manage",
        "agent_token_policy.manage",
        "approval.decide",
        "audit.export",
    }
