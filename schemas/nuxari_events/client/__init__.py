"""Publish events and read alerts: after this, nobody sets up a Kafka producer or consumer (extra `[kafka]`)."""

from nuxari_events.client.errors import BrokerRefusedError, BrokerUnavailableError, Failure, NotPublishedError
from nuxari_events.client.publisher import EventPublisher, Receipt
from nuxari_events.client.settings import ConnectionSettings
from nuxari_events.client.streams import Alert, AlertStream, EventStream

__all__ = [
    "Alert",
    "AlertStream",
    "BrokerRefusedError",
    "BrokerUnavailableError",
    "ConnectionSettings",
    "EventPublisher",
    "EventStream",
    "Failure",
    "NotPublishedError",
    "Receipt",
]
