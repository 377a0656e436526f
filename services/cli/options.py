"""Values of command-line options: after this, a tenant is well formed and `1h30m` is a duration."""

from __future__ import annotations

import re
from datetime import timedelta

import typer
from nuxari_events.envelope import TenantId
from pydantic import TypeAdapter, ValidationError

_PARTS = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")
_TENANT: TypeAdapter[str] = TypeAdapter(TenantId)


def span(text: str | timedelta) -> timedelta:
    """Return the duration, written in days, hours, minutes and seconds: `2d`, `4h`, `1h30m`, `90s`.

    Raises:
        typer.BadParameter: it is written otherwise; the text says how.
    """
    if isinstance(text, timedelta):  # typer parses the default too
        return text
    parts = _PARTS.fullmatch(text.strip())
    if parts is None or not any(parts.groups()):
        raise typer.BadParameter("not a duration: write it like 4h, 90m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def tenant_id(text: str) -> str:
    """Return the tenant as it is.

    Raises:
        typer.BadParameter: it is no tenant id; the text says what one is.
    """
    try:
        return _TENANT.validate_python(text)
    except ValidationError:
        raise typer.BadParameter("not a tenant: lower-case letters, digits and hyphens, 64 at most") from None
