"""A process that starts children from a thread that ends, names them, and waits to be killed."""

import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from shared.embedded.child import Child
from shared.embedded.postgres import EmbeddedPostgres

home = Path(sys.argv[1])
sleeper = Child("sleeper", log=home / "sleeper.log")
postgres = EmbeddedPostgres(home / "postgres", fast=True)


def begin():
    sleeper.start([sys.executable, "-c", "import time; time.sleep(120)"])
    postgres.start()


thread = threading.Thread(target=begin)
thread.start()
thread.join()
print(sleeper.pid, postgres.pid, flush=True)  # noqa: T201 - the test reads it
time.sleep(120)
