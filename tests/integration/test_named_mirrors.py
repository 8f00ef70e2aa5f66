"""What a real exchange makes of the mirrors that servers name."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dlm.clock import SystemClock
from dlm.model.download import DownloadSpec
from dlm.model.resource import Mirror, Resource
from dlm.protocols.curl.source import HttpSource


class MirrorNetwork(http.server.BaseHTTPRequestHandler):
    """Redirects `/file` to `/real`, and names mirrors on the way and at the end."""

    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/file" else 200)
        self.send_header("Link", "<file:///etc/passwd>; rel=duplicate, </real>; rel=duplicate; pri=2")
        if self.path == "/file":
            self.send_header("Link", "</near>; rel=duplicate; pri=4")
            self.send_header("Location", "/real")
        else:
            self.send_header("Link", "</far>; rel=duplicate; pri=3")
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"abc")

    def log_message(self, *_: object) -> None:
        """Tests are silent."""


@contextmanager
def network() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), MirrorNetwork) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def opened(uri: str) -> Resource:
    source = HttpSource(SystemClock())
    try:
        opening = await source.open(uri, DownloadSpec(uris=(uri,), directory="/"))
        await opening.close()
        return opening.resource
    finally:
        await source.close()


def test_mirrors_are_named_by_each_reply_on_the_way() -> None:
    """The redirect's before those of the last reply; where the redirect leads is no other mirror."""
    with network() as base:
        own, *others = asyncio.run(opened(f"{base}/file")).mirrors
        assert (own.uri, own.resolved) == (f"{base}/file", f"{base}/real")
        assert others == [Mirror(f"{base}/{name}", stranger=True) for name in ("near", "far")]
