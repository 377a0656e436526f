"""HTTP for a service: problem documents, guards, cursors, idempotency keys, ETags, health."""
