"""The process: `python -m services.identity`."""

from __future__ import annotations

from services.identity.app import build
from shared.running import run
from shared.settings import ServiceSettings
from shared.telemetry import logging

if __name__ == "__main__":
    settings = ServiceSettings()
    logging.configure(level=settings.log_level, form=settings.log_format)
    run(build(settings))
