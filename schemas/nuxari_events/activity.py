"""The contract of `access.activity`: after this, nobody lists its event types a second time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nuxari_events.access import (
    ActionPerformed,
    CredentialUsed,
    MfaChallengeCompleted,
    MfaPromptReported,
    RefreshTokenReused,
    RoleGranted,
    SessionEnded,
    SignInCompleted,
)
from nuxari_events.administration import (
    AccessPolicyChanged,
    AccountChanged,
    CredentialCreated,
    RoleRemoved,
    SecretRead,
)
from nuxari_events.oversight import AuditChainBroken, AuditLogChanged, ConnectorReported

AccessActivity = Annotated[
    SignInCompleted
    | MfaChallengeCompleted
    | ActionPerformed
    | CredentialUsed
    | RoleGranted
    | SessionEnded
    | RefreshTokenReused
    | MfaPromptReported
    | AccountChanged
    | RoleRemoved
    | CredentialCreated
    | SecretRead
    | AccessPolicyChanged
    | AuditLogChanged
    | AuditChainBroken
    | ConnectorReported,
    Field(discriminator="type"),
]
"""The contract of `access.activity`."""
