"""What can be set from outside (`NUXARI_*`): after this, nobody reads an environment variable or a secret file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, IPvAnyNetwork, SecretStr
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

SERVICES = ("identity", "pim", "credential_governance", "monitoring")
"""The services, in the order they are started."""

Port = Annotated[int, Field(ge=1, le=65535)]


class _Outside(BaseSettings):
    """Environment variables. A secret may also be a file, by its name, in the directory `NUXARI_SECRETS_DIR`."""

    model_config = SettingsConfigDict(env_prefix="NUXARI_", extra="ignore")

    home: Path = Path(".nuxari")
    """State, logs and secrets of this stack."""

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read secrets from files where a directory of them is named, as containers give them."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, *_secret_files(settings_cls)

    @property
    def secrets(self) -> Path:
        """The directory of this stack's secrets, for its owner's eyes only."""
        return _secrets_directory() or self.home / "secrets"


class StackSettings(_Outside):
    """Where a whole stack lives: what `nuxari-security up` and the other commands read."""

    host: str = "127.0.0.1"
    kafka_bootstrap_servers: str | None = None
    """An own Kafka; None starts one."""
    postgres_dsn: SecretStr | None = None
    """A superuser's DSN of an own PostgreSQL; None starts one."""
    kafka_jars: Path | None = None
    """The directory of Kafka's jars; None is the user's cache. Filled beforehand, nothing is fetched."""
    kafka_port: Port = 19092
    postgres_port: Port = 15432
    identity_port: Port = 8101
    pim_port: Port = 8102
    credential_governance_port: Port = 8103
    monitoring_port: Port = 8104

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap servers, own or ours, which listens on loopback alone."""
        return self.kafka_bootstrap_servers or f"127.0.0.1:{self.kafka_port}"

    def port_of(self, service: str) -> int:
        """Return the HTTP port of a service."""
        return int(getattr(self, f"{service}_port"))

    def url_of(self, service: str) -> str:
        """Return the base URL of a service."""
        return f"http://{self.host}:{self.port_of(service)}"


class EnrichmentSettings(_Outside):
    """Databases of addresses that the operator brings, in MaxMind's format (MMDB)."""

    geo_database: Path | None = None
    """Of countries or cities; None leaves the country that an address was registered in."""
    asn_database: Path | None = None
    """Of autonomous systems, where the other does not have them."""


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class OutboundSettings(_Outside):
    """What webhooks and notifications of a tenant may reach. Lists are written with commas."""

    outbound_private_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Networks that they may reach although these are not public. With `127.0.0.0/8`, plain HTTP to it too."""
    notification_services: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Services of apprise that tenants may use beside those whose host is fixed, such as `mailtos`."""
    alert_link: str | None = None
    """Where people look at an alert: an address with `{alert_id}` in it, for the text of notifications."""


class ServiceSettings(EnrichmentSettings, OutboundSettings):
    """What one service reads."""

    kafka_bootstrap_servers: str
    database_dsn: SecretStr
    """Of the service's own login."""
    relay_dsn: SecretStr
    """Of the relay's login."""
    host: str = "127.0.0.1"
    port: Port
    identity_url: str = "http://127.0.0.1:8101"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"


def _secrets_directory() -> Path | None:
    import os  # noqa: PLC0415 - the one place that asks

    named = os.environ.get("NUXARI_SECRETS_DIR")
    return Path(named) if named else None


def _secret_files(settings_cls: type[BaseSettings]) -> tuple[PydanticBaseSettingsSource, ...]:
    from pydantic_settings import SecretsSettingsSource  # noqa: PLC0415 - only where files are named

    directory = _secrets_directory()
    return (SecretsSettingsSource(settings_cls, secrets_dir=directory),) if directory else ()
