"""The correlation engine: rules and events in, alerts out; no clock, no network, no database."""
