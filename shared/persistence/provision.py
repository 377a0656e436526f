"""Databases and logins: after this, each service has a database and three logins that can do no more than they must."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from shared.persistence.scram import scram_verifier


@dataclass(frozen=True)
class Logins:
    """The DSNs of one service's database."""

    owner: str
    """Changes tables; used by migrations alone."""
    service: str
    """Reads and writes rows of the tenant that is set."""
    relay: str
    """Reads and clears the outbox."""


def role_names(service: str) -> tuple[str, str, str]:
    """Return the names of the owner, the service's and the relay's login."""
    return f"nuxari_{service}_owner", f"nuxari_{service}", f"nuxari_{service}_relay"


def kept_passwords(service: str, *, directory: Path) -> dict[str, str]:
    """Return the passwords of a service's logins from the directory of secrets, made on the first call (0600)."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {role: kept_secret(directory / f"{role}.password") for role in role_names(service)}


def kept_secret(path: Path) -> str:
    """Return the secret in the file; the first call makes both, with 256 random bits and for the owner's eyes only."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secret := secrets.token_urlsafe(32))
    return secret


async def provision(admin_dsn: str, service: str, *, passwords: Mapping[str, str]) -> Logins:
    """Create the service's database and logins, or bring them to what they should be.

    No login is a superuser or may bypass row-level security, and only these three may connect.
    """
    owner, login, relay = role_names(service)
    database = login
    admin = await asyncpg.connect(admin_dsn)
    try:
        for role in (owner, login, relay):
            await _have_role(admin, role, passwords[role])
        if not await admin.fetchval("select true from pg_database where datname = $1", database):
            await admin.execute(f'create database "{database}" owner "{owner}"')
        await admin.execute(f'revoke all on database "{database}" from public')
        await admin.execute(f'grant connect on database "{database}" to "{owner}", "{login}", "{relay}"')
    finally:
        await admin.close()
    await _close_to_public(_in_database(admin_dsn, database))
    return Logins(*(dsn_of(admin_dsn, database, role, passwords[role]) for role in (owner, login, relay)))


async def _close_to_public(admin_dsn: str) -> None:
    """A server before PostgreSQL 15, or one upgraded from there, lets everybody make tables in `public`."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute("revoke create on schema public from public")
    finally:
        await admin.close()


async def _have_role(admin: asyncpg.Connection[Any], role: str, password: str) -> None:
    if not await admin.fetchval("select true from pg_roles where rolname = $1", role):
        await admin.execute(f'create role "{role}"')
    await admin.execute(
        f'alter role "{role}" login nosuperuser nobypassrls nocreatedb nocreaterole noreplication'
        f" password '{scram_verifier(password)}'"
    )


def _in_database(admin_dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(admin_dsn)._replace(path=f"/{database}"))


def dsn_of(admin_dsn: str, database: str, role: str, password: str) -> str:
    """Return the DSN of that login to that database on the same server."""
    parts = urlsplit(admin_dsn)
    server = parts.netloc.rsplit("@", 1)[-1]
    return urlunsplit(parts._replace(netloc=f"{quote(role)}:{quote(password)}@{server}", path=f"/{database}"))
