"""What the routes of configuration share: who may, how an outcome is answered, and the forms of settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Response
from nuxari_events.alerts import Severity
from pydantic import Field, StringConstraints

from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import Reason
from services.monitoring.domain.change_requests import ChangeRequest
from services.monitoring.domain.configuration import Configuration, Mode, Surroundings, Tuning, WorkingHours
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.validation import Wrong
from services.monitoring.service.acting import Acting
from services.monitoring.service.configuring import Intent, Invalid, Outcome, change
from services.monitoring.service.rulebooks import Rulebook, Rulebooks
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.persistence.database import Transaction
from shared.web import etags
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.problems import Problem

Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_SECURITY_EVENTS))]
Manager = Annotated[Caller, Depends(Requires(Permission.MANAGE_SECURITY_EVENTS, fresh_mfa=True))]
Decider = Annotated[Caller, Depends(Requires(Permission.DECIDE_APPROVAL, fresh_mfa=True))]

RuleName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,256}$")]
"""A detection by its name or its id."""

_Network = Annotated[str, StringConstraints(max_length=64)]

_STATUS = {
    "not-found": 404,
    "self-approval": 403,
    "not-yours": 403,
    "version-stale": 412,
    "too-many-requests-open": 409,
}

_MOST_FAULTS = 100


class WorkingHoursForm(RequestModel):
    """When people work, by the tenant's clock; hours that end before they begin go on until the next morning."""

    days: Annotated[list[Annotated[int, Field(ge=0, le=6, strict=True)]], Field(max_length=7)]
    begin: Annotated[str, StringConstraints(max_length=16)]
    end: Annotated[str, StringConstraints(max_length=16)]

    def hours(self) -> WorkingHours:
        """Return them."""
        return WorkingHours(days=tuple(sorted(self.days)), begin=_of_day(self.begin), end=_of_day(self.end))


class TuningForm(RequestModel):
    """What is set for one detection; what is null is as the detection itself says."""

    mode: Mode = Mode.LIVE
    severity: Severity | None = None
    threshold: Annotated[float | None, Field(ge=0, le=1_000_000_000, strict=True)] = None
    timespan_seconds: Annotated[int | None, Field(ge=0, le=2**31, strict=True)] = None

    def tuning(self) -> Tuning:
        """Return it."""
        return Tuning(
            mode=self.mode,
            severity=None if self.severity is None else self.severity.value,
            threshold=self.threshold,
            timespan=None if self.timespan_seconds is None else timedelta(seconds=self.timespan_seconds),
        )


class SettingsForm(RequestModel):
    """Networks, hours and detections, whole: a detection that is not named is as the pack says."""

    trusted_networks: Annotated[list[_Network], Field(max_length=1000)]
    vpn_networks: Annotated[list[_Network], Field(max_length=1000)]
    mobile_networks: Annotated[list[_Network], Field(max_length=1000)]
    time_zone: Annotated[str, StringConstraints(max_length=64)]
    working_hours: WorkingHoursForm
    detections: Annotated[dict[RuleName, TuningForm], Field(max_length=500)]
    reason: Reason

    def surroundings(self) -> Surroundings:
        """Return networks and hours."""
        return Surroundings(
            trusted_networks=tuple(self.trusted_networks),
            vpn_networks=tuple(self.vpn_networks),
            mobile_networks=tuple(self.mobile_networks),
            time_zone=self.time_zone,
            working_hours=self.working_hours.hours(),
        )

    def tunings(self) -> Mapping[str, Tuning]:
        """Return what is set for detections, by name."""
        return {name: form.tuning() for name, form in self.detections.items()}


def problem(refusal: Refusal) -> Problem:
    """Return the problem document of a refusal."""
    facts: dict[str, Any] = dict(refusal.facts)
    return Problem(_STATUS.get(refusal.code, 409), refusal.code, refusal.detail, **facts)


def invalid(faults: Iterable[Wrong]) -> Problem:
    """Return the problem document of a configuration that cannot be: every fault with its place."""
    errors = [{"where": one.where, "why": one.why} for one in faults]
    return Problem(
        422,
        "invalid-configuration",
        f"the configuration cannot be like that: {errors[0]['where']}: {errors[0]['why']}"[:500],
        errors=errors[:_MOST_FAULTS],
        count=len(errors),
    )


async def changed(
    transaction: Transaction, intent: Intent, *, rulebooks: Rulebooks, acting: Acting, at: datetime
) -> views.OutcomeView | Problem:
    """Have it changed and return what is answered."""
    found = await change(transaction, intent, rulebooks=rulebooks, acting=acting, at=at)
    files = found.own_rules if isinstance(found, Configuration) else {}
    if isinstance(found, ChangeRequest):
        files = found.wanted.own_rules
    return outcome(found, await rulebooks.as_far_as_readable(files))


def outcome(found: Outcome, book: Rulebook) -> views.OutcomeView | Problem:
    """Return what is answered to a change; a problem is returned, so that what was recorded of it is kept."""
    match found:
        case Configuration():
            return views.OutcomeView(state="effective", configuration=views.ConfigurationView.of(found, book))
        case ChangeRequest():
            return views.OutcomeView(state="requested", change_request=views.ChangeRequestView.of(found, book))
        case Refusal():
            return problem(found)
        case Invalid():
            return invalid(found.faults)


def answered(found: views.OutcomeView | Problem, response: Response) -> views.OutcomeView:
    """Set status and ETag: 200 for what counts now, 202 for what waits for another person.

    Raises:
        Problem: the change was refused.
    """
    if isinstance(found, Problem):
        raise found
    if found.configuration is not None:
        response.headers["ETag"] = etags.etag(found.configuration.version)
    else:
        response.status_code = 202
    return found


def _of_day(text: str) -> timedelta:
    """Return the time after midnight; what is no time of day becomes one that is refused with its place."""
    found = re.fullmatch(r"([0-9]{2}):([0-5][0-9])", text)
    return timedelta(hours=int(found[1]), minutes=int(found[2])) if found else timedelta(-1)
