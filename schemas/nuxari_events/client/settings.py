"""How a client reaches Kafka: after this, TLS and SASL are a handful of typed keywords."""

from __future__ import annotations

import importlib
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from aiokafka.abc import AbstractTokenProvider


class ConnectionSettings(TypedDict, total=False):
    """The keywords that every client takes beside its own."""

    client_id: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
    ssl_context: ssl.SSLContext
    """Needed with SSL and SASL_SSL; `ssl.create_default_context(cafile=...)` checks the broker's certificate."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER"]
    sasl_plain_username: str
    sasl_plain_password: str
    sasl_oauth_token_provider: AbstractTokenProvider


def aiokafka() -> Any:  # noqa: ANN401 - a module that may not be there
    """Return the Kafka library, which only those who use a client need.

    Raises:
        ModuleNotFoundError: it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module("aiokafka")
    except ModuleNotFoundError as error:
        if error.name != "aiokafka":
            raise
        raise ModuleNotFoundError(
            "the Kafka client needs aiokafka: pip install 'nuxari-events[kafka]'", name="aiokafka"
        ) from None


def milliseconds(span: timedelta) -> int:
    """Return the span as aiokafka wants it, at least one."""
    return max(1, span // timedelta(milliseconds=1))
