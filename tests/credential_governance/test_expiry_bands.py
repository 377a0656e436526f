"""Bands: scaled to the lifetime, and announced as a naive observer would who remembers everything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credential_governance.domain import rules
from services.credential_governance.domain.expiry import ExpiryBand, Validity
from services.credential_governance.domain.model import State
from tests.credential_governance.builders import DAY, HOUR, NOON, YEAR, a_credential

BANDS = list(ExpiryBand)


def _leads(lifetime: timedelta) -> dict[ExpiryBand, timedelta]:
    """How long before the expiry each band begins."""
    expires_at = NOON + lifetime
    return {band: expires_at - start for band, start in Validity(NOON, expires_at).band_starts().items()}


@pytest.mark.parametrize(
    ("lifetime", "warning", "high", "critical"),
    [
        (YEAR, 30 * DAY, 14 * DAY, 7 * DAY),
        (90 * DAY, 30 * DAY, 14 * DAY, 7 * DAY),
        (47 * DAY, 47 * DAY / 3, 47 * DAY / 6, 47 * DAY / 12),
        (DAY, 8 * HOUR, 4 * HOUR, 2 * HOUR),
    ],
)
def test_bands_are_scaled_to_the_lifetime(
    lifetime: timedelta, warning: timedelta, high: timedelta, critical: timedelta
) -> None:
    assert list(_leads(lifetime).values()) == [warning, high, critical, timedelta(0)]


def test_a_band_begins_at_its_start_and_not_a_microsecond_before() -> None:
    validity = Validity(NOON, NOON + YEAR)
    moment = timedelta(microseconds=1)
    for before, (band, start) in zip([None, *BANDS], validity.band_starts().items(), strict=False):
        assert validity.band_at(start - moment) == before
        assert validity.band_at(start) == band


def test_what_does_not_expire_is_in_no_band() -> None:
    credential = a_credential(expires_at=None)
    assert credential.state(NOON + 100 * YEAR) is State.ACTIVE
    assert rules.next_look(credential) is None


def test_an_end_before_the_beginning_is_expired_and_nothing_else() -> None:
    credential = a_credential(issued_at=NOON, expires_at=NOON - DAY)
    assert credential.state(NOON - 2 * DAY) is State.ACTIVE
    assert credential.band(NOON) is ExpiryBand.EXPIRED
    assert rules.crossed(credential, at=NOON) is ExpiryBand.EXPIRED


def test_the_years_that_a_calendar_can_hold_are_no_trouble() -> None:
    credential = a_credential(
        issued_at=datetime.min.replace(tzinfo=NOON.tzinfo), expires_at=datetime.max.replace(tzinfo=NOON.tzinfo)
    )
    assert credential.state(NOON) is State.ACTIVE
    assert rules.next_look(credential) == datetime.max.replace(tzinfo=NOON.tzinfo) - 30 * DAY


@given(lifetime=st.timedeltas(min_value=timedelta(0), max_value=3 * YEAR))
def test_a_severer_band_never_begins_before_a_milder_one(lifetime: timedelta) -> None:
    starts = list(Validity(NOON, NOON + lifetime).band_starts().values())
    assert starts == sorted(starts)


@given(
    lifetime=st.timedeltas(min_value=timedelta(0), max_value=2 * YEAR),
    looks=st.lists(st.timedeltas(min_value=-DAY, max_value=3 * YEAR), max_size=30),
)
def test_looks_at_any_times_announce_as_a_naive_observer_would(lifetime: timedelta, looks: list[timedelta]) -> None:
    credential = a_credential(expires_at=NOON + lifetime)
    leads, seen, expected, announced = _leads(lifetime), set[ExpiryBand](), [], []
    for at in (NOON + look for look in looks):
        begun = [band for band in BANDS if at >= NOON + lifetime - leads[band]]
        if begun and begun[-1] not in seen:
            expected.append(begun[-1])
        seen |= set(begun)
        if (band := rules.crossed(credential, at=at)) is not None:
            announced.append(band)
            credential = replace(credential, last_band=band)
    assert announced == expected


@given(
    lifetime=st.timedeltas(min_value=timedelta(0), max_value=2 * YEAR),
    looks=st.lists(st.timedeltas(min_value=-DAY, max_value=3 * YEAR), max_size=10),
)
def test_the_next_look_is_never_later_than_the_next_crossing(lifetime: timedelta, looks: list[timedelta]) -> None:
    credential = a_credential(expires_at=NOON + lifetime)
    for at in sorted(NOON + look for look in looks):
        when = rules.next_look(credential)
        crossed = rules.crossed(credential, at=at)
        assert (crossed is not None) == (when is not None and when <= at)
        credential = replace(credential, last_band=crossed or credential.last_band)
