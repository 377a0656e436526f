"""The rules of credential governance: pure functions and frozen facts, free of database, broker and framework."""
