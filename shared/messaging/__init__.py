"""Kafka for a service: safe broker, batch subscriptions, retry and dead letters, topics as they are registered."""
