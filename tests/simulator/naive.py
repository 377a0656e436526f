"""The detections as one reads them, over all events at once: slow, plain, and knowing nothing of the generator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from nuxari_events.access import (
    ActionPerformed,
    CredentialUsed,
    MfaChallengeCompleted,
    MfaOutcome,
    Outcome,
    RoleGranted,
    SignInCompleted,
    SignInFlow,
)
from nuxari_events.credentials import CredentialRegistered
from nuxari_events.envelope import Event
from nuxari_events.identity import AssignmentOrigin, RoleAssigned, UserActivated, UserDeactivated
from nuxari_events.pim import ActivationEnded, RoleActivated
from nuxari_events.roles import known_role

Alert = tuple[int, str, str]
"""Detection, user, and the flow or role that it is about (empty where it is about neither)."""

TEN_MINUTES = timedelta(minutes=10)
WEAK = {SignInFlow.ROPC, SignInFlow.DEVICE_CODE, SignInFlow.LEGACY_PROTOCOL}


def alerts(events: Iterable[Event]) -> set[Alert]:
    once = sorted({event.identity: event for event in events}.values(), key=lambda event: event.time)
    detections: tuple[Callable[[list[Event]], set[Alert]], ...] = (
        brute_force,
        weak_sign_ins,
        fatigue,
        roles_outside_pim,
        disabled_identities,
        actions_outside_activations,
    )
    return set().union(*(detection(once) for detection in detections))


def brute_force(events: list[Event]) -> set[Alert]:
    failures, successes = defaultdict(list), defaultdict(list)
    for event in events:
        if isinstance(event, SignInCompleted):
            by_user = failures if event.data.outcome is Outcome.FAILURE else successes
            by_user[event.data.user_id].append(event.time)
    found = set()
    for user, times in failures.items():
        for complete in full_windows(times, 10):
            found.add((1, user, ""))
            if any(complete < success <= complete + timedelta(minutes=30) for success in successes[user]):
                found.add((2, user, ""))
    return found


def full_windows(times: list[datetime], threshold: int) -> list[datetime]:
    return [last for last in times if sum(last - TEN_MINUTES < time <= last for time in times) >= threshold]


def weak_sign_ins(events: list[Event]) -> set[Alert]:
    return {
        (12, event.data.user_id, event.data.flow)
        for event in events
        if isinstance(event, SignInCompleted)
        and event.data.outcome is Outcome.SUCCESS
        and (event.data.flow in WEAK or (event.data.administrative and event.data.mfa is False))
    }


def fatigue(events: list[Event]) -> set[Alert]:
    refused = defaultdict(list)
    for event in events:
        if isinstance(event, MfaChallengeCompleted) and event.data.outcome in {MfaOutcome.DENIED, MfaOutcome.TIMED_OUT}:
            refused[event.data.user_id].append(event.time)
    return {(13, user, "") for user, times in refused.items() if full_windows(times, 5)}


def roles_outside_pim(events: list[Event]) -> set[Alert]:
    granted = {
        (34, event.data.user_id, event.data.role)
        for event in events
        if isinstance(event, RoleGranted) and event.data.privileged and event.data.pim_request_id is None
    }
    assigned = {
        (34, event.data.user_id, event.data.role)
        for event in events
        if isinstance(event, RoleAssigned)
        and known_role(event.data.role).is_administrative
        and event.data.origin is AssignmentOrigin.DIRECT
    }
    return granted | assigned


def disabled_identities(events: list[Event]) -> set[Alert]:
    owners: dict[str, str | None] = {}
    gone: set[str] = set()
    found = set()
    for event in events:
        match event:
            case CredentialRegistered():
                owners[event.data.credential_id] = event.data.owner_id
            case UserDeactivated():
                gone.add(event.data.user_id)
            case UserActivated():
                gone.discard(event.data.user_id)
            case SignInCompleted() | ActionPerformed() | CredentialUsed() if event.data.outcome is Outcome.SUCCESS:
                credential = getattr(event.data, "credential_id", None)
                users = {event.data.user_id, owners.get(credential or "")}
                found |= {(33, user, "") for user in users & gone if user is not None}
    return found


def actions_outside_activations(events: list[Event]) -> set[Alert]:
    spans: dict[str, list[datetime]] = {}
    holders: dict[str, tuple[str, str]] = {}
    standing = set()
    for event in events:
        match event:
            case RoleActivated():
                spans[event.data.activation_id] = [event.data.starts_at, event.data.ends_at]
                holders[event.data.activation_id] = (event.data.user_id, event.data.role)
            case ActivationEnded():
                spans[event.data.activation_id][1] = event.data.ended_at
            case RoleAssigned() if event.data.origin is not AssignmentOrigin.PIM:
                standing.add((event.data.user_id, event.data.role))
    slack = timedelta(seconds=60)
    return {
        (35, event.data.user_id, event.data.required_role)
        for event in events
        if isinstance(event, ActionPerformed)
        and event.data.required_role is not None
        and (event.data.user_id, event.data.required_role) not in standing
        and not any(
            holders[activation] == (event.data.user_id, event.data.required_role)
            and start - slack <= event.time < end + slack
            for activation, (start, end) in spans.items()
        )
    }
