"""What `dlm doctor` finds: each fact is judged rightly, and what is not good says what to do."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.cli.findings import lines_of
from dlm.cli.line import ASCII, UNICODE, plain, width_of
from dlm.cli.main import run
from dlm.model.error import StateUnusable
from dlm.model.queue import Finding
from dlm.model.settings import Settings
from dlm.ports import Downloads
from dlm.protocols.curl.features import (
    TRUST_VARIABLES,
    check_curl,
    judge_bundle,
    judge_libcurl,
    judge_pycurl,
)
from dlm.protocols.curl.trust import ca_bundle
from dlm.system import doctor
from dlm.system.probes import check_place, examine, machine_probes
from tests.conftest import SOURCES
from tests.contracts.disks import fill, make_read_only, small_disk

MIB = 1024 * 1024
ALL = ("TLS", "HTTP/2", "HTTP/3", "brotli", "zstd", "IPv6", "SFTP")
BUNDLE = "/etc/ssl/certs/all.crt"


def epoch(year: int) -> float:
    return (year - 1970) * 365.2425 * 86400 + 86400 * 100


JUDGED: list[tuple[Finding, str, str]] = [
    (doctor.clock(epoch(2026)), "good", "2026-"),
    (doctor.clock(epoch(2024)), "good", "2024-"),
    (doctor.clock(0), "bad", "1970-01-01 00:00 UTC, so no certificate .*: set the time"),
    (doctor.clock(epoch(2022)), "bad", "set the time"),
    (doctor.clock(epoch(2101)), "bad", "set the time"),
    (doctor.clock(-1e9), "bad", "set the time"),
    (doctor.clock(1e12), "bad", "set the time"),
    (doctor.open_files(20_000), "good", "20,000"),
    (doctor.open_files(512), "good", "512"),
    (doctor.open_files(511), "warning", "only 511 .*: raise the limit with 'ulimit -n"),
    (doctor.open_files(63), "bad", "only 63 .*: raise"),
    (doctor.space("d", "/x", 1024 * MIB, None), "good", "1.0 GiB are free for /x"),
    (doctor.space("d", "/x", 1024 * MIB - 1, 10**6), "warning", "only 1024.0 MiB are free for /x: free some"),
    (doctor.space("d", "/x", 64 * MIB - 1, None), "bad", "free some"),
    (doctor.space("d", "/x", 1024 * MIB, 999), "warning", "only 999 more files can be made in /x: delete"),
    (doctor.space("d", "/x", 1024 * MIB, 0), "bad", "only 0 more files"),
    (doctor.unwritable("d", "/x", "permission denied"), "bad", r"/x cannot be written to \(permission denied\): change"),
    (doctor.state_file_system("/x", "ext4"), "good", r"local file system \(ext4\)"),
    (doctor.state_file_system("/x", None), "good", "local file system"),
    (doctor.state_file_system("/x", "nfs4"), "warning", r"network file system \(nfs4\).*: choose a local disk"),
    (doctor.control("/x.control", None), "good", "/x.control"),
    (doctor.control("/x.control", "it is a link: move it away"), "warning", "late: it is a link: move it away"),
    (doctor.network(True), "good", "has a network"),
    (doctor.network(False), "warning", "no network: connect it"),
    (judge_pycurl("7.49.0"), "good", "7.49.0"),
    (judge_pycurl("7.50"), "good", "7.50"),
    (judge_pycurl("7.45.3"), "bad", "too old: update it with 'pip"),
    (judge_libcurl("8.23.0", ALL), "good", "8.23.0 with TLS, HTTP/2, HTTP/3, brotli, zstd, IPv6, SFTP$"),
    (
        judge_libcurl("8.23.0-DEV", ("TLS", "HTTP/2", "IPv6")),
        "good",
        "with TLS, HTTP/2, IPv6, without HTTP/3, brotli, zstd, SFTP$",
    ),
    (judge_libcurl("8.23.0", ("TLS", "IPv6")), "warning", "has no HTTP/2: update"),
    (judge_libcurl("8.23.0", ("TLS",)), "warning", "has no HTTP/2 and no IPv6: update"),
    (judge_libcurl("8.23.0", ("HTTP/2",)), "bad", "has no TLS, .*: update"),
    (judge_libcurl("8.3.0", ALL), "bad", "known holes .*: update"),
    (judge_libcurl("7.88.1", ALL), "bad", "known holes"),
    (judge_bundle(BUNDLE, 140, {}), "good", f"140 authorities are trusted, from {BUNDLE}"),
    (judge_bundle(BUNDLE, 0, {}), "bad", "no certificate, .*: install the package ca-certificates"),
    (judge_bundle(BUNDLE, 9, {"SSL_CERT_FILE": "/no"}), "warning", f"SSL_CERT_FILE names /no, .*so {BUNDLE} is used: correct"),
    (judge_bundle(BUNDLE, 9, {"SSL_CERT_FILE": BUNDLE}), "good", "9 authorities"),
]


@pytest.mark.parametrize(("finding", "state", "sentence"), JUDGED, ids=range(len(JUDGED)))
def test_each_fact_is_judged(finding: Finding, state: str, sentence: str) -> None:
    """The state and the sentence of the table; after the colon stands what to do."""
    import re

    assert finding.state == state
    assert re.search(sentence, finding.sentence), finding.sentence
    assert finding.state == "good" or ": " in finding.sentence


PROXIES: dict[str, tuple[dict[str, str], list[tuple[str, str]]]] = {
    "none": ({}, [("good", "the environment names no proxy")]),
    "empty": ({"https_proxy": ""}, [("good", "the environment names no proxy")]),
    "one": ({"https_proxy": "http://p:3128"}, [("good", "https_proxy is http://p:3128")]),
    "capitals": ({"HTTPS_PROXY": "http://p:3128"}, [("good", "HTTPS_PROXY is http://p:3128")]),
    "both": ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://p:2"}, [("good", "https_proxy is http://p:1")]),
    "secret": ({"all_proxy": "socks5h://me:hunter2@p:1080"}, [("good", "all_proxy is socks5h://p:1080")]),
    "bare secret": ({"all_proxy": "me:hunter2@p:1080"}, [("good", "all_proxy is p:1080")]),
    "exceptions": ({"no_proxy": "localhost,.example.org"}, [("good", "no_proxy is localhost,.example.org")]),
    "in vain": (
        {"HTTP_PROXY": "http://me:hunter2@p"},
        [("warning", "HTTP_PROXY is set and has no effect: write it as http_proxy")],
    ),
    "in both": ({"HTTP_PROXY": "http://q", "http_proxy": "http://p"}, [("good", "http_proxy is http://p")]),
}


@pytest.mark.parametrize(("environ", "expected"), PROXIES.values(), ids=PROXIES)
def test_proxies_are_told_without_their_secrets(environ: dict[str, str], expected: list[tuple[str, str]]) -> None:
    """Those that count, as libcurl reads them; no password is ever shown."""
    findings = doctor.proxies(environ)
    assert [(each.state, each.sentence) for each in findings] == expected
    assert "hunter2" not in str(findings)


# --- the round --------------------------------------------------------------------------------------------------------


def test_a_round_is_complete_and_in_order() -> None:
    """What fails, and what hangs, is a finding of that name; the others are there as they were found."""
    released = threading.Event()

    def hanging() -> Iterator[Finding]:
        released.wait(20)
        yield Finding("late", "good", "")

    def failing() -> Sequence[Finding]:
        raise PermissionError(13, "Permission denied", "/x")

    def several() -> Iterator[Finding]:
        yield Finding("a", "good", "1")
        yield Finding("b", "bad", "2: act")

    began = time.monotonic()
    found = examine({"disk": hanging, "file": failing, "some": several, "none": list}, patience=0.2)
    released.set()
    assert time.monotonic() - began < 30
    assert [(each.name, each.state) for each in found] == [("disk", "warning"), ("file", "bad"), ("a", "good"), ("b", "bad")]
    assert "no answer in 0.2 s: look" in found[0].sentence
    assert "Permission denied" in found[1].sentence


def test_a_check_that_hangs_does_not_keep_the_process() -> None:
    """It ends when all is said, whatever still waits for a disk."""
    script = "import time; from dlm.system.probes import examine; print(examine({'x': lambda: time.sleep(60)}, 0.1))"
    ran = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(SOURCES)}, timeout=50)
    assert ran.returncode == 0


def test_the_real_machine_is_examined(tmp_path: Path) -> None:
    """Each check has its finding, and nothing is left behind by them."""
    probes = machine_probes(str(tmp_path / "dlm.db"), str(tmp_path / "not" / "yet"), lambda: None, lambda: True)
    found = examine(probes)
    assert [each.name for each in found if each.name != "proxy"] == [
        *("state disk", "state disk", "control", "downloads disk", "network", "clock", "open files")
    ]
    assert {each.state for each in found} <= {"good", "warning", "bad"}
    assert list(tmp_path.iterdir()) == []


def test_the_limit_of_open_files_is_the_one_that_holds(tmp_path: Path) -> None:
    """The soft limit of this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, limits[1]))
    try:
        probe = machine_probes("/x", "/x", lambda: None, lambda: True)["open files"]
        assert [each.state for each in probe()] == ["warning"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_place_with_little_room_is_found(tmp_path: Path) -> None:
    """A small disk is not enough, a full one neither; what is not there yet is judged by what stands above it."""
    with small_disk(tmp_path / "disk") as disk:
        assert [(each.state, "free for" in each.sentence) for each in check_place("d", str(disk))] == [("bad", True)]
        fill(disk)
        assert "0 B are free" in check_place("d", str(disk / "a" / "b"))[0].sentence
        (disk / "ballast").unlink()
        make_read_only(disk)
        (found,) = check_place("d", str(disk / "a"), keeps_state=True)
        assert (found.name, found.state) == ("d", "bad")
        assert "read-only): change" in found.sentence


def test_a_place_that_is_no_directory_is_found(tmp_path: Path) -> None:
    """A file stands where the directory, or one above it, should be."""
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        (found,) = check_place("d", str(path))
        assert found.state == "bad"
        assert "is not a directory" in found.sentence


def test_a_place_that_is_closed_is_found(tmp_path: Path) -> None:
    """Without the permission to write, seen by a user that has not root's powers."""
    if os.geteuid() == 0:
        os.chmod(tmp_path, 0o755)
        assert _as_nobody(lambda: check_place("d", str(tmp_path))[0].sentence).startswith(f"{tmp_path} cannot be written to")
    else:
        tmp_path.chmod(0o500)
        assert check_place("d", str(tmp_path))[0].state == "bad"


def _as_nobody(ask: object) -> str:
    """What it answers in a process of another user."""
    assert callable(ask)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            os.write(writer, str(ask()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as said:
        return said.read()


# --- libcurl ----------------------------------------------------------------------------------------------------------


def test_this_libcurl_will_do() -> None:
    """The one that the tests run with has what dlm needs, and verifies servers."""
    found = {each.name: each for each in check_curl()}
    assert {name: each.state for name, each in found.items()} == {"pycurl": "good", "libcurl": "good", "certificates": "good"}
    assert "HTTP/2" in found["libcurl"].sentence


@pytest.mark.parametrize("variable", TRUST_VARIABLES)
def test_the_variables_of_trust_are_those_that_count(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that one names is used, and one without certificates is told."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("nothing\n")
    monkeypatch.setenv(variable, str(bundle))
    ca_bundle.cache_clear()
    try:
        found = {each.name: each for each in check_curl()}
        assert found["certificates"].state == "bad"
        assert str(bundle) in found["certificates"].sentence
        monkeypatch.setenv(variable, "/nowhere")
        ca_bundle.cache_clear()
        assert {each.name: each.state for each in check_curl()}["certificates"] == "warning"
    finally:
        ca_bundle.cache_clear()


# --- the verb ---------------------------------------------------------------------------------------------------------

FOUND = (
    Finding("clock", "good", "the clock is right"),
    Finding("open files", "warning", "only 100 files and connections may be open at the same time: raise the limit"),
)
BROKEN = Finding("disk\x1b[2J", "bad", "it is\nbroken: mend it")


class Examined:
    """What `dlm doctor` needs of `Downloads`."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._findings = findings
        self.asked: list[Settings] = []

    @asynccontextmanager
    async def opened(self, settings: Settings) -> AsyncIterator[Downloads]:
        self.asked.append(settings)
        yield cast("Downloads", self)

    async def examine(self) -> Sequence[Finding]:
        return self._findings


@asynccontextmanager
async def unopenable(settings: Settings) -> AsyncIterator[Downloads]:
    if settings.state:
        raise StateUnusable(f"the database {settings.state} is damaged: put a backup in its place")
    yield cast("Downloads", None)


def test_the_verb_writes_what_was_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A line each and a sum; nothing bad is exit code 0. Text from outside cannot move the cursor."""
    examined = Examined(FOUND)
    assert run(["doctor", "--state", str(tmp_path / "s.db"), "--dir", str(tmp_path)], examined.opened) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2)[1:] == ["clock", "the clock is right"]
    assert lines[-1] == "1 warning, nothing bad."
    assert (examined.asked[0].state, examined.asked[0].directory) == (str(tmp_path / "s.db"), str(tmp_path))
    assert run(["doctor"], Examined((*FOUND, BROKEN)).opened) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[-1] == "1 problem, 1 warning."


def test_the_verb_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    """An object for each finding."""
    assert run(["doctor", "--json"], Examined((*FOUND, BROKEN)).opened) == 1
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert objects == [{"name": each.name, "state": each.state, "sentence": each.sentence} for each in (*FOUND, BROKEN)]


def test_a_database_that_cannot_be_opened_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """The verb that is to say what is wrong does not end for it."""
    assert run(["doctor"], unopenable) == 1
    ran = capsys.readouterr()
    assert "is damaged: put a backup" in ran.out
    assert ran.err == ""


FINDINGS = st.lists(
    st.builds(Finding, st.text(max_size=20), st.sampled_from(["good", "warning", "bad", "odd"]), st.text(max_size=200)),
    max_size=8,
)


@given(FINDINGS, st.none() | st.integers(1, 200), st.sampled_from([UNICODE, ASCII]))
def test_lines_are_safe_and_hold_all_that_was_found(findings: list[Finding], width: int | None, glyphs: object) -> None:
    """No control character passes; without a width each finding is one line; with one, only words too long for it exceed it."""
    from dlm.cli.line import Glyphs

    assert isinstance(glyphs, Glyphs)
    lines = list(lines_of(findings, width, glyphs))
    assert all(plain(each).isprintable() for each in lines)
    if width is None:
        assert len(lines) == len(findings) + 1


def test_sentences_are_broken_below_their_beginning() -> None:
    """On a terminal of 60 columns, each line of a sentence begins where the first did."""
    lines = list(lines_of(FOUND, 60, UNICODE))
    shown = [plain(each) for each in lines]
    assert shown == [
        "✓ clock       the clock is right",
        "! open files  only 100 files and connections may be open at",
        "              the same time: raise the limit",
        "1 warning, nothing bad.",
    ]
    assert max(map(width_of, lines)) <= 60
    assert [plain(each) for each in lines_of(FOUND[:1], 60, ASCII)] == ["ok     clock  the clock is right", "All is well."]
