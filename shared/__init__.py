"""Mechanism without meaning: messaging, persistence, access, web and telemetry; never imports a service."""
