import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from shared.embedded.child import free_port
from tests.deploy.delivery import ROOT


def asked(port):
    """What the engine sees of a container whose service has that port."""
    return subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-I", "-S", ROOT / "deploy" / "healthy.py"],
        env=os.environ | {"NUXARI_PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def service():
    """Starts a service that answers /ready as the test says; gives its port."""
    servers = []

    def answering(status, body):
        class Ready(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/ready" else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                return

        server = HTTPServer(("127.0.0.1", 0), Ready)
        servers.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server.server_port

    yield answering
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_service_that_does_its_work_is_healthy(service):
    assert asked(service(200, b'{"status": "ready"}')).returncode == 0


def test_a_service_that_does_not_says_what_is_missing(service):
    answer = asked(service(503, b'{"status": "not ready", "checks": {"database": {"ok": false}}}'))

    assert answer.returncode == 1
    assert '"database": {"ok": false}' in answer.stdout


def test_a_service_that_does_not_answer_is_not_healthy():
    answer = asked(free_port())

    assert answer.returncode == 1
    assert "refused" in answer.stdout
    assert answer.stderr == ""
