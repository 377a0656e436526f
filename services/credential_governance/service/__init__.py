"""The use cases: load, decide, save, announce, record; each inside a transaction that its caller opened."""
