"""A pyftpdlib server as a program: `python -m tests.ftp_server JSON`. See `tests.ftp_peers` for what the JSON may say."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any


def serve(said: dict[str, Any]) -> None:
    """Serve until the process is ended."""
    import warnings

    warnings.simplefilter("ignore")  # of its own imports
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

    class Handler(TLS_FTPHandler if said.get("cert") else FTPHandler):  # type: ignore[misc] # its base is chosen here
        """What `said` says."""

    if said.get("cert"):
        Handler.certfile, Handler.keyfile = said["cert"], said["key"]
        Handler.tls_control_required = Handler.tls_data_required = True
    authorizer = DummyAuthorizer()
    authorizer.add_anonymous(said["root"])
    authorizer.add_user(said["user"], said["password"], said["root"], perm="elr")
    Handler.authorizer = authorizer
    Handler.auth_failed_timeout = 0
    Handler.use_sendfile = False
    Handler.proto_cmds = {name: row for name, row in Handler.proto_cmds.items() if name not in said.get("without", ())}
    logging.basicConfig(filename=said["log"], level=logging.DEBUG)
    server = FTPServer((said.get("host", "127.0.0.1"), said["port"]), Handler)
    server.max_cons_per_ip = said.get("most", 0)
    server.serve_forever()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
