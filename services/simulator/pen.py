"""Writing the events of one actor: after this, a story is a few lines and its ids are the same in every run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from nuxari_events.access import (
    ActionData,
    ActionPerformed,
    CredentialUsed,
    CredentialUseData,
    MfaChallengeCompleted,
    MfaChallengeData,
    MfaMethod,
    MfaOutcome,
    Outcome,
    RoleGrantData,
    RoleGranted,
    SignInCompleted,
    SignInData,
    SignInFlow,
)
from nuxari_events.credentials import (
    CredentialData,
    CredentialKind,
    CredentialOrphaned,
    CredentialRegistered,
    OrphanData,
)
from nuxari_events.envelope import Event, Payload
from nuxari_events.identity import (
    AssignmentOrigin,
    DeactivationData,
    RoleAssigned,
    RoleData,
    RoleRevoked,
    UserActivated,
    UserData,
    UserDeactivated,
)
from nuxari_events.ids import derived_id
from nuxari_events.pim import (
    ActivationData,
    ActivationEndData,
    ActivationEnded,
    EligibilityData,
    EligibilityGranted,
    EndReason,
    RoleActivated,
)
from nuxari_events.topics import event_type

from services.simulator.people import Person, Place

SOURCE = "/simulator"
"""Each domain of events has a source of its own below it, as in a real tenant, where lateness is by source."""

AnyEvent = TypeVar("AnyEvent", bound=Event)


class Pen:
    """Writes events of one tenant under ids that follow from the actor's name and the order of writing."""

    def __init__(self, tenant_id: str, *, actor: str) -> None:
        self._tenant_id = tenant_id
        self._actor = actor
        self._written = 0

    def _write(self, event: type[AnyEvent], at: datetime, subject: str, data: Payload) -> AnyEvent:
        self._written += 1
        domain = event_type(event).split(".")[1]
        return event.model_validate(
            {
                "id": derived_id("simulator", self._tenant_id, self._actor, str(self._written)),
                "source": f"{SOURCE}/{domain}",
                "time": at,
                "subject": subject,
                "tenantid": self._tenant_id,
                "data": data,
            }
        )

    def sign_in(
        self,
        at: datetime,
        person: Person,
        *,
        place: Place,
        outcome: Outcome = Outcome.SUCCESS,
        flow: SignInFlow = SignInFlow.INTERACTIVE,
        mfa: bool | None = None,
        administrative: bool | None = None,
    ) -> SignInCompleted:
        """Write a sign-in; an administrator's is administrative unless said otherwise."""
        data = SignInData(
            user_id=person.user_id,
            outcome=outcome,
            flow=flow,
            mfa=mfa,
            administrative=person.administrative if administrative is None else administrative,
            failure_reason=None if outcome is Outcome.SUCCESS else "invalid_password",
            **_origin(place),
        )
        return self._write(SignInCompleted, at, person.user_id, data)

    def push(self, at: datetime, person: Person, *, place: Place, outcome: MfaOutcome) -> MfaChallengeCompleted:
        """Write what became of a push to the person's phone."""
        data = MfaChallengeData(user_id=person.user_id, method=MfaMethod.PUSH, outcome=outcome, **_origin(place))
        return self._write(MfaChallengeCompleted, at, person.user_id, data)

    def action(
        self,
        at: datetime,
        user_id: str,
        *,
        place: Place,
        action: str,
        resource: str,
        required_role: str | None = None,
        credential_id: str | None = None,
    ) -> ActionPerformed:
        """Write a successful action."""
        data = ActionData(
            user_id=user_id,
            action=action,
            resource=resource,
            required_role=required_role,
            credential_id=credential_id,
            **_origin(place),
        )
        return self._write(ActionPerformed, at, user_id, data)

    def credential_use(
        self, at: datetime, credential_id: str, *, place: Place, user_id: str | None, action: str
    ) -> CredentialUsed:
        """Write a successful use of a credential."""
        data = CredentialUseData(credential_id=credential_id, user_id=user_id, action=action, **_origin(place))
        return self._write(CredentialUsed, at, credential_id, data)

    def role_grant(
        self, at: datetime, user_id: str, *, role: str, privileged: bool, pim_request_id: str | None
    ) -> RoleGranted:
        """Write a role given in a connected system."""
        system = "aws:000000000000"
        data = RoleGrantData(
            user_id=user_id, role=role, privileged=privileged, system=system, pim_request_id=pim_request_id
        )
        return self._write(RoleGranted, at, user_id, data)

    def user_activated(self, at: datetime, person: Person) -> UserActivated:
        """Write that a person may sign in."""
        data = UserData(user_id=person.user_id, email=person.email)
        return self._write(UserActivated, at, person.user_id, data)

    def user_deactivated(self, at: datetime, person: Person) -> UserDeactivated:
        """Write that a person may no longer sign in."""
        data = DeactivationData(user_id=person.user_id, reason="left the company")
        return self._write(UserDeactivated, at, person.user_id, data)

    def role_assigned(
        self,
        at: datetime,
        user_id: str,
        *,
        role: str,
        origin: AssignmentOrigin,
        activation: ActivationData | None = None,
    ) -> RoleAssigned:
        """Write an assignment, for an activation until its planned end."""
        data = _role(user_id, role, origin, activation)
        return self._write(RoleAssigned, at, user_id, data)

    def role_revoked(self, at: datetime, *, activation: ActivationData) -> RoleRevoked:
        """Write the end of the assignment that carried out an activation."""
        data = _role(activation.user_id, activation.role, AssignmentOrigin.PIM, activation)
        return self._write(RoleRevoked, at, activation.user_id, data)

    def eligibility(self, at: datetime, user_id: str, *, role: str) -> EligibilityGranted:
        """Write a permanent eligibility."""
        data = EligibilityData(eligibility_id=f"{user_id}-{role}", user_id=user_id, role=role, starts_at=at)
        return self._write(EligibilityGranted, at, user_id, data)

    def activation(self, at: datetime, user_id: str, *, role: str, ends_at: datetime) -> RoleActivated:
        """Write an activation that is effective at once."""
        data = ActivationData(
            activation_id=derived_id("activation", self._tenant_id, self._actor, str(self._written)),
            eligibility_id=f"{user_id}-{role}",
            user_id=user_id,
            role=role,
            starts_at=at,
            ends_at=ends_at,
            justification="planned maintenance of the tenant",
        )
        return self._write(RoleActivated, at, user_id, data)

    def activation_end(
        self, at: datetime, *, activation: ActivationData, still_held_until: datetime | None = None
    ) -> ActivationEnded:
        """Write the end of an activation: withdrawn where it is before the planned one."""
        data = ActivationEndData(
            activation_id=activation.activation_id,
            user_id=activation.user_id,
            role=activation.role,
            ended_at=at,
            reason=EndReason.WITHDRAWN if at < activation.ends_at else EndReason.ENDED,
            role_still_held_until=still_held_until,
        )
        return self._write(ActivationEnded, at, activation.user_id, data)

    def credential(self, at: datetime, credential_id: str, *, owner_id: str) -> CredentialRegistered:
        """Write that a credential is governed and whose it is."""
        data = CredentialData(
            credential_id=credential_id,
            name=credential_id,
            kind=CredentialKind.API_KEY,
            owner_id=owner_id,
            issued_at=at,
        )
        return self._write(CredentialRegistered, at, credential_id, data)

    def credential_orphaned(self, at: datetime, credential_id: str, *, former_owner_id: str) -> CredentialOrphaned:
        """Write that a credential's owner is gone."""
        data = OrphanData(
            credential_id=credential_id,
            kind=CredentialKind.API_KEY,
            former_owner_id=former_owner_id,
            orphaned_at=at,
        )
        return self._write(CredentialOrphaned, at, credential_id, data)


def _origin(place: Place) -> Mapping[str, Any]:
    return {
        "ip": place.ip,
        "user_agent": place.user_agent,
        "device_id": place.device_id,
        "country": place.country,
        "asn": place.asn,
    }


def _role(user_id: str, role: str, origin: AssignmentOrigin, activation: ActivationData | None) -> RoleData:
    return RoleData(
        user_id=user_id,
        role=role,
        origin=origin,
        activation_id=activation.activation_id if activation else None,
        ends_at=activation.ends_at if activation else None,
    )
