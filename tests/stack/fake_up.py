"""`nuxari-security` with stand-ins for the services, named with their ports in FAKE_PROGRAMS: `greeter=8101 ...`."""

import os
import sys
from pathlib import Path

from services import cli
from services.cli import stack
from services.stack.servers import Program


def programs(_settings):
    command = (sys.executable, str(Path(__file__).with_name("fake_service.py")))
    named = (text.split("=") for text in os.environ["FAKE_PROGRAMS"].split())
    return [
        Program(name=name, host="127.0.0.1", port=int(port), command=command, has_migrations=False)
        for name, port in named
    ]


if __name__ == "__main__":
    stack.programs_of = programs
    cli.main()
