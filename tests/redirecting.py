"""A server that knows only where else to look."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextlib.contextmanager
def redirecting(location: str) -> Iterator[str]:
    """Redirect every GET to this address until the block ends. Gives the address of the server, without a path."""

    class Redirecting(BaseHTTPRequestHandler):
        """Answers 302."""

        def do_GET(self) -> None:
            """See `http.server`."""
            self.send_response(302)
            self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()
