"""The command line as a whole, against the twin: arguments in, exit code and texts out."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from dlm.cli.main import VERBS, program, run
from dlm.model.download import Checkpoint, DownloadSpec, Fault, Place
from dlm.model.error import StateUnusable
from dlm.model.phase import Phase
from dlm.model.resource import Mirror, Part, Resource, Validator, Verification, Verified
from dlm.model.settings import SCHEMA, Scope, Settings
from dlm.model.span import Span
from dlm.ports import Story
from tests.unit.test_cli_twin import DownloadsTwin, Plan


class Ran:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(text) for text in self.out.splitlines()]


@pytest.fixture
def twin() -> DownloadsTwin:
    return DownloadsTwin()


class Runner:
    """Runs commands against one twin."""

    def __init__(self, twin: DownloadsTwin, capture: pytest.CaptureFixture[str]) -> None:
        self.twin = twin
        self._capture = capture

    def __call__(self, *argv: str) -> Ran:
        code = run(list(argv), self.twin.opener())
        return Ran(code, *self._capture.readouterr())


@pytest.fixture
def dlm(twin: DownloadsTwin, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    return Runner(twin, capsys)


# --- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["gett", "x"], "did you mean 'get'"),
        (["https://h/a"], "dlm get URL"),
        (["get"], "no URL was given"),
        (["get", "h/a"], "no scheme"),
        (["get", "--conections", "3", "https://h/a"], "--connections"),
        (["get", "-x", "0", "https://h/a"], "--connections: "),
        (["get", "-x"], "requires an argument"),
        (["get", "-j", "none", "https://h/a"], "--jobs: "),
        (["get", "-o", "x", "https://h/a", "https://h/b"], "--output"),
        (["get", "--checksum", "md5=0", "https://h/a"], "--checksum: "),
        (["get", "--limit-rate", "fast", "https://h/a"], "--limit-rate: "),
        (["get", "--range", "5", "https://h/a"], "--range: "),
        (["get", "--timeout", "0", "https://h/a"], "--timeout: "),
        (["get", "-H", "nocolon", "https://h/a"], "--header: "),
        (["get", "--cookies", "absent", "https://h/a"], "--cookies: there is no file"),
        (["get", "--cacert", "absent", "https://h/a"], "--cacert: there is no file"),
        (["get", "--cert", "absent", "https://h/a"], "--cert: there is no file"),
        (["get", "--key", "absent", "https://h/a"], "--key: there is no file"),
        (["get", "-i", "absent"], "--input-file: 'absent' cannot be read"),
        (["get", "-o", ".", "https://h/a"], "--output"),
        (["get", "-o", "/", "https://h/a"], "--output"),
        (["get", "-d", "/dev/null", "https://h/a"], "--dir"),
        (["get", "-q", "-v", "https://h/a"], "--quiet and --verbose"),
        (["get", "--user", "me", "https://h/a"], "--user: there is no password"),
        (["get", "--user", "me:pw", "--bearer", "t", "https://h/a"], "--bearer"),
        (["show"], "missing argument"),
        (["remove"], "it is not said which"),
        (["pause"], "it is not said which"),
        (["resume", "abc", "--all"], "exclude each other"),
        (["cancel", "--status", "nope"], "not a status"),
        (["move", "abc", "0"], "not a place"),
        (["edit", "abc"], "nothing is to be changed"),
        (["edit", "abc", "--start-at", "soon"], "not a time"),
        (["edit", "abc", "--retries", "x"], "--retries: "),
        (["limit", "fast"], "not a size"),
        (["limit", "5M", "--host", "::"], "--host: "),
        (["limit", "5M", "--host", "h", "--download", "abc"], "--host and --download"),
        (["add"], "no URL was given"),
        (["add", "-o", "-", "https://h/a"], "cannot stream to standard output"),
        (["add", "--now", "--paused", "https://h/a"], "--now contradicts"),
        (["add", "--start-at", "2001-01-01", "https://h/a"], "is over"),
        (["bench", "--connections", "1,x", "https://h/a"], "1,2,4,8"),
        (["run", "-q", "-v"], "--quiet and --verbose"),
        (["list", "--status", "nope"], "not a status"),
        (["verify", "absent.bin"], "there is no file 'absent.bin'"),
        (["verify", "abc", "--checksum", "x"], "checksum"),
        (["completions", "tcsh"], "tcsh"),
        (["config", "--docs", "--path"], "--docs"),
    ],
)
def test_usage_errors_are_one_sentence(dlm: Runner, argv: list[str], word: str) -> None:
    """What cannot be carried out as written ends with 2 and one line on stderr, and nothing is opened."""
    ran = dlm(*argv)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("dlm: ")
    assert len(ran.err.splitlines()) == 1
    assert word in ran.err
    assert not dlm.twin.settings


def test_without_arguments_there_is_help(dlm: Runner) -> None:
    """`dlm` alone shows the verbs."""
    ran = dlm()
    assert ran.code == 0
    assert all(verb in ran.out for verb in VERBS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_for_every_flag(dlm: Runner, verb: str) -> None:
    """--help names each flag with a sentence, and each verb has --json."""
    ran = dlm(verb, "--help")
    assert ran.code == 0
    command = program.get_command(click.Context(program), verb)
    assert command is not None
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.partition("  [")[0].endswith("."), parameter.name
            assert max(parameter.opts, key=len) in ran.out
    assert "--json" in ran.out


def test_every_setting_is_a_flag(dlm: Runner) -> None:
    """The schema makes the flags: `get` and `add` have all that governs a download, `run` or `serve` the rest."""
    get, add, run, serve = (dlm(verb, "--help").out for verb in ("get", "add", "run", "serve"))
    work = run + serve
    for row in SCHEMA.values():
        flag = f"{row.short}, {row.flag}" if row.short else row.flag
        assert flag in (work if row.scope is Scope.GLOBAL else get)
        assert row.scope is Scope.GLOBAL or flag in add


def test_the_version_is_told(dlm: Runner) -> None:
    """`dlm --version`."""
    assert dlm("--version").out.startswith("dlm ")


# --- get --------------------------------------------------------------------------------------------------------------


def test_get_fetches(dlm: Runner, tmp_path: Path) -> None:
    """The specs reach `fetch` as they were asked for, success is 0, and standard output stays clean."""
    (tmp_path / "jar").write_text("")
    argv = ["-d", "sub", "-x", "4", "-j", "7", "--limit-rate", "1M", "--cookies", "jar", "--no-resume", "--http3"]
    ran = dlm("get", *argv, "-H", "A: b", "https://h/a.bin", "https://h/b.bin")
    assert (ran.code, ran.out) == (0, "")
    first, second = dlm.twin.fetched
    assert first.directory == str(tmp_path / "sub")
    assert (first.connections, first.limit_rate, first.cookies) == (4, 1024**2, str(tmp_path / "jar"))
    assert (first.resume, first.http3, first.headers) == (False, True, (("A", "b"),))
    assert second.uris == ("https://h/b.bin",)
    assert dlm.twin.jobs == [7]
    assert ran.err.count("✓") == 2
    assert dlm.twin.closed


def test_the_code_is_that_of_the_first_failure(dlm: Runner) -> None:
    """Of several failures the first in order decides, whatever succeeded."""
    dlm.twin.plans = {
        "https://h/b": Plan(fault=Fault("DiskFull", "the disk is full", 6)),
        "https://h/c": Plan(fault=Fault("NotFound", "nothing there", 3)),
    }
    ran = dlm("get", "https://h/a", "https://h/b", "https://h/c")
    assert ran.code == 6
    assert "✗ b  the disk is full" in ran.err
    assert "✗ c  nothing there" in ran.err


def test_a_complete_file_is_not_fetched_again(dlm: Runner) -> None:
    """It is said that it was there, and that is a success."""
    dlm.twin.plans = {"https://h/a": Plan(already=True)}
    ran = dlm("get", "https://h/a")
    assert ran.code == 0
    assert "✓ there.bin is complete already (1000 B, consistent); --overwrite fetches it again" in ran.err


def test_get_tells_json(dlm: Runner) -> None:
    """Every line of stdout is an object; the results come last, in order."""
    dlm.twin.plans = {"https://h/b": Plan(fault=Fault("Denied", "no", 4), warning="odd")}
    ran = dlm("get", "--json", "https://h/a", "https://h/b")
    assert (ran.code, ran.err) == (4, "")
    events = [each["event"] for each in ran.objects]
    assert events[:2] == ["download_added"] * 2
    assert events[-2:] == ["result"] * 2
    assert {"download_progress", "download_status_changed", "runtime_warning"} <= set(events)
    assert [each["exit_code"] for each in ran.objects[-2:]] == [0, 4]


def test_json_leaves_standard_output_to_the_file(dlm: Runner) -> None:
    """With -o - the objects go to stderr."""
    ran = dlm("get", "--json", "-o", "-", "https://h/a")
    assert ran.out == ""
    assert json.loads(ran.err.splitlines()[-1])["event"] == "result"


def test_quiet_is_silent(dlm: Runner) -> None:
    """A success under -q writes nothing at all."""
    ran = dlm("get", "-q", "https://h/a")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_an_input_file_is_fetched(dlm: Runner, tmp_path: Path) -> None:
    """-i reads a file, with a byte order mark or without."""
    (tmp_path / "list").write_bytes("\ufeffhttps://h/a\thttps://i/a\n out=x\nhttps://h/b\n".encode())
    assert dlm("get", "-i", "list", "https://h/c").code == 0
    assert [spec.uris for spec in dlm.twin.fetched] == [("https://h/c",), ("https://h/a", "https://i/a"), ("https://h/b",)]


def test_an_input_file_may_be_standard_input(dlm: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """-i - reads stdin."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"https://h/a\n")))
    assert dlm("get", "-i", "-").code == 0
    assert [spec.uris for spec in dlm.twin.fetched] == [("https://h/a",)]


def test_an_input_file_must_be_text(dlm: Runner, tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused in one sentence."""
    (tmp_path / "list").write_bytes(b"https://h/\xff\n")
    ran = dlm("get", "-i", "list")
    assert ran.code == 2
    assert "UTF-8" in ran.err


def test_an_error_of_the_application_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that ends everything gives its sentence, cleaned, and its exit code."""

    def refuse(settings: Settings) -> object:
        raise StateUnusable("the database is not one: \x1b[31m")

    assert run(["list"], refuse) == 6  # type: ignore[arg-type]  # it never returns
    assert capsys.readouterr().err == "dlm: the database is not one: \N{REPLACEMENT CHARACTER}[31m\n"


# --- settings ---------------------------------------------------------------------------------------------------------


def write_config(home: Path, text: str) -> Path:
    path = home / ".config" / "dlm" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_settings_reach_a_download(dlm: Runner, isolated_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, environment and flags meet in the spec; the database is where it belongs."""
    write_config(isolated_environment, 'connections = 2\nretries = 7\nlimit_rate = "1K"\n')
    monkeypatch.setenv("DLM_RETRIES", "8")
    assert dlm("get", "--limit-rate", "2K", "https://h/a").code == 0
    (spec,) = dlm.twin.fetched
    assert (spec.connections, spec.retries, spec.limit_rate) == (2, 8, 2048)
    assert dlm.twin.settings[0].state == str(isolated_environment / ".local/state/dlm/dlm.db")


@pytest.mark.parametrize(
    ("text", "word"),
    [("conections = 1", "did you mean 'connections'"), ("connections = ", "is not TOML"), ("jobs = 'x'", "config.toml:jobs: ")],
)
def test_a_bad_config_is_one_sentence(dlm: Runner, isolated_environment: Path, text: str, word: str) -> None:
    """A mistake in config.toml ends every verb that needs settings with 2."""
    path = write_config(isolated_environment, text)
    ran = dlm("list")
    assert ran.code == 2
    assert str(path) in ran.err
    assert word in ran.err


def test_config_lists_values_and_sources(dlm: Runner, isolated_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting with its value and where it comes from; passwords are not shown; strange variables are named."""
    path = write_config(isolated_environment, "jobs = 9\n")
    monkeypatch.setenv("DLM_PROXY", "http://me:secret@proxy:3128")
    monkeypatch.setenv("DLM_CONECTIONS", "3")
    ran = dlm("config")
    assert ran.code == 0
    assert re.search(r"^jobs +9 ", ran.out, re.MULTILINE)
    assert f"{path}:jobs" in ran.out
    assert "http://proxy:3128" in ran.out
    assert "secret" not in ran.out
    assert "DLM_CONECTIONS is not a setting" in ran.err
    values = {each["key"]: each["value"] for each in dlm("config", "--json").objects}
    assert set(values) == set(SCHEMA)
    assert values["jobs"] == 9
    assert dlm("config", "--path").out.strip() == str(path)


def test_the_docs_table_has_every_setting(dlm: Runner) -> None:
    """`config --docs` is a Markdown table with a row for each."""
    ran = dlm("config", "--docs")
    rows = ran.out.splitlines()
    assert len(rows) == 2 + len(SCHEMA)
    assert len({text.count("|") for text in rows}) == 1
    assert [each["key"] for each in dlm("config", "--docs", "--json").objects] == list(SCHEMA)


# --- list, show, remove -----------------------------------------------------------------------------------------------


def stored(twin: DownloadsTwin) -> Sequence[str]:
    spec = DownloadSpec(
        uris=("https://me:pw@h/b.bin?token=abc",),
        directory="/target",
        headers=(("Cookie", "sid=topsecret"),),
        user="me:pw1",
        bearer="tok123",
        proxy="http://p:pw2@proxy:1",
        connections=3,
    )
    first = twin.keep("https://h/a.iso", Phase.COMPLETED, name="a\x1b[31m.iso", size=2048, downloaded=2048, finished=1.7e9)
    second = twin.keep("", Phase.PAUSED, spec=spec, size=4096, downloaded=1024)
    return [first.id, second.id]


def test_list_is_aligned_text(dlm: Runner) -> None:
    """Without a terminal: a heading and a line each, the newest first, eight digits of the id, nothing dangerous."""
    first, second = stored(dlm.twin)
    ran = dlm("list")
    assert ran.code == 0
    heading, newest, oldest = ran.out.splitlines()
    assert heading.split() == ["ID", "STATUS", "DONE", "SIZE", "NAME", "WHEN"]
    assert newest.split()[:6] == [second[:8], "paused", "25", "%", "4.0", "KiB"]
    assert oldest.startswith(f"{first[:8]}  completed  100 %")
    assert "\x1b" not in ran.out
    assert newest.index("b.bin") == oldest.index("a\N{REPLACEMENT CHARACTER}[31m.iso") == heading.index("NAME")


def test_list_tells_json(dlm: Runner) -> None:
    """One object a download, without secrets."""
    stored(dlm.twin)
    ran = dlm("list", "--json")
    assert [each["status"] for each in ran.objects] == ["paused", "completed"]
    assert "pw" not in ran.out


def test_list_can_be_narrowed(dlm: Runner) -> None:
    """By status, and by count."""
    first, second = stored(dlm.twin)
    assert [each["download_id"] for each in dlm("list", "--json", "--status", "completed").objects] == [first]
    assert [each["download_id"] for each in dlm("list", "--json", "-n", "1").objects] == [second]


def test_an_empty_list_says_so(dlm: Runner) -> None:
    """For people on stderr; a program reads nothing."""
    ran = dlm("list")
    assert (ran.code, ran.out, ran.err) == (0, "", "No downloads.\n")


def test_show_tells_everything_but_secrets(dlm: Runner) -> None:
    """Facts, wishes and history; no password, token or header value, in text or JSON."""
    _, second = stored(dlm.twin)
    ran = dlm("show", second[:6])
    assert ran.code == 0
    for text in (second, "paused", "https://h/b.bin?token=***", "1.0 KiB of 4.0 KiB", "Connections", "Cookie", "me:***"):
        assert text in ran.out
    told = dlm("show", second, "--json")
    assert told.objects[0]["spec"]["connections"] == 3
    for secret in ("pw", "topsecret", "tok123", "abc"):
        assert secret not in ran.out
        assert secret not in told.out


def test_show_tells_the_history(dlm: Runner) -> None:
    """The transitions in order."""
    assert dlm("get", "-q", "https://h/a").code == 0
    (id,) = dlm.twin.downloads
    steps = [text.partition("  ")[2] for text in dlm("show", id).out.partition("History\n")[2].splitlines()]
    assert steps[0] == "queue   pending -> scheduled      it was given a slot"
    assert steps[-1] == "worker  completing -> completed   the file has its name"


def test_show_tells_the_checkpoint(dlm: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on disk, and under which version."""
    download = dlm.twin.keep("https://h/a", Phase.PAUSED)
    resource = Resource((Mirror("https://me:pw@h/a"),), (Part(size=100),), Validator(etag='"v1"'), ranged=True)
    checkpoint = Checkpoint(resource, Place("/target", "a", "a.part", 1, 2), (Span(0, 10), Span(50, 60)))

    class Told(DownloadsTwin):
        async def show(self, reference: str) -> Story:
            return Story(download, checkpoint, ())

    runner = Runner(Told(), dlm._capture)
    out = runner("show", "a").out
    for text in ("/target/a.part", "20 B: bytes 0-9, 50-59", 'ETag "v1"'):
        assert text in out
    (facts,) = runner("show", "a", "--json").objects
    assert facts["checkpoint"]["done"] == [[0, 10], [50, 60]]
    assert facts["checkpoint"]["mirrors"] == ["https://h/a"]


def test_show_of_a_stranger_is_not_found(dlm: Runner) -> None:
    """Exit code 3 and one sentence."""
    ran = dlm("show", "ffff")
    assert ran.code == 3
    assert ran.err == "dlm: there is no download 'ffff'\n"


def test_remove_goes_on_after_a_failure(dlm: Runner) -> None:
    """What exists is removed, what does not is told, and the code is that of the first failure."""
    first, second = stored(dlm.twin)
    ran = dlm("remove", first, "ffff", second[:5], "--delete-files")
    assert ran.code == 3
    assert dlm.twin.removed == [(first, True), (second, True)]
    assert ran.out.count("Removed") == 2
    assert "ffff" in ran.err


def test_remove_tells_json(dlm: Runner) -> None:
    """One object for each, removed or not."""
    first, _ = stored(dlm.twin)
    ran = dlm("remove", "--json", first, "ffff")
    assert [(each["removed"], each["download_id"]) for each in ran.objects] == [(True, first), (False, "ffff")]
    assert dlm.twin.removed == [(first, False)]


# --- verify -----------------------------------------------------------------------------------------------------------


def test_verify_reads_a_file(dlm: Runner, tmp_path: Path) -> None:
    """A matching digest is 0, another is 7 with both digests in the sentence; no application is opened."""
    data = b"some bytes" * 300_000
    (tmp_path / "a.bin").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    right = dlm("verify", "a.bin", "--checksum", f"sha-256={digest}")
    assert (right.code, right.err) == (0, "")
    assert right.out == "✓ a.bin  verified by sha-256\n"
    wrong = dlm("verify", "a.bin", "--checksum", "sha-256=" + "0" * 64)
    assert wrong.code == 7
    assert digest in wrong.err
    assert wrong.out == ""
    assert not dlm.twin.settings


@pytest.mark.parametrize("algorithm", ["md5", "sha-1", "sha-512", "sha3-256", "blake2b"])
def test_verify_knows_every_algorithm(dlm: Runner, tmp_path: Path, algorithm: str) -> None:
    """Each algorithm of the model is hashlib's."""
    (tmp_path / "a.bin").write_bytes(b"x")
    digest = hashlib.new(algorithm.replace("sha-", "sha").replace("-", "_"), b"x").hexdigest()
    told = dlm("verify", "a.bin", "--checksum", f"{algorithm}={digest}", "--json")
    assert told.objects == [{"path": "a.bin", "verification": "verified", "verified_by": algorithm}]


def test_verify_tells_json_of_a_mismatch(dlm: Runner, tmp_path: Path) -> None:
    """The object says so, and so does the code."""
    (tmp_path / "a.bin").write_bytes(b"x")
    ran = dlm("verify", "--json", "a.bin", "--checksum", "md5=" + "0" * 32)
    assert ran.code == 7
    assert ran.objects[0]["verification"] == "mismatch"


def test_verify_of_a_download_asks_the_application(dlm: Runner) -> None:
    """An id without a checksum is verified by its own digest."""
    download = dlm.twin.keep(
        "https://h/a", Phase.COMPLETED, path="/target/a", verified=Verified(Verification.VERIFIED, "sha-256")
    )
    ran = dlm("verify", download.id[:4])
    assert (ran.code, ran.out) == (0, "✓ /target/a  verified by sha-256\n")
    assert dlm.twin.verified == [download.id]


def test_verify_of_a_file_that_dlm_fetched_needs_no_checksum(dlm: Runner, tmp_path: Path) -> None:
    """The download with that path knows what it should be; a strange file needs a checksum."""
    (tmp_path / "a.bin").write_bytes(b"x")
    (tmp_path / "b.bin").write_bytes(b"x")
    download = dlm.twin.keep("https://h/a", Phase.COMPLETED, path=str(tmp_path / "a.bin"))
    assert dlm("verify", "a.bin").code == 0
    assert dlm.twin.verified == [download.id]
    ran = dlm("verify", "b.bin")
    assert ran.code == 2
    assert "--checksum" in ran.err


def test_verify_of_a_download_with_another_checksum(dlm: Runner, tmp_path: Path) -> None:
    """An id with a checksum: its file is read here."""
    (tmp_path / "a.bin").write_bytes(b"x")
    download = dlm.twin.keep("https://h/a", Phase.COMPLETED, path=str(tmp_path / "a.bin"))
    assert dlm("verify", download.id, "--checksum", f"md5={hashlib.md5(b'x').hexdigest()}").code == 0
    assert dlm("verify", download.id, "--checksum", "md5=" + "0" * 32).code == 7
    unfinished = dlm.twin.keep("https://h/b", Phase.PAUSED)
    assert dlm("verify", unfinished.id, "--checksum", "md5=" + "0" * 32).code == 2
