"""The kinds of correlation beyond Sigma, read from what a rule says under their keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from services.monitoring.domain.extensions import (
    Burst,
    Dormant,
    Extension,
    FirstSeen,
    Interval,
    IntervalJoin,
    Rare,
    Ring,
    Travel,
)
from services.monitoring.sigma.keys import ExtensionError, Find, Keys, Path

_LONGEST_RING = 5
"""People: in a larger ring everybody who approves at all is in one, and looking for it takes too long."""


def _first_seen(keys: Keys, _: Find) -> FirstSeen:
    fields = keys.texts("fields")
    if not fields and (keys.has("learning") or keys.has("after")):
        raise keys.error("'first_seen' without 'fields' learns nothing: the group itself is what is seen first")
    return FirstSeen(
        fields=fields,
        at_least=keys.whole("at_least", 1, most=max(len(fields), 1)),
        learning=keys.span("learning") if keys.has("learning") else None,
        after=keys.whole("after") if keys.has("after") else None,
    )


def _dormant(keys: Keys, _: Find) -> Dormant:
    return Dormant(silence=keys.span("for"))


def _travel(keys: Keys, _: Find) -> Travel:
    return Travel(
        latitude=keys.text("latitude") or "origin.latitude",
        longitude=keys.text("longitude") or "origin.longitude",
        distance_km=keys.number("distance_km", 500),
        speed_kmh=keys.number("speed_kmh", 900),
        unless_both=keys.texts("unless_both"),
        same=keys.text("same"),
    )


def _baseline(keys: Keys, _: Find) -> Rare | Burst:
    if keys.has("rare"):
        below = keys.number("below", 0.01, most=1)
        if not below:
            raise keys.error("'below' of 'baseline' is more than 0, or nothing is that rare", at="below")
        return Rare(field=keys.named("rare"), below=below, samples=keys.whole("samples", 30))
    return Burst(
        per=keys.span("per"),
        percentile=keys.whole("percentile", 99, least=0, most=100),
        times=keys.number("times", 3),
        least=keys.number("least", 10, least=1),
        samples=keys.whole("samples", 24),
    )


def _interval_join(keys: Keys, find: Find) -> IntervalJoin:
    how = keys.take("is")
    if how not in {"inside", "outside"}:
        raise keys.error("'is' of 'interval_join' is inside or outside", at="is")
    listed, path = keys.take("intervals"), (*keys.path, "intervals")
    if not isinstance(listed, list) or not listed:
        raise ExtensionError("'intervals' of 'interval_join' is a list", path=path)
    return IntervalJoin(
        actions=_rules(keys, "action", find),
        is_inside=how == "inside",
        intervals=tuple(_interval(one, find, path=(*path, place)) for place, one in enumerate(listed)),
        skew=keys.span("skew", timedelta(0)),
    )


def _interval(value: object, find: Find, *, path: Path) -> Interval:
    keys = Keys(value, path=path)
    found = Interval(
        begin=_rules(keys, "begin", find),
        end=_rules(keys, "end", find) if keys.has("end") else (),
        key=keys.text("key"),
        start=keys.text("from"),
        to=keys.text("to"),
        until=keys.text("until"),
    )
    keys.end()
    if found.to and not found.key:
        reason = "'to' of 'intervals' needs a 'key': without one an interval lasts until the next 'end'"
        raise keys.error(reason, at="to")
    if found.until and not found.end:
        raise keys.error("'until' of 'intervals' is a field of the 'end', which is missing", at="until")
    return found


def _rules(keys: Keys, key: str, find: Find) -> tuple[str, ...]:
    """Return the ids of the rules, of which there has to be one."""
    names = keys.texts(key)
    if not names:
        raise keys.error(f"'{keys.path[1]}' needs '{key}', the name of a rule")
    found = {name: find(name) for name in names}
    for name, identity in found.items():
        if identity is None:
            raise keys.error(f"'{keys.path[1]}' names '{name}', which is no rule", at=key)
    return tuple(identity for identity in found.values() if identity is not None)


def _ring(keys: Keys, _: Find) -> Ring:
    if keys.has("of_least") and not keys.has("share"):
        raise keys.error("'of_least' of 'ring' is for its 'share', which is missing", at="of_least")
    share = keys.number("share", most=1) if keys.has("share") else None
    if share is not None and not 0 < share < 1:
        raise keys.error("'share' of 'ring' is between 0 and 1", at="share")
    return Ring(
        giver=keys.named("from"),
        taker=keys.named("to"),
        longest=keys.whole("longest", 3, least=2, most=_LONGEST_RING),
        least=keys.whole("least", 2),
        share=share,
        of_least=keys.whole("of_least", 5),
    )


_KINDS: Mapping[str, Callable[[Keys, Find], Extension]] = {
    "first_seen": _first_seen,
    "dormant": _dormant,
    "impossible_travel": _travel,
    "baseline": _baseline,
    "interval_join": _interval_join,
    "ring": _ring,
}

KINDS = frozenset(_KINDS)
"""The keys of the kinds."""


def kind_of(name: str, value: object, find: Find) -> Extension:
    """Return the kind of that name with what its key holds; `find` returns the id of a rule by its name.

    Raises:
        ExtensionError: it cannot hold that.
    """
    keys = Keys({} if value is None else value, path=("nuxari", name))
    found = _KINDS[name](keys, find)
    keys.end()
    return found
