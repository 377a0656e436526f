"""The detections, built to be read: what each looks for, how it counts, and why it matters."""

from __future__ import annotations

from datetime import timedelta

from services.monitoring.domain.model import Technique
from services.monitoring.domain.rules import (
    DisabledIdentity,
    EventCount,
    FirstSeen,
    Match,
    Ordered,
    OutsideActivation,
    Rule,
)

SIGN_IN = "nuxari.access.sign_in_completed.v1"
MFA_CHALLENGE = "nuxari.access.mfa_challenge_completed.v1"
ACTION = "nuxari.access.action_performed.v1"
CREDENTIAL_USE = "nuxari.access.credential_used.v1"
ROLE_GRANT = "nuxari.access.role_granted.v1"
ROLE_ASSIGNED = "nuxari.identity.role_assigned.v1"
ROLE_REVOKED = "nuxari.identity.role_revoked.v1"
USER_ACTIVATED = "nuxari.identity.user_activated.v1"
USER_DEACTIVATED = "nuxari.identity.user_deactivated.v1"
ROLE_ACTIVATED = "nuxari.pim.role_activated.v1"
ACTIVATION_ENDED = "nuxari.pim.activation_ended.v1"
CREDENTIAL_REGISTERED = "nuxari.credential.credential_registered.v1"
CREDENTIAL_ORPHANED = "nuxari.credential.credential_orphaned.v1"
OWNER_ASSIGNED = "nuxari.credential.owner_assigned.v1"

_ATTACK = "v18.1"
_ADMINISTRATIVE = ("client_owner", "client_admin", "client_security_admin", "client_compliance_auditor")


def _attack(*ids: str) -> tuple[Technique, ...]:
    return tuple(Technique(one, _ATTACK) for one in ids)


_FAILED = Match(type=SIGN_IN, role="failure", where=(("outcome", ("failure",)),))
_SUCCEEDED = Match(type=SIGN_IN, role="success", where=(("outcome", ("success",)),))

# Somebody guesses one account's password. Ten tries in ten minutes are more than a person mistypes.
BRUTE_FORCE = EventCount(
    id="brute-force",
    number=1,
    title="Brute force against a single account",
    severity="medium",
    attack=_attack("T1110.001"),
    summary="{value} failed sign-ins of {user_id} within {window} (threshold {threshold})",
    group_by=("user_id",),
    matches=(_FAILED,),
    threshold=10,
    window=timedelta(minutes=10),
)

# The guessing stopped because it worked: within half an hour of the burst the same account signs in.
BRUTE_FORCE_SUCCESS = Ordered(
    id="brute-force-then-success",
    number=2,
    title="Brute force followed by a successful sign-in",
    severity="high",
    attack=_attack("T1110", "T1078.004"),
    summary="{user_id} signed in after {value} failed sign-ins within {window} (threshold {threshold})",
    group_by=("user_id",),
    matches=(_FAILED, _SUCCEEDED),
    threshold=10,
    window=timedelta(minutes=10),
    within=timedelta(minutes=30),
    first="failure",
    then="success",
)

# A sign-in that never asked for a second factor, by a way that this account has not used for two weeks.
WITHOUT_MFA = FirstSeen(
    id="sign-in-without-mfa",
    number=12,
    title="Sign-in by a flow without MFA",
    severity="medium",
    attack=_attack("T1078.004", "T1550.001"),
    summary="{user_id} signed in by {flow} without a second factor, for the first time in {window}",
    group_by=("user_id", "flow"),
    matches=(
        Match(
            type=SIGN_IN,
            role="sign-in",
            where=(("outcome", ("success",)), ("flow", ("ropc", "device_code", "legacy_protocol"))),
        ),
        Match(
            type=SIGN_IN,
            role="sign-in",
            where=(
                ("outcome", ("success",)),
                ("administrative", (True,)),
                ("mfa", (False,)),
                ("flow", ("interactive", "single_sign_on", "refresh")),
            ),
        ),
    ),
    memory=timedelta(days=14),
)

# Prompt after prompt until the person gives in. Each one was denied or ran out; a success does not make it better.
MFA_FATIGUE = EventCount(
    id="mfa-fatigue",
    number=13,
    title="MFA fatigue",
    severity="high",
    attack=_attack("T1621"),
    summary="{value} push prompts of {user_id} were denied or ran out within {window} (threshold {threshold})",
    group_by=("user_id",),
    matches=(
        Match(type=MFA_CHALLENGE, role="prompt", where=(("method", ("push",)), ("outcome", ("denied", "timed_out")))),
    ),
    threshold=5,
    window=timedelta(minutes=10),
)

# Whoever left has no business here: neither they nor anything they left behind may be used.
DISABLED_IDENTITY = DisabledIdentity(
    id="disabled-identity-used",
    number=33,
    title="Use of a deactivated identity or of its credentials",
    severity="high",
    attack=_attack("T1078"),
    summary="{value} uses of {user_id}, or of credentials of theirs, after their deactivation",
    group_by=("user_id",),
    matches=(
        _SUCCEEDED,
        Match(type=ACTION, role="action", where=(("outcome", ("success",)),)),
        Match(type=CREDENTIAL_USE, role="credential-use"),
        Match(type=USER_ACTIVATED, role="activation"),
        Match(type=USER_DEACTIVATED, role="deactivation"),
        Match(type=CREDENTIAL_REGISTERED, role="registration"),
        Match(type=CREDENTIAL_ORPHANED, role="orphaning"),
        Match(type=OWNER_ASSIGNED, role="new-owner"),
    ),
)

# Standing privilege given by hand is what PIM is there to end; it is also how an intruder stays.
OUTSIDE_PIM = EventCount(
    id="role-assigned-outside-pim",
    number=34,
    title="Privileged role assigned outside PIM",
    severity="high",
    attack=_attack("T1098.003"),
    summary="{user_id} was given {role} outside PIM",
    group_by=("user_id", "role"),
    matches=(
        Match(type=ROLE_GRANT, role="grant", where=(("privileged", (True,)), ("pim_request_id", (None,)))),
        Match(type=ROLE_ASSIGNED, role="assignment", where=(("origin", ("direct",)), ("role", _ADMINISTRATIVE))),
    ),
    threshold=1,
    window=timedelta(minutes=1),
)

# Privilege was used while nobody had granted it for that moment: the join of every action with PIM's activations.
ACTION_OUTSIDE_ACTIVATION = OutsideActivation(
    id="privileged-action-outside-activation",
    number=35,
    title="Privileged action outside an activation",
    severity="critical",
    attack=_attack("T1548.005", "T1078"),
    summary="{value} privileged actions of {user_id} that need {role}, without a live activation",
    group_by=("user_id", "role"),
    matches=(
        Match(type=ACTION, role="action", where=(("outcome", ("success",)),), present="required_role"),
        Match(type=ROLE_ACTIVATED, role="activation"),
        Match(type=ACTIVATION_ENDED, role="activation-end"),
        Match(type=ROLE_ASSIGNED, role="assignment", where=(("origin", ("direct", "bootstrap")),)),
        Match(type=ROLE_REVOKED, role="revocation", where=(("origin", ("direct", "bootstrap")),)),
    ),
    skew=timedelta(seconds=60),
)

PACK: tuple[Rule, ...] = (
    BRUTE_FORCE,
    BRUTE_FORCE_SUCCESS,
    WITHOUT_MFA,
    MFA_FATIGUE,
    DISABLED_IDENTITY,
    OUTSIDE_PIM,
    ACTION_OUTSIDE_ACTIVATION,
)
"""Every detection, in the order of its number."""
