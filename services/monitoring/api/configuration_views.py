"""Configurations and requests to change them, as they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel

from services.monitoring.domain.change_requests import Action, ChangeRequest, State
from services.monitoring.domain.configuration import (
    Configuration,
    ExceptionRule,
    Mode,
    Silence,
    Surroundings,
    Tuning,
)
from services.monitoring.domain.governance import Weakening
from services.monitoring.service.rulebooks import Rulebook
from services.monitoring.store.configurations import Made
from services.monitoring.store.replicas import Runs


class TuningView(BaseModel):
    """What is set for one detection; null is as the detection itself says."""

    mode: Mode
    severity: str | None
    threshold: float | None
    timespan_seconds: int | None

    @classmethod
    def of(cls, tuning: Tuning) -> TuningView:
        """Return the view."""
        seconds = None if tuning.timespan is None else int(tuning.timespan.total_seconds())
        return cls(mode=tuning.mode, severity=tuning.severity, threshold=tuning.threshold, timespan_seconds=seconds)


class ExceptionView(BaseModel):
    """Events that a detection does not count."""

    exception_id: str
    detection: str
    filter: str
    owner: str
    reason: str
    begins_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, one: ExceptionRule, book: Rulebook) -> ExceptionView:
        """Return the view."""
        shown = {name: getattr(one, name) for name in ("filter", "owner", "reason", "begins_at", "ends_at")}
        return cls(exception_id=one.id, detection=book.name_of(one.rule), **shown)


class SilenceView(BaseModel):
    """Alerts that are told to nobody."""

    silence_id: str
    detection: str | None
    user_id: str | None
    condition: str | None
    owner: str
    reason: str
    begins_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, one: Silence, book: Rulebook) -> SilenceView:
        """Return the view."""
        names = ("user_id", "condition", "owner", "reason", "begins_at", "ends_at")
        shown = {name: getattr(one, name) for name in names}
        return cls(silence_id=one.id, detection=None if one.rule is None else book.name_of(one.rule), **shown)


class WorkingHoursView(BaseModel):
    """When people work, by the tenant's clock; 0 is Monday."""

    days: list[int]
    begin: str
    end: str


class ConfigurationView(BaseModel):
    """All that a tenant has set."""

    version: int
    trusted_networks: list[str]
    vpn_networks: list[str]
    mobile_networks: list[str]
    time_zone: str
    working_hours: WorkingHoursView
    detections: dict[str, TuningView]
    """By name; what is not named is as the pack says."""
    exceptions: list[ExceptionView]
    silences: list[SilenceView]
    own_rules: list[str]
    """Names of the files."""

    @classmethod
    def of(cls, configuration: Configuration, book: Rulebook) -> ConfigurationView:
        """Return the view."""
        return cls(
            version=configuration.version,
            **_surroundings(configuration.surroundings),
            detections={book.name_of(rule): TuningView.of(one) for rule, one in configuration.tunings.items()},
            exceptions=[ExceptionView.of(one, book) for one in configuration.exceptions],
            silences=[SilenceView.of(one, book) for one in configuration.silences],
            own_rules=sorted(configuration.own_rules),
        )


class WeakeningView(BaseModel):
    """One way in which less would be found."""

    setting: str
    detection: str | None
    about: str | None
    reason: str


class ChangeRequestView(BaseModel):
    """A change that waits, or waited, for another person."""

    change_id: str
    state: State
    action: Action
    base_version: int
    restored_version: int | None
    weakens: list[WeakeningView]
    about_requester: bool
    """It keeps quiet what would be found about whoever asked for it."""
    requested_by: str
    requested_at: datetime
    reason: str
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    version: int | None
    wanted: ConfigurationView

    @classmethod
    def of(cls, request: ChangeRequest, book: Rulebook) -> ChangeRequestView:
        """Return the view."""
        said = {name: getattr(request, name) for name in _SAID}
        wanted = ConfigurationView.of(request.wanted, book)
        return cls(**said, weakens=weakenings(request.weakenings, book), wanted=wanted)


class OutcomeView(BaseModel):
    """What became of a change: it counts now, or it waits for another person."""

    state: Literal["effective", "requested"]
    configuration: ConfigurationView | None = None
    change_request: ChangeRequestView | None = None


class VersionView(BaseModel):
    """Who made a version, when and why."""

    version: int
    changed_by: str
    changed_at: datetime
    reason: str | None
    action: str
    restored_version: int | None
    change_id: str | None

    @classmethod
    def of(cls, made: Made) -> VersionView:
        """Return the view."""
        return cls(**vars(made))


class ReplicaView(BaseModel):
    """What one process runs."""

    replica: str
    version: int
    error: str | None
    """Why it runs another version than the newest, or not all of it."""
    since: datetime | None

    @classmethod
    def of(cls, replica: str, runs: Runs | None) -> ReplicaView:
        """Return the view; a process that noted nothing runs the default."""
        if runs is None:
            return cls(replica=replica, version=0, error=None, since=None)
        return cls(replica=replica, version=runs.version, error=runs.error, since=runs.at)


class StatusView(BaseModel):
    """Whether what was set counts everywhere."""

    wanted: int
    """The newest version."""
    effective: bool
    """Every process runs it, all of it."""
    replicas: list[ReplicaView]


_SAID = (
    "change_id",
    "state",
    "action",
    "base_version",
    "restored_version",
    "about_requester",
    "requested_by",
    "requested_at",
    "reason",
    "expires_at",
    "decided_by",
    "decided_at",
    "decision_reason",
    "version",
)


def weakenings(found: Iterable[Weakening], book: Rulebook) -> list[WeakeningView]:
    """Return the views."""
    return [
        WeakeningView(
            setting=one.setting,
            detection=None if one.rule is None else book.name_of(one.rule),
            about=one.about,
            reason=one.reason,
        )
        for one in found
    ]


def differences(
    old: ConfigurationView, new: ConfigurationView, old_files: Mapping[str, str], new_files: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return each thing that is another, with what it was and what it is; of files that they are another."""
    before, after = _flat(old), _flat(new)
    before |= {f"own_rules.{name}": text for name, text in old_files.items()}
    after |= {f"own_rules.{name}": text for name, text in new_files.items()}
    return [
        {"what": name, "before": before.get(name), "after": after.get(name)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _flat(view: ConfigurationView) -> dict[str, Any]:
    said = view.model_dump(mode="json", exclude={"version", "own_rules"})
    found = {name: said.pop(name) for name in ("detections", "exceptions", "silences")}
    flat = said | {f"detections.{name}": one for name, one in found["detections"].items()}
    flat |= {f"exceptions.{one['exception_id']}": one for one in found["exceptions"]}
    return flat | {f"silences.{one['silence_id']}": one for one in found["silences"]}


def _surroundings(around: Surroundings) -> dict[str, Any]:
    hours = around.working_hours
    return {
        "trusted_networks": list(around.trusted_networks),
        "vpn_networks": list(around.vpn_networks),
        "mobile_networks": list(around.mobile_networks),
        "time_zone": around.time_zone,
        "working_hours": WorkingHoursView(days=list(hours.days), begin=_of_day(hours.begin), end=_of_day(hours.end)),
    }


def _of_day(time: timedelta) -> str:
    minutes = int(time.total_seconds()) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"
