"""The tools and their command lines, as one table.

Defaults are what a user types; best is what somebody types who has read the manual. dlm has defaults only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.model import Scenario

BUCKET = "bucket"
DLM = (sys.executable, "-m", "dlm")


@dataclass(frozen=True)
class Job:
    """What one run shall fetch, and where to."""

    urls: tuple[str, ...]
    base: str
    """Address of the folder with all the files; ends with a slash."""
    folder: str
    name: str
    authority: str
    """File with the certificate authority."""
    listing: str
    """File with one URL a line."""
    curl_listing: str
    """The same as curl's configuration."""
    host: str
    """The address of the (first) server, without a scheme."""
    source: str
    """The folder that the server gives out, as the server calls it."""
    ssh: str
    """OpenSSH's configuration: it does not look into the home that the environment names."""


@dataclass(frozen=True)
class Tool:
    """One way to call one program, for one kind of scenario. `{words}` stand for the job's values."""

    name: str
    variant: str
    kind: str
    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    """Commands to run first, without being measured."""
    beside: tuple[str, ...] = ()
    """A command that runs at the same time; it is ended afterwards."""
    schemes: tuple[str, ...] = ("http", "https", "h2")

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return self.name if self.variant == "defaults" else f"{self.name} {self.variant}"


def words(template: Sequence[str], job: Job) -> list[str]:
    """The command line with the job's values."""
    values = vars(job) | {"url": job.urls[0], "file": f"{job.folder}/{job.name}", "bucket": BUCKET}
    command: list[str] = []
    for word in template:
        command += job.urls if word == "{urls}" else [word.format_map(values)]
    return command


CURL = ("curl", "-sS", "--fail", "--cacert", "{authority}")
CURL_RETRIES = ("--retry", "100", "--retry-all-errors", "--retry-delay", "1", "-C", "-", "-y", "5", "-Y", "1000")
CURL_MANY = (*CURL, "-Z", "--parallel-max", "64", "--parallel-immediate", "-K", "{curl_listing}")
WGET2 = ("wget2", "-q", "--ca-certificate={authority}")
ARIA2 = ("aria2c", "-q", "--no-conf", "--ca-certificate={authority}", "-d", "{folder}")
ARIA2_BEST = (*ARIA2, "--file-allocation=none", "-x16", "-s16", "-k1M")
LFTP = "set cmd:fail-exit yes; set ssl:ca-file {authority}; set net:connection-limit 0; "
LFTP_SSH = LFTP + "set sftp:connect-program 'ssh -a -x -F {ssh}'; set sftp:max-packets-in-flight 64; "
SFTP_BEST = ("-F", "{ssh}", "-B", "261120", "-R", "256", "-c", "aes128-gcm@openssh.com")
RCLONE_BEST = ("--multi-thread-streams", "8", "--multi-thread-cutoff", "16M")
GET = (*DLM, "get", "-q", "--cacert", "{authority}", "-d", "{folder}")
ADD_ONE = (*DLM, "add", "--cacert", "{authority}", "-d", "{folder}", "--now", "{url}")
ADD_MANY = (*DLM, "add", "-d", "{folder}", "--paused", "-i", "{listing}")
RUN = (*DLM, "run", "-q", "--workers", "1")

TOOLS = (
    Tool("dlm", "defaults", "one", (*GET, "{url}")),
    Tool("curl", "defaults", "one", (*CURL, "-o", "{file}", "{url}")),
    Tool("curl", "best", "one", (*CURL, "--http1.1", *CURL_RETRIES, "-o", "{file}", "{url}")),
    Tool("wget2", "defaults", "one", (*WGET2, "-O", "{file}", "{url}")),
    Tool("wget2", "best", "one", (*WGET2, "--no-http2", "-c", "-T", "10", "--tries=100", "-O", "{file}", "{url}")),
    Tool("aria2c", "defaults", "one", (*ARIA2, "{url}")),
    Tool("aria2c", "best", "one", (*ARIA2_BEST, "-m0", "--retry-wait=1", "-t10", "{url}")),
    Tool("axel", "defaults", "one", ("axel", "-q", "-k", "-o", "{file}", "{url}")),
    Tool("axel", "best", "one", ("axel", "-q", "-k", "-n", "16", "-T", "10", "-o", "{file}", "{url}")),
    Tool("lftp", "defaults", "one", ("lftp", "-c", LFTP + "get {url} -o {file}")),
    Tool(
        "lftp",
        "best",
        "one",
        ("lftp", "-c", LFTP + "set net:timeout 10; set net:reconnect-interval-base 1; pget -n 16 {url} -o {file}"),
    ),
    Tool("dlm", "defaults", "one", (*GET, "{url}"), schemes=("ftp", "sftp", "s3")),
    Tool("curl", "defaults", "one", ("curl", "-sS", "-o", "{file}", "{url}"), schemes=("ftp",)),
    Tool("lftp", "defaults", "one", ("lftp", "-c", LFTP + "get {url} -o {file}"), schemes=("ftp",)),
    Tool("lftp", "best", "one", ("lftp", "-c", LFTP + "pget -n 4 {url} -o {file}"), schemes=("ftp",)),
    Tool("sftp", "defaults", "one", ("sftp", "-q", "-F", "{ssh}", "{host}:{source}/{name}", "{file}"), schemes=("sftp",)),
    Tool("sftp", "best", "one", ("sftp", "-q", *SFTP_BEST, "{host}:{source}/{name}", "{file}"), schemes=("sftp",)),
    Tool("scp", "defaults", "one", ("scp", "-q", "-F", "{ssh}", "{host}:{source}/{name}", "{file}"), schemes=("sftp",)),
    Tool("lftp", "defaults", "one", ("lftp", "-c", LFTP_SSH + "get {url} -o {file}"), schemes=("sftp",)),
    Tool("lftp", "best", "one", ("lftp", "-c", LFTP_SSH + "pget -n 4 {url} -o {file}"), schemes=("sftp",)),
    Tool("aws", "defaults", "one", ("aws", "s3", "cp", "--only-show-errors", "{url}", "{file}"), schemes=("s3",)),
    Tool("rclone", "defaults", "one", ("rclone", "copyto", "store:{bucket}/{name}", "{file}"), schemes=("s3",)),
    Tool("rclone", "best", "one", ("rclone", "copyto", *RCLONE_BEST, "store:{bucket}/{name}", "{file}"), schemes=("s3",)),
    Tool("dlm", "defaults", "many", (*GET, "-i", "{listing}")),
    Tool("curl", "defaults", "many", (*CURL, "-Z", "-K", "{curl_listing}")),
    Tool("curl", "best", "many", CURL_MANY, schemes=("http", "https")),
    Tool("curl", "best", "many", (*CURL_MANY, "--http2"), schemes=("h2",)),
    Tool("wget2", "defaults", "many", (*WGET2, "-i", "{listing}", "-P", "{folder}")),
    Tool("wget2", "best", "many", (*WGET2, "--max-threads=32", "-i", "{listing}", "-P", "{folder}")),
    Tool("aria2c", "defaults", "many", (*ARIA2, "-i", "{listing}")),
    Tool("aria2c", "best", "many", (*ARIA2, "--file-allocation=none", "-j64", "-x1", "-s1", "-i", "{listing}")),
    Tool("lftp", "best", "many", ("lftp", "-c", LFTP + "mirror -P 32 {base} {folder}")),
    Tool("dlm", "defaults", "mirrors", (*GET, "--mirror", "{urls}")),
    Tool("aria2c", "defaults", "mirrors", (*ARIA2, "{urls}")),
    Tool("aria2c", "best", "mirrors", (*ARIA2_BEST, "-m0", "--retry-wait=1", "-t10", "--uri-selector=adaptive", "{urls}")),
    Tool("axel", "defaults", "mirrors", ("axel", "-q", "-k", "-o", "{file}", "{urls}")),
    Tool("axel", "best", "mirrors", ("axel", "-q", "-k", "-n", "16", "-T", "10", "-o", "{file}", "{urls}")),
    Tool("dlm", "run", "queue", RUN, before=(ADD_ONE,)),
    Tool("dlm", "run, busy", "queue", RUN, (ADD_MANY, ADD_ONE), beside=(sys.executable, "-m", "bench.busy")),
)


def suited(scenario: Scenario, wanted: Sequence[str] = ()) -> list[Tool]:
    """The tools that can do it; of these the wanted ones, by name or label."""
    able = [tool for tool in TOOLS if tool.kind == scenario.kind and scenario.scheme in tool.schemes]
    return [tool for tool in able if not wanted or tool.name in wanted or tool.label in wanted]
