"""A laptop's real Kafka and real PostgreSQL: owned by the process that starts them, on loopback only."""
