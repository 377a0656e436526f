"""A configuration that became another as events of `monitoring.lifecycle`, one for each thing that was set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from nuxari_events.envelope import Event
from nuxari_events.ids import derived_id
from nuxari_events.monitoring import (
    DetectionConfigurationChanged,
    DetectionConfigurationData,
    DetectionSetting,
    DetectionSilenced,
    SilenceData,
    SilenceEndData,
    SilenceEnded,
    SilenceEndReason,
)

from services.monitoring.domain.configuration import ExceptionRule, Silence, Tuning, begun, lifted
from services.monitoring.domain.governance import Set, Weakening
from services.monitoring.events import SOURCE

LONGEST_TEXT = 2048
"""Characters of a text in the contract."""

_ROOTS = ("trusted_networks", "vpn_networks", "mobile_networks")


@dataclass(frozen=True, kw_only=True)
class Became:
    """A change that counts from now on."""

    tenant_id: str
    before: Set
    after: Set
    weakenings: tuple[Weakening, ...]
    actor_id: str
    """Who wanted it."""
    change_id: str | None
    """The approved request."""
    correlation_id: str | None
    at: datetime
    user_of: Callable[[ExceptionRule | Silence], str | None]
    """Whom it is about, where that is one user."""

    @property
    def version(self) -> int:
        """The version that counts from now on."""
        return self.after.configuration.version

    def name_of(self, rule: str | None) -> str | None:
        """Return what alerts call the rule."""
        found = None if rule is None else self.after.rules.get(rule) or self.before.rules.get(rule)
        return rule if found is None else found.name

    def is_weaker(self, setting: str, rule: str | None = None) -> bool:
        """Say whether that was weakened."""
        return any(one.setting == setting and one.rule == rule for one in self.weakenings)


def announcements(became: Became) -> Iterator[Event]:
    """Yield an event for each setting that is another, each silence that begins and each that was lifted."""
    yield from _of_rules(became)
    yield from _of_surroundings(became)
    before, after = became.before.configuration, became.after.configuration
    for one in begun(before, after):
        yield _silenced(became, one)
    for one in lifted(before, after):
        yield silence_ended(
            one,
            tenant_id=became.tenant_id,
            rule=became.name_of(one.rule),
            reason=SilenceEndReason.LIFTED,
            actor_id=became.actor_id,
            correlation_id=became.correlation_id,
            at=became.at,
        )


def silence_ended(
    one: ExceptionRule | Silence,
    *,
    tenant_id: str,
    rule: str | None,
    reason: SilenceEndReason,
    at: datetime,
    actor_id: str | None = None,
    correlation_id: str | None = None,
) -> SilenceEnded:
    """Return the announcement that a detection is heard again."""
    return SilenceEnded(
        id=derived_id(SOURCE, tenant_id, one.id, reason, at.isoformat()),
        source=SOURCE,
        time=at,
        subject=one.id,
        tenantid=tenant_id,
        actorid=actor_id,
        correlationid=correlation_id,
        data=SilenceEndData(silence_id=one.id, rule_id=rule, reason=reason),
    )


def _silenced(became: Became, one: ExceptionRule | Silence) -> DetectionSilenced:
    return DetectionSilenced(
        id=derived_id(SOURCE, became.tenant_id, str(became.version), one.id),
        source=SOURCE,
        time=became.at,
        subject=one.id,
        tenantid=became.tenant_id,
        actorid=became.actor_id,
        correlationid=became.correlation_id,
        data=SilenceData(
            silence_id=one.id,
            rule_id=became.name_of(one.rule),
            user_id=became.user_of(one),
            condition=_cut(one.filter if isinstance(one, ExceptionRule) else one.condition),
            owner_id=one.owner,
            reason=one.reason,
            ends_at=one.ends_at,
            approval_request_id=became.change_id,
        ),
    )


def _of_rules(became: Became) -> Iterator[Event]:
    before, after = became.before, became.after
    for identity in sorted(before.rules.keys() | after.rules.keys()):
        old, new = before.rules.get(identity), after.rules.get(identity)
        if old is None or new is None or old.definition != new.definition:
            yield _changed(
                became,
                DetectionSetting.RULE,
                identity,
                before=None if old is None else old.definition,
                after=None if new is None else new.definition,
            )
            continue
        was, now = before.configuration.tuning(identity), after.configuration.tuning(identity)
        if was != now:
            yield from _of_tuning(became, identity, was, now)


def _of_tuning(became: Became, identity: str, was: Tuning, now: Tuning) -> Iterator[Event]:
    facts = became.after.rules[identity]
    pairs = zip((was.mode, *facts.tuned(was)), (now.mode, *facts.tuned(now)), strict=True)
    settings = (
        DetectionSetting.ENABLED,
        DetectionSetting.SEVERITY,
        DetectionSetting.THRESHOLD,
        DetectionSetting.WINDOW,
    )
    for setting, (old, new) in zip(settings, pairs, strict=True):
        if old != new:
            yield _changed(became, setting, identity, before=str(old), after=str(new))


def _of_surroundings(became: Became) -> Iterator[Event]:
    before, after = became.before.configuration.surroundings, became.after.configuration.surroundings
    for name in _ROOTS:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield _changed(became, DetectionSetting(name), before=", ".join(old), after=", ".join(new))
    old_hours, new_hours = (
        f"{one.working_hours.days} {one.working_hours.begin} to {one.working_hours.end} {one.time_zone}"
        for one in (before, after)
    )
    if old_hours != new_hours:
        yield _changed(became, DetectionSetting.WORKING_HOURS, before=old_hours, after=new_hours)


def _changed(
    became: Became, setting: DetectionSetting, rule: str | None = None, *, before: str | None, after: str | None
) -> DetectionConfigurationChanged:
    return DetectionConfigurationChanged(
        id=derived_id(SOURCE, became.tenant_id, str(became.version), setting, rule or ""),
        source=SOURCE,
        time=became.at,
        subject=became.name_of(rule) or setting.value,
        tenantid=became.tenant_id,
        actorid=became.actor_id,
        correlationid=became.correlation_id,
        data=DetectionConfigurationData(
            rule_id=became.name_of(rule),
            setting=setting,
            weakened=became.is_weaker(setting.value, rule),
            before=_cut(before),
            after=_cut(after),
            version=became.version,
            approval_request_id=became.change_id,
        ),
    )


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:LONGEST_TEXT]
