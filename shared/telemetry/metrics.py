"""The metrics of messaging, persistence and HTTP: after this, a dashboard finds the same names at every service."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CONSUMED = Counter("nuxari_records_consumed", "Records taken, whatever became of them.", ["consumer"])
UNREADABLE = Counter("nuxari_records_unreadable", "Records that the Kafka client cannot read, stepped over.")
UNKNOWN = Counter(
    "nuxari_records_unknown", "Records of a type this version does not know, skipped.", ["consumer", "topic"]
)
BURIED = Counter("nuxari_records_buried", "Records written to a dead-letter topic.", ["consumer", "topic", "code"])
FORWARDED = Counter("nuxari_records_forwarded", "Records sent on to the partition of their key.", ["consumer", "topic"])
RETRIED = Counter(
    "nuxari_batches_retried", "Batches that will be taken again because the world was down.", ["consumer"]
)
COMMIT_FAILED = Counter("nuxari_offset_commits_failed", "Offset commits that Kafka refused.", ["consumer"])
APPLY_SECONDS = Histogram("nuxari_batch_apply_seconds", "Seconds in one batch's database transaction.", ["consumer"])
RELAYED = Counter("nuxari_outbox_relayed", "Announcements that Kafka acknowledged.", ["service"])
RELAY_INTERRUPTED = Counter("nuxari_outbox_relay_interrupted", "Times the relay lost Kafka or PostgreSQL.", ["service"])
OUTBOX_AGE = Gauge("nuxari_outbox_oldest_seconds", "Age of the oldest announcement not yet on Kafka.", ["service"])
DUE_FAILED = Counter("nuxari_due_work_failed", "Due work that raised and was put off.", ["service", "kind"])
HTTP_SECONDS = Histogram("nuxari_http_request_seconds", "Seconds to answer a request.", ["method", "route", "status"])
