"""Ask the service of this container whether it does its work: exits 0 if so, else 1, and says what is missing."""

from __future__ import annotations

import http.client
import os
import sys

_PATIENCE_SECONDS = 4
"""`/ready` answers within 3 s, also when what it depends on is silent."""


def answer() -> tuple[int, str]:
    """Return the status and body of `/ready`; 0 and why, if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["NUXARI_PORT"]), timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/ready")
        response = connection.getresponse()
        return response.status, response.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


status, body = answer()
sys.stdout.write(f"{body}\n")
sys.exit(status != http.client.OK)
