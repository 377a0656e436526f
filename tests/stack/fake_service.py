"""A service of a test's stack: ready at once, tells how it was called, and ends when told to."""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        told = {name: value for name, value in os.environ.items() if name.startswith("NUXARI_")}
        body = json.dumps({"status": "ready", "checks": {}, "environment": told, "arguments": sys.argv}).encode()
        self.send_response(503 if os.environ.get("FAKE_NEVER_READY") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer((os.environ["NUXARI_HOST"], int(os.environ["NUXARI_PORT"])), Answer).serve_forever()
