from datetime import timedelta
from types import SimpleNamespace

import pytest

from services.stack.supervision import FIRST_DELAY, HEALTHY_AFTER, LONGEST_DELAY, Supervisor
from shared.embedded.child import StartError


class Watch:
    """A supervisor over one server whose deaths and time the test makes."""

    def __init__(self, *, refuses=False):
        self.seconds = 0.0
        self.lines = []
        self.launches = []
        self.refuses = refuses
        self.server = SimpleNamespace(name="greeter", child=SimpleNamespace(pid=1, exit_code=None))
        self.supervisor = Supervisor([self.server], say=self.lines.append, launch=self.launch, now=lambda: self.seconds)

    def launch(self, server):
        self.launches.append(self.seconds)
        if self.refuses:
            raise StartError("no disk left")
        server.child = SimpleNamespace(pid=100 + len(self.launches), exit_code=None)

    def dies(self, code=-9):
        self.server.child = SimpleNamespace(pid=None, exit_code=code)
        self.supervisor.look()

    def passes(self, span):
        self.seconds += span.total_seconds()
        self.supervisor.look()

    def delay_after_death(self):
        """Let it die and return how long it stayed down."""
        self.dies()
        died, before = self.seconds, len(self.launches)
        while len(self.launches) == before:
            self.passes(timedelta(seconds=0.5))
        return timedelta(seconds=self.launches[-1] - died)


def test_one_that_dies_is_started_again_and_named_with_its_new_pid_and_its_old_exit_code():
    watch = Watch()

    watch.dies(code=-9)
    assert watch.lines == []
    watch.passes(FIRST_DELAY)

    assert watch.lines == ["restarted greeter (pid 101) after exit -9"]


def test_each_death_doubles_the_wait_up_to_half_a_minute():
    watch = Watch()

    delays = [watch.delay_after_death().total_seconds() for _ in range(8)]

    assert delays == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert delays[-1] == LONGEST_DELAY.total_seconds()


def test_a_minute_of_health_forgives_the_deaths_before_it():
    watch = Watch()
    for _ in range(4):
        watch.delay_after_death()

    watch.passes(HEALTHY_AFTER)

    assert watch.delay_after_death() == FIRST_DELAY


def test_less_than_a_minute_of_health_forgives_nothing():
    watch = Watch()
    watch.delay_after_death()

    watch.passes(HEALTHY_AFTER - timedelta(seconds=1))

    assert watch.delay_after_death() == 2 * FIRST_DELAY


def test_one_that_cannot_be_started_is_tried_again_and_the_reason_said():
    watch = Watch(refuses=True)

    watch.dies()
    for _ in range(4):
        watch.passes(timedelta(seconds=0.5))

    assert watch.lines[0] == "could not restart greeter: no disk left; next try in 1 s"
    assert watch.launches == [0.5, 2.0]


def test_what_is_no_failure_of_a_server_is_not_swallowed():
    watch = Watch()
    watch.supervisor._launch = lambda _: 1 / 0
    watch.dies()

    with pytest.raises(ZeroDivisionError):
        watch.passes(FIRST_DELAY)
