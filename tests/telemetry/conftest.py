"""What the tests of this directory share."""

from __future__ import annotations

from tests.telemetry.capture import logs

__all__ = ["logs"]
