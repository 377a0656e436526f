"""The event contract of the tenant-security backend: what others install to publish events and read alerts."""
