"""Values of command-line options."""

from __future__ import annotations

from datetime import timedelta

import pytest
import typer

from services.cli.options import span, tenant_id


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("4h", timedelta(hours=4)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("90s", timedelta(seconds=90)),
        (" 10m ", timedelta(minutes=10)),
    ],
)
def test_a_duration_is_written_in_days_hours_minutes_and_seconds(text: str, meant: timedelta) -> None:
    assert span(text) == meant


@pytest.mark.parametrize("text", ["", "4", "h", "4 hours", "30m1h", "-1h", "1.5h", "99999999d"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write it like 4h"):
        span(text)


@pytest.mark.parametrize("text", ["", "Acme", "-acme", "a" * 65, "a_b"])
def test_a_tenant_that_is_not_well_formed_is_refused_before_anything_is_read(text: str) -> None:
    assert tenant_id("acme-1") == "acme-1"

    with pytest.raises(typer.BadParameter, match="not a tenant"):
        tenant_id(text)
