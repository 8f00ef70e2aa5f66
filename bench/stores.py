"""The servers of other protocols than HTTP: vsftpd, OpenSSH, and SeaweedFS for S3. What they were asked is not counted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.model import Scheme
from bench.network import End, inside
from bench.servers import PORTS, Asked, served
from bench.tools import BUCKET

VSFTPD = """
listen=YES
background=NO
anonymous_enable=YES
anon_root={root}
anon_world_readable_only=NO
allow_writeable_chroot=YES
run_as_launching_user=YES
secure_chroot_dir={run}
seccomp_sandbox=NO
xferlog_enable=NO
"""
SSHD = """
Port 22
HostKey {run}/host
AuthorizedKeysFile {run}/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
MaxStartups 100
Subsystem sftp internal-sftp
"""
SSH = """
Host *
User root
IdentityFile {run}/key
IdentitiesOnly yes
UserKnownHostsFile {run}/known_hosts
"""
KEYS = ("BENCHKEY", "BENCHSECRET")
ACTIONS = ("Admin", "Read", "Write", "List")
BEGUN = 60.0
"""Seconds in which a store must have taken all files."""


@contextmanager
def vsftpd(end: End, root: Path, run: Path) -> Iterator[Asked]:
    """An FTP server that gives everything to strangers."""
    run.mkdir(parents=True)
    (run / "vsftpd.conf").write_text(VSFTPD.format(root=root, run=run))
    with served([*inside(end.space), "vsftpd", str(run / "vsftpd.conf")], end, signal.SIGTERM, PORTS["ftp"]):
        yield Asked()


@contextmanager
def sshd(end: End, run: Path) -> Iterator[Asked]:
    """An SSH server; `ssh_config` in `run` is what its clients need."""
    run.mkdir(parents=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("key", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", run / name], check=True)
    (run / "known_hosts").write_text(f"{end.address} {(run / 'host.pub').read_text()}")
    (run / "ssh_config").write_text(SSH.format(run=run))
    (run / "sshd_config").write_text(SSHD.format(run=run))
    command = [*inside(end.space), "/usr/sbin/sshd", "-D", "-f", str(run / "sshd_config"), "-E", str(run / "sshd.log")]
    with served(command, end, signal.SIGTERM, PORTS["sftp"]):
        yield Asked()


@contextmanager
def seaweedfs(end: End, root: Path, run: Path) -> Iterator[None]:
    """A store with the files of `root` in `BUCKET`, each uploaded in one piece."""
    storage = run / "storage"
    storage.mkdir(parents=True)
    name, secret = KEYS
    owner = {"name": "owner", "credentials": [{"accessKey": name, "secretKey": secret}], "actions": ACTIONS}
    (run / "s3.json").write_text(json.dumps({"identities": [owner]}))
    flags = [f"-dir={storage}", "-filer", "-s3", f"-s3.config={run}/s3.json", f"-s3.port={PORTS['s3']}"]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=50", "-master.volumeSizeLimitMB=64"]
    flags += [f"-filer.localSocket={run}/f", f"-s3.localSocket={run}/s", "-master.telemetry=false"]
    flags += ["-ip=127.0.0.1", "-ip.bind=0.0.0.0"]
    command = [*inside(end.space), str(Path(sys.executable).with_name("weed")), "server", *flags]
    with (
        (run / "log").open("wb") as log,
        served(command, end, signal.SIGTERM, PORTS["s3"], log),
    ):
        fill(end, root)
        yield


def fill(end: End, root: Path) -> None:
    """Upload everything, as soon as the store takes it: its port is open before that. RuntimeError: it never does."""
    bucket = f"http://127.0.0.1:{PORTS['s3']}/{BUCKET}"
    steps: list[tuple[str, ...]] = [(bucket, "-X", "PUT")]
    for file in sorted(root.iterdir()):
        steps += [(f"{bucket}/{file.name}", "-T", str(file)), (f"{bucket}/{file.name}", "-I")]
    deadline = time.monotonic() + BEGUN
    for step in steps:
        while not asked(end, *step):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the store does not do its work: {step}")
            time.sleep(0.2)


def asked(end: End, url: str, *words: str) -> bool:
    """Whether the store did as it was asked, by a signed request from its own side of the wire."""
    signed = ["--aws-sigv4", "aws:amz:us-east-1:s3", "--user", ":".join(KEYS)]
    command = [*inside(end.space), "curl", "-sS", "--fail", "-o", "/dev/null", *signed, *words, url]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def environment(scheme: Scheme, address: str) -> dict[str, str]:
    """What tools for S3 need to know beside the address."""
    if scheme != "s3":
        return {}
    endpoint = f"http://{address}:{PORTS['s3']}"
    aws = {"ACCESS_KEY_ID": KEYS[0], "SECRET_ACCESS_KEY": KEYS[1], "ENDPOINT_URL_S3": endpoint, "DEFAULT_REGION": "us-east-1"}
    rclone = {"TYPE": "s3", "PROVIDER": "SeaweedFS", "ENV_AUTH": "true", "ENDPOINT": endpoint, "FORCE_PATH_STYLE": "true"}
    named = {f"AWS_{key}": value for key, value in aws.items()}
    return named | {f"RCLONE_CONFIG_STORE_{key}": value for key, value in rclone.items()}
