"""Real FTP servers, started for tests and stopped for sure: vsftpd, ProFTPD and pyftpdlib. See `tests.peers`.

Strangers may read everything; USER with PASSWORD may log in to ProFTPD and pyftpdlib. Files may be put into `root` at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Certificates
from tests.peers import PASSWORD, USER
from tests.programs import find_program, free_ports, started, write_files

_UNPACKED = Path(sys.prefix) / "debian"
"""Where `scripts/test` unpacks what cannot be installed beside another package."""
_PASSWORD_HASH = "$5$dlmtests$mA2zTs698V3zuFwdvX1BupkrRAoGqT7Ps80vT.tCiG2"


@dataclass(frozen=True, slots=True)
class FtpPeer:
    """A running server."""

    root: Path
    port: int
    scheme: str
    log: Path
    """What was said on the control connections, or at least the logins and transfers."""

    def url(self, path: str, scheme: str | None = None) -> str:
        """The address of a file for a stranger."""
        return f"{scheme or self.scheme}://localhost:{self.port}{path}"


@contextlib.contextmanager
def vsftpd(
    files: Mapping[str, bytes],
    directory: Path,
    *,
    certificates: Certificates | None = None,
    implicit: bool = False,
    most: int = 0,
) -> Iterator[FtpPeer]:
    """vsftpd; with certificates it wants TLS everywhere, and each data connection to resume the session.

    `most` is how many connections it allows.
    """
    program = find_program("vsftpd", "apt-get install vsftpd")
    root = write_files(directory / "root", files)

    def launch() -> tuple[FtpPeer, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        scheme = "ftp" if certificates is None else "ftps" if implicit else "ftpes"
        peer = FtpPeer(root, port, scheme, directory / "vsftpd.log")
        lines = [f"listen_port={port}", f"anon_root={root}", f"vsftpd_log_file={peer.log}", f"max_clients={most}"]
        lines += [f"secure_chroot_dir={directory}", "listen=YES", "listen_address=127.0.0.1", "background=NO"]
        lines += ["run_as_launching_user=YES", "anonymous_enable=YES", "no_anon_password=NO", "anon_world_readable_only=NO"]
        lines += ["allow_writeable_chroot=YES", "seccomp_sandbox=NO", "port_enable=YES", "connect_from_port_20=NO"]
        lines += ["log_ftp_protocol=YES", "xferlog_enable=YES", "syslog_enable=NO", "anon_max_rate=0"]
        if certificates is not None:
            lines += ["ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_data_ssl=YES", "force_anon_logins_ssl=YES"]
            lines += [f"rsa_cert_file={certificates.server.cert}", f"rsa_private_key_file={certificates.server.key}"]
            lines += ["require_ssl_reuse=YES", "ssl_ciphers=HIGH", f"implicit_ssl={'YES' if implicit else 'NO'}"]
        config = directory / "vsftpd.conf"
        config.write_text("\n".join(lines) + "\n")
        return peer, (program, str(config)), (port,)

    with started(launch, directory) as peer:
        yield peer


@contextlib.contextmanager
def proftpd(
    files: Mapping[str, bytes], directory: Path, *, certificates: Certificates | None = None, most: int = 0
) -> Iterator[FtpPeer]:
    """ProFTPD; with certificates it wants TLS, and data connections that resume the session. `most`: connections of a host."""
    program, modules, libraries = _find_proftpd()
    root = write_files(directory / "root", files)
    passwords = directory / "passwords"
    place = f"{os.getuid()}:{os.getgid()}::{root}:/bin/sh"
    passwords.write_text(f"{USER}:{_PASSWORD_HASH}:{place}\nftp:*:{place}\n")
    passwords.chmod(0o600)

    def launch() -> tuple[FtpPeer, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        peer = FtpPeer(root, port, "ftp" if certificates is None else "ftpes", directory / "output.log")
        config = directory / "proftpd.conf"
        config.write_text(_proftpd_config(peer, directory, modules, certificates, most))
        environment = ("env", f"LD_LIBRARY_PATH={libraries}") if libraries else ()
        return peer, (*environment, program, "-n", "-c", str(config)), (port,)

    with started(launch, directory) as peer:
        yield peer


@contextlib.contextmanager
def pyftpdlib(
    files: Mapping[str, bytes],
    directory: Path,
    *,
    certificates: Certificates | None = None,
    without: Sequence[str] = (),
    most: int = 0,
    host: str = "127.0.0.1",
) -> Iterator[FtpPeer]:
    """pyftpdlib, which knows no command that is in `without`; `most` is how many connections a host may have."""
    root = write_files(directory / "root", files)

    def launch() -> tuple[FtpPeer, Sequence[str], Sequence[int]]:
        (port,) = free_ports(1)
        peer = FtpPeer(root, port, "ftp" if certificates is None else "ftpes", directory / "pyftpdlib.log")
        said = {"root": str(root), "port": port, "host": host, "log": str(peer.log), "user": USER, "password": PASSWORD}
        said |= {"without": list(without), "most": most}
        if certificates is not None:
            said |= {"cert": str(certificates.server.cert), "key": str(certificates.server.key)}
        environment = ("env", f"PYTHONPATH={Path(__file__).resolve().parent.parent}")
        return (
            peer,
            (*environment, sys.executable, "-m", "tests.ftp_server", json.dumps(said)),
            (port,) if host == "127.0.0.1" else (),
        )

    with started(launch, directory) as peer:
        yield peer


def _find_proftpd() -> tuple[str, Path, str]:
    """The program, its modules, and its libraries where those are not the system's."""
    unpacked = _UNPACKED / "usr/sbin/proftpd"
    if unpacked.exists():
        (libraries,) = {str(path.parent) for path in (_UNPACKED / "usr/lib").glob("*/libmemcached.so*")}
        return str(unpacked), _UNPACKED / "usr/lib/proftpd", libraries
    return find_program("proftpd", "scripts/test unpacks it; or apt-get install proftpd-core"), Path("/usr/lib/proftpd"), ""


def _proftpd_config(peer: FtpPeer, directory: Path, modules: Path, certificates: Certificates | None, most: int) -> str:
    name = "root" if os.geteuid() == 0 else str(os.geteuid())
    tls = ""
    if certificates is not None:
        tls = f"""
        LoadModule mod_tls.c
        TLSEngine on
        TLSRequired on
        TLSLog {directory}/tls.log
        TLSECCertificateFile {certificates.server.cert}
        TLSECCertificateKeyFile {certificates.server.key}"""
    return textwrap.dedent(f"""\
        ServerName test
        ServerType standalone
        DefaultServer on
        Port {peer.port}
        DefaultAddress 127.0.0.1
        UseIPv6 off
        UseReverseDNS off
        ModulePath {modules}
        User {name}
        Group {name}
        RootRevoke off
        PidFile {directory}/pid
        ScoreboardFile {directory}/scoreboard
        DelayEngine off
        AuthOrder mod_auth_file.c
        AuthUserFile {directory}/passwords
        RequireValidShell off
        WtmpLog off
        TransferLog none
        AllowRetrieveRestart on
        UseFtpUsers off
        RootLogin on
        {f"MaxClientsPerHost {most}" if most else ""}
        {tls}
        <Anonymous {peer.root}>
          User ftp
          UserAlias anonymous ftp
          AnonRequirePassword off
          RequireValidShell off
        </Anonymous>
        """)
