import contextlib
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from shared.embedded import child
from shared.embedded.child import Child, StartError, free_port, is_taken
from tests.waiting import until

OWNER = Path(__file__).with_name("owner.py")

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def running(tmp_path, program):
    process = Child("greeter", log=tmp_path / "logs" / "greeter.log")
    process.start([sys.executable, "-c", program])
    return process


def test_one_that_ends_is_reported_with_its_code_and_last_words(tmp_path):
    process = running(tmp_path, "import sys; print('first'); print('no disk left'); print(); sys.exit(3)")

    with pytest.raises(StartError, match=r"^greeter ended with exit code 3: no disk left \(log: .*greeter\.log\)$"):
        process.wait_until(lambda: False, within=timedelta(seconds=10))


def test_one_that_stays_silent_is_reported_with_what_it_says_is_missing(tmp_path):
    process = running(tmp_path, DEAF)
    try:
        with pytest.raises(StartError, match=r"^greeter was not ready within 0 s: database: away$"):
            process.wait_until(lambda: False, within=timedelta(), why=lambda: "database: away")
    finally:
        process.kill()


def test_one_that_does_not_listen_is_killed_at_the_end_of_its_grace(tmp_path):
    process = running(tmp_path, DEAF)
    process.wait_until(lambda: "deaf" in process.last_words(), within=timedelta(seconds=10))

    process.stop(grace=timedelta(milliseconds=50))

    assert process.pid is None
    assert process.exit_code == -signal.SIGKILL


def test_a_large_log_is_put_aside_at_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "LARGEST_LOG", 3)
    process = running(tmp_path, "print('before')")
    process.wait_until(lambda: process.exit_code == 0, within=timedelta(seconds=10))

    process.start([sys.executable, "-c", "print('after')"])
    process.wait_until(lambda: process.exit_code == 0, within=timedelta(seconds=10))

    assert (tmp_path / "logs" / "greeter.log.1").read_text() == "before\n"
    assert process.log.read_text() == "after\n"


def test_a_free_port_is_not_taken():
    assert not is_taken(free_port())


@pytest.fixture
def owned(tmp_path):
    """A process and the two children that it started from a thread that has ended: a program and a PostgreSQL."""
    with subprocess.Popen([sys.executable, OWNER, tmp_path], stdout=subprocess.PIPE, text=True) as owner:  # noqa: S603 - ours
        children = [psutil.Process(int(pid)) for pid in owner.stdout.readline().split()]
        assert len(children) == 2
        yield owner, children
        for process in (*children, owner):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends what was left")
async def test_children_outlive_the_thread_that_started_them_and_not_the_process(owned):
    owner, children = owned
    psutil.wait_procs(children, timeout=0.5)
    assert all(runs(child) for child in children)

    owner.kill()

    await until(
        lambda: not any(runs(child) for child in children), within=timedelta(seconds=15), what="no child is left"
    )


def runs(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_child_can_be_started_from_any_thread(tmp_path):
    process = Child("greeter", log=tmp_path / "greeter.log")
    thread = threading.Thread(target=process.start, args=([sys.executable, "-c", "input(); print('went on')"],))
    thread.start()
    thread.join()

    with pytest.raises(StartError, match="exit code 1: EOFError"):
        process.wait_until(lambda: False, within=timedelta(seconds=10))
