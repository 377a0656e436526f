"""What can go wrong between a client and Kafka: after this, nobody reads a Kafka error code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nuxari_events.envelope import Event


@dataclass(frozen=True)
class Failure:
    """One event that is not known to be on its topic, and why."""

    event: Event
    error: Exception


class BrokerUnavailableError(ConnectionError):
    """No broker answered in time.

    What was being published may still have arrived. Publish it again, as it is: with the same `source` and `id` it is
    recognised as the same event.
    """

    def __init__(self, message: str, *, failures: Sequence[Failure] = ()) -> None:
        super().__init__(message)
        self.failures = tuple(failures)
        """Of `publish_many`: every event that was not acknowledged."""


class BrokerRefusedError(Exception):
    """The broker answered and said no: no such topic, no permission. Trying again will not help."""


class NotPublishedError(Exception):
    """Some events of `publish_many` were refused; all others are published."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        super().__init__(f"{len(failures)} events were not published; the first: {failures[0].error}")
        self.failures = tuple(failures)
