"""Topics as the registry says: after this, every topic exists with its partitions, retention and clean-up."""

from __future__ import annotations

from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError, for_code
from nuxari_events.topics import TOPICS, Topic

from shared.messaging.reliability import until_it_works

DEAD_LETTER_RETENTION = timedelta(days=30)
"""Time enough to notice, mend and replay."""


ELECTED_WITHIN = timedelta(seconds=10)
"""A broker that has just come up answers before topics may lie on it; one that refuses for longer is named."""

_ANSWER_MS = 10_000
"""A broker that takes connections and says nothing is away."""


async def apply_topics(
    bootstrap_servers: str, *, replication_factor: int = -1, within: timedelta = ELECTED_WITHIN
) -> list[str]:
    """Create what is missing, add partitions where there are too few, and set retention; return what was changed.

    A broker that is starting or electing is waited for.

    Raises:
        KafkaError: the broker is still away or electing after `within`, or refuses; the message names the topic.
        ValueError: a topic has more partitions than the registry says, which would break the join of topics.
    """
    changed: list[str] = []
    await until_it_works(
        lambda: _applied(bootstrap_servers, replication_factor, changed),
        what="Kafka's topics",
        within=within,
        may_pass=_may_pass,
    )
    return sorted(set(changed))


def _may_pass(error: Exception) -> bool:
    """A broker that is not yet one of its cluster calls every replication factor too large."""
    return isinstance(error, KafkaError) and (error.retriable or isinstance(error, InvalidReplicationFactorError))


async def _applied(bootstrap_servers: str, replication_factor: int, changed: list[str]) -> None:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap_servers, client_id="nuxari-topics", request_timeout_ms=_ANSWER_MS
    )
    try:
        await admin.start()
        created = await _create(admin, replication_factor)
        changed += created
        changed += await _grow(admin)
        await _configure(admin, skip=created)
    finally:
        await admin.close()


def topic_configuration(topic: Topic) -> dict[str, str]:
    """Return the topic's settings; its times are the broker's own, so that a replay sees the same ingest times."""
    retention = "-1" if topic.retention is None else str(int(topic.retention.total_seconds() * 1000))
    settings = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": topic.cleanup}
    if topic.cleanup == "delete":
        settings["retention.ms"] = retention
    return settings


def _wanted() -> dict[str, tuple[int, dict[str, str]]]:
    wanted = {topic.name: (topic.partitions, topic_configuration(topic)) for topic in TOPICS}
    kept = {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "retention.ms": str(int(DEAD_LETTER_RETENTION.total_seconds() * 1000)),
    }
    return wanted | {topic.dead_letter: (1, kept) for topic in TOPICS}


async def _create(admin: AIOKafkaAdminClient, replication_factor: int) -> list[str]:
    existing = set(await admin.list_topics())
    # the client takes the broker's own factor, -1, only beside an assignment, be it an empty one
    assignments: dict[int, list[int]] | None = {} if replication_factor == -1 else None
    new = [
        NewTopic(name, partitions, replication_factor, assignments, settings)
        for name, (partitions, settings) in _wanted().items()
        if name not in existing
    ]
    if new:
        response = await admin.create_topics(new)
        for name, code, *_ in response.topic_errors:
            _raise_unless(code, name, allowed=TopicAlreadyExistsError)
    return [topic.name for topic in new]


async def _grow(admin: AIOKafkaAdminClient) -> list[str]:
    sizes = await _sizes(admin)
    for topic in TOPICS:
        if sizes[topic.name] > topic.partitions:
            raise ValueError(
                f"topic {topic.name} has {sizes[topic.name]} partitions, the registry says {topic.partitions}:"
                " topics that are joined must have the same number, and Kafka cannot take partitions away"
            )
    short = {name: count for name, (count, _) in _wanted().items() if sizes[name] < count}
    if short:
        await admin.create_partitions({name: NewPartitions(total_count=count) for name, count in short.items()})
    return sorted(short)


async def _sizes(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Return how many partitions each topic has; the broker may not have heard yet of one that was just created."""
    found = await admin.describe_topics(list(_wanted()))
    for topic in found:
        _raise_unless(topic["error_code"], topic["topic"])
    return {topic["topic"]: len(topic["partitions"]) for topic in found}


async def _configure(admin: AIOKafkaAdminClient, *, skip: list[str]) -> None:
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, configs=settings)
        for name, (_, settings) in _wanted().items()
        if name not in skip
    ]
    if resources:
        for response in await admin.alter_configs(resources):
            for code, _, _, name in response.resources:
                _raise_unless(code, name)


def _raise_unless(code: int, name: str, *, allowed: type[Exception] | None = None) -> None:
    if code and for_code(code) is not allowed:
        raise for_code(code)(f"topic {name}")
