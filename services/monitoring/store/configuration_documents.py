"""A configuration as JSON and back: what is kept of a version, and no more than differs from the default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.monitoring.domain.configuration import (
    Configuration,
    ExceptionRule,
    Mode,
    Silence,
    Surroundings,
    Tuning,
    WorkingHours,
)


def document(configuration: Configuration) -> str:
    """Return the configuration without its version."""
    around = configuration.surroundings
    return json.dumps(
        {
            "trusted_networks": list(around.trusted_networks),
            "vpn_networks": list(around.vpn_networks),
            "mobile_networks": list(around.mobile_networks),
            "time_zone": around.time_zone,
            "working_hours": _hours(around.working_hours),
            "tunings": {rule: _tuning(one) for rule, one in configuration.tunings.items()},
            "exceptions": [_kept(one) for one in configuration.exceptions],
            "silences": [_kept(one) for one in configuration.silences],
            "own_rules": dict(configuration.own_rules),
        }
    )


def configuration_of(text: str, *, version: int) -> Configuration:
    """Return the configuration that the document says."""
    said = json.loads(text)
    return Configuration(
        version=version,
        surroundings=Surroundings(
            trusted_networks=tuple(said["trusted_networks"]),
            vpn_networks=tuple(said["vpn_networks"]),
            mobile_networks=tuple(said["mobile_networks"]),
            time_zone=said["time_zone"],
            working_hours=_hours_of(said["working_hours"]),
        ),
        tunings={rule: _tuning_of(one) for rule, one in said["tunings"].items()},
        exceptions=tuple(ExceptionRule(**_times_of(one)) for one in said["exceptions"]),
        own_rules=said["own_rules"],
        silences=tuple(Silence(**_times_of(one)) for one in said["silences"]),
    )


def _hours(hours: WorkingHours) -> dict[str, Any]:
    return {"days": list(hours.days), "begin": hours.begin.total_seconds(), "end": hours.end.total_seconds()}


def _hours_of(said: Mapping[str, Any]) -> WorkingHours:
    begin, end = timedelta(seconds=said["begin"]), timedelta(seconds=said["end"])
    return WorkingHours(days=tuple(said["days"]), begin=begin, end=end)


def _tuning(tuning: Tuning) -> dict[str, Any]:
    seconds = None if tuning.timespan is None else tuning.timespan.total_seconds()
    return {"mode": tuning.mode, "severity": tuning.severity, "threshold": tuning.threshold, "timespan": seconds}


def _tuning_of(said: Mapping[str, Any]) -> Tuning:
    timespan = None if said["timespan"] is None else timedelta(seconds=said["timespan"])
    return Tuning(mode=Mode(said["mode"]), severity=said["severity"], threshold=said["threshold"], timespan=timespan)


def _kept(one: ExceptionRule | Silence) -> dict[str, Any]:
    return {**vars(one), "begins_at": one.begins_at.isoformat(), "ends_at": one.ends_at.isoformat()}


def _times_of(said: Mapping[str, Any]) -> dict[str, Any]:
    begins_at, ends_at = (datetime.fromisoformat(said[name]) for name in ("begins_at", "ends_at"))
    return {**said, "begins_at": begins_at, "ends_at": ends_at}
