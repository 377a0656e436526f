"""The whole stack on one machine: Kafka, PostgreSQL and the four services, started, watched and stopped together."""
