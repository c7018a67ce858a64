"""Answer the reads of ephemeral secrets while an applied stack is planned offline.

The arguments of an ephemeral secret are known once the stack is applied, so each plan reads it. Its
value is in no plan and in no state: any text serves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Answer ``GetSecretValue``; refuse any other call."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.headers.get("X-Amz-Target") == "secretsmanager.GetSecretValue"
        answer = {
            "ARN": request.get("SecretId"),
            "Name": request.get("SecretId"),
            "VersionId": request.get("VersionId"),
            "SecretString": "offline",
        }
        body = json.dumps(answer if known else {"__type": "AccessDeniedException"}).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print no line for each request."""


@contextmanager
def secret_endpoint() -> Iterator[str]:
    """Serve on a free port of loopback; yield the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
