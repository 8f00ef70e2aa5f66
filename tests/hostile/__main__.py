"""`python -m tests.hostile`: the hostile server for any client, by hand."""

from __future__ import annotations

import argparse
import signal

from tests.hostile.content import Content, content
from tests.hostile.exchange import Habits
from tests.hostile.server import HostileServer
from tests.hostile.table import PERSONALITIES

_STOPS = {signal.SIGINT, signal.SIGTERM}


def main() -> None:
    """Serve until interrupted, or list the personalities."""
    arguments = _arguments()
    if arguments.list:
        width = max(map(len, PERSONALITIES))
        for row in PERSONALITIES.values():
            tls = " [TLS only]" if row.tls else ""
            print(f"{row.name:{width}}  {row.row:4}  {row.sentence}{tls} -> {row.outcome}")
        return
    file = Content(content(arguments.size, arguments.seed))
    habits = Habits(interval=arguments.interval)
    server = HostileServer(file, arguments.personality, port=arguments.port, bytes_per_second=arguments.rate, habits=habits)
    # Blocked before the first thread starts, so that no thread takes them away from `sigwait`.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    with server:
        print(f"{server.url()}  ({arguments.personality}; the first segment of the path chooses another)")
        print(f"sha-256={file.sha256}  {file.size} bytes", flush=True)
        signal.sigwait(_STOPS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--list", action="store_true", help="show all personalities and what they do")
    parser.add_argument("--port", type=int, default=8000, help="0 for any free port")
    parser.add_argument(
        "--personality", choices=PERSONALITIES, default="polite", metavar="NAME", help="for paths that name none"
    )
    parser.add_argument("--size", type=int, default=10 << 20, help="bytes of the file")
    parser.add_argument("--seed", type=int, default=0, help="another number, another file")
    parser.add_argument("--rate", type=int, default=None, help="bytes a second, all connections together")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between two bytes of those who drip")
    return parser.parse_args()


if __name__ == "__main__":
    main()
