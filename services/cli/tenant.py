"""`nuxari-security tenant`: what only whoever runs the platform may do, with identity's own login."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from services.cli.screen import OUTPUT, print_json
from services.identity.domain.errors import Refusal
from services.identity.service import tenants
from services.identity.service.tenants import NewTenant
from services.stack.preparation import login_dsn
from shared.clock import SystemClock
from shared.persistence.database import Database
from shared.settings import ServiceSettings, StackSettings

_IN_A_CONTAINER = ("NUXARI_DATABASE_DSN", "NUXARI_SECRETS_DIR")
"""Where one of these is set, the command runs beside the service and with its settings."""


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Tenants.", no_args_is_help=True)
    group.command()(create)
    group.callback()(_group)
    app.add_typer(group, name="tenant")


def _group() -> None:
    """Tenants."""


def create(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    *,
    owner_email: Annotated[str, typer.Option(metavar="ADDRESS", help="Of the first Client Owner.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Make a tenant and a one-time link for its first owner; the link is shown once and works for 72 hours."""
    dsn, url = _where()
    decision = asyncio.run(_create(dsn, name=name, owner_email=owner_email))
    if isinstance(decision, Refusal):
        raise typer.BadParameter(decision.detail)
    shown = _document(decision, url=url)
    if as_json:
        print_json(shown)
        return
    OUTPUT.print(f"tenant  {shown['tenant_id']}", highlight=False, soft_wrap=True)
    OUTPUT.print(f"owner   {shown['owner_id']}  {shown['owner_email']}", highlight=False, soft_wrap=True)
    OUTPUT.print(f"link    {shown['link']}", highlight=False, soft_wrap=True)
    OUTPUT.print(f"works until {shown['expires_at']}, once", highlight=False, soft_wrap=True)


def _where() -> tuple[str, str]:
    """Return the DSN of identity's own login, and identity's URL."""
    if any(name in os.environ for name in _IN_A_CONTAINER):
        settings = ServiceSettings()
        return settings.database_dsn.get_secret_value(), settings.identity_url
    stack = StackSettings()
    return login_dsn(stack, "identity"), stack.url_of("identity")


async def _create(dsn: str, *, name: str, owner_email: str) -> NewTenant | Refusal:
    database = Database(dsn, name="nuxari-security", size=1)
    await database.open()
    try:
        async with database.transaction() as transaction:
            return await tenants.create(transaction, name=name, owner_email=owner_email, at=SystemClock().now())
    finally:
        await database.close()


def _document(new: NewTenant, *, url: str) -> dict[str, str]:
    return {
        "tenant_id": new.tenant.tenant_id,
        "name": new.tenant.name,
        "owner_id": new.owner.user_id,
        "owner_email": new.owner.email,
        "invitation_token": str(new.link),
        "link": f"{url}/accept#{new.link}",
        "expires_at": new.expires_at.isoformat(),
    }
