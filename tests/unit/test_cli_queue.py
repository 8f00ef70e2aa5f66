"""The verbs of the queue, against the twin: arguments in, orders, texts and exit codes out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from dlm.cli.verbs_change import hosts_of
from dlm.model.download import Download, DownloadId, Fault
from dlm.model.event import ConnectionClosed, DownloadAdded, DownloadRemoved, Lagged, ProgressMade, RuntimeWarned
from dlm.model.message import ConnectionEnded, Progressed
from dlm.model.phase import Order, Phase
from dlm.model.queue import Constraint, Selection, Trial
from dlm.model.rank import Lane, Priority
from tests.unit.test_cli_main import Ran, Runner
from tests.unit.test_cli_twin import DownloadsTwin

MIB = 2**20


@pytest.fixture
def twin() -> DownloadsTwin:
    return DownloadsTwin()


@pytest.fixture
def dlm(twin: DownloadsTwin, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.chdir(tmp_path)
    return Runner(twin, capsys)


def statuses(ran: Ran) -> list[str]:
    return [each["result"] for each in ran.objects]


# --- add --------------------------------------------------------------------------------------------------------------


def test_add_queues(dlm: Runner, tmp_path: Path) -> None:
    """The requests say what was asked for, and each is told in a line."""
    before = time.time()
    ran = dlm("add", "-d", "sub", "--priority", "low", "--start-at", "+2h", "--group", "g", "https://h/a", "https://h/b")
    assert (ran.code, ran.err) == (0, "")
    first, second = dlm.twin.added
    assert first.spec.uris == ("https://h/a",)
    assert second.spec.directory == str(tmp_path / "sub")
    assert (first.priority, first.group, first.lane, first.paused) == (Priority.LOW, "g", Lane.AUTOMATIC, False)
    assert first.start_at is not None
    assert before + 7200 <= first.start_at <= time.time() + 7200
    assert [text.split() for text in ran.out.splitlines()] == [["Queued", "10000000", "a"], ["Queued", "20000000", "b"]]


def test_add_can_hurry_or_hold(dlm: Runner) -> None:
    """--now is a lane, --paused is a state."""
    dlm("add", "--now", "https://h/a")
    dlm("add", "--paused", "https://h/b")
    assert [(each.lane, each.paused) for each in dlm.twin.added] == [(Lane.NOW, False), (Lane.AUTOMATIC, True)]


def test_add_says_what_is_known_already(dlm: Runner) -> None:
    """A download that is in the queue is named, with how it stands, and that is no failure."""
    dlm.twin.keep("https://h/a", Phase.PAUSED)
    ran = dlm("add", "https://h/a", "https://h/b")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["Known", "10000000", "a", "paused"]
    assert [each["known"] for each in dlm("add", "--json", "https://h/a", "https://h/c").objects] == [True, False]


def test_many_are_counted(dlm: Runner, tmp_path: Path) -> None:
    """Beyond twenty, one line says how many; JSON names each."""
    (tmp_path / "list").write_text("".join(f"https://h/{n}\n" for n in range(1500)))
    dlm.twin.keep("https://h/7")
    ran = dlm("add", "-i", "list")
    assert ran.out == "Queued 1,499 downloads.\n1 is in the queue already.\n"
    assert len(dlm("add", "--json", "-i", "list").objects) == 1500


# --- list -------------------------------------------------------------------------------------------------------------


def test_list_tells_what_is_unusual(dlm: Runner) -> None:
    """Speeds, ranks, next attempts and reasons have columns, as soon as one row has something to say there."""
    running = dlm.twin.keep("https://h/run", Phase.RUNNING, size=100 * MIB)
    dlm.twin.moving[running.id] = sample(running, 42 * MIB)
    fault = Fault("ServerFailed", "the server failed", 5)
    dlm.twin.keep("https://h/wait", Phase.WAITING, due=time.time() + 240.5, attempts=2, fault=fault)
    dlm.twin.keep("https://h/net", Phase.WAITING)
    dlm.twin.keep("https://h/high", priority=Priority.HIGH, lane=Lane.NOW)
    dlm.twin.keep("https://h/fail", Phase.FAILED, fault=Fault("DiskFull", "the disk is full", 6))
    heading, *rows = dlm("list").out.splitlines()
    assert heading.split() == ["ID", "STATUS", "DONE", "SIZE", "SPEED", "NAME", "NOTE", "WHEN"]
    notes = [row[heading.index("NOTE") : heading.index("WHEN")].strip() for row in rows]
    assert notes == ["disk full", "high, now", "network", "in 4 min, server failed", ""]
    assert "42 %" in rows[-1]
    assert "3.0 MiB/s" in rows[-1]


def sample(download: Download, downloaded: int) -> Progressed:
    return Progressed(
        id=download.id,
        total=download.size,
        downloaded=downloaded,
        instantaneous_speed=3.0 * MIB,
        smoothed_speed=3.0 * MIB,
        eta=1.0,
    )


def test_list_tells_programs_more(dlm: Runner) -> None:
    """Speed, rank, lane, group, next attempt and attempts are members."""
    running = dlm.twin.keep("https://h/run", Phase.RUNNING, size=100 * MIB, group="g", attempts=1)
    dlm.twin.moving[running.id] = sample(running, 42 * MIB)
    (facts,) = dlm("list", "--json").objects
    assert (facts["speed"], facts["downloaded"], facts["group"]) == (3.0 * MIB, 42 * MIB, "g")
    assert (facts["priority"], facts["lane"], facts["due"], facts["attempts"]) == ("normal", "automatic", None, 1)


def test_list_can_be_searched_and_paged(dlm: Runner) -> None:
    """By group and text; --after goes on where a page ended."""
    ids = [dlm.twin.keep(f"https://h/{name}", group=name).id for name in ("one", "two", "three")]

    def listed(*argv: str) -> list[str]:
        return [each["download_id"] for each in dlm("list", "--json", *argv).objects]

    assert listed("--group", "two") == [ids[1]]
    assert listed("--search", "th") == [ids[2]]
    first = listed("-n", "2")
    assert first == [ids[2], ids[1]]
    assert listed("-n", "2", "--after", first[-1]) == [ids[0]]


def test_list_can_be_sorted(dlm: Runner) -> None:
    """By a key, with - the other way round; a word that is no key is told with those that are."""
    for name in ("b", "c", "a"):
        dlm.twin.keep(f"https://h/{name}")

    def listed(*argv: str) -> list[str]:
        return [each["uri"][-1] for each in dlm("list", "--json", *argv).objects]

    assert listed() == ["a", "c", "b"]
    assert listed("--sort", "name") == ["a", "b", "c"]
    assert listed("--sort", "-name") == ["c", "b", "a"]
    ran = dlm("list", "--sort", "speed")
    assert ran.code == 2
    assert "'speed' sorts nothing: write one of added, name, size, finished" in ran.err


# --- orders -----------------------------------------------------------------------------------------------------------


def test_pause_tells_what_came_of_it(dlm: Runner) -> None:
    """What moved at once, and what another process let go of; its bytes are kept."""
    waiting = dlm.twin.keep("https://h/a", Phase.PENDING)
    running = dlm.twin.keep("https://h/b", Phase.RUNNING, downloaded=MIB)
    ran = dlm("pause", waiting.id[:4], running.id[:4])
    assert (ran.code, ran.err) == (0, "")
    assert [text.split() for text in ran.out.splitlines()] == [
        ["Paused", "10000000", "a"],
        ["Paused", "20000000", "b", "1.0", "MiB", "kept"],
    ]
    assert dlm.twin.orders[0][:2] == (Order.PAUSE, Selection(references=(waiting.id[:4], running.id[:4])))


def test_what_does_not_let_go_is_told(dlm: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while one is told that it is on its way; the order stands, so that is no failure."""
    monkeypatch.setattr("dlm.cli.verbs_orders._PATIENCE", 0.1)
    dlm.twin.obedient = False
    running = dlm.twin.keep("https://h/b", Phase.RUNNING)
    ran = dlm("pause", running.id)
    assert ran.code == 0
    assert ran.out == "Pausing   10000000 b  it has not let go yet\n"
    assert statuses(dlm("cancel", "--json", running.id)) == ["under_way"]


def test_what_stands_so_already_is_no_failure(dlm: Runner) -> None:
    """Pausing what is paused changes nothing, and says so."""
    dlm.twin.keep("https://h/a", Phase.PAUSED)
    ran = dlm("pause", "1")
    assert (ran.code, ran.out) == (0, "Already   10000000 a  paused\n")


def test_a_refusal_of_what_was_named_is_a_failure(dlm: Runner) -> None:
    """The others are carried out all the same; a stranger among them makes it 3."""
    done = dlm.twin.keep("https://h/a", Phase.COMPLETED)
    pending = dlm.twin.keep("https://h/b", Phase.PENDING)
    ran = dlm("pause", done.id, pending.id)
    assert ran.code == 1
    assert "10000000 a: it is completed" in ran.err
    assert "Paused    20000000 b" in ran.out
    ran = dlm("pause", pending.id, "ffff", "--json")
    assert ran.code == 3
    assert [(each["result"], each["download_id"]) for each in ran.objects] == [
        ("already", pending.id),
        ("not_found", "ffff"),
    ]


@pytest.mark.parametrize(
    ("verb", "phases"),
    [
        ("pause", {Phase.PENDING, Phase.WAITING, Phase.SCHEDULED, Phase.RUNNING, Phase.COMPLETING}),
        ("resume", {Phase.PAUSED}),
        ("retry", {Phase.FAILED}),
        (
            "cancel",
            {Phase.PENDING, Phase.WAITING, Phase.SCHEDULED, Phase.RUNNING, Phase.COMPLETING, Phase.PAUSED},
        ),
    ],
)
def test_all_means_what_the_order_is_for(dlm: Runner, verb: str, phases: set[Phase]) -> None:
    """--all takes those that can obey, --group the same of a group, --status what it says; nothing is no failure."""
    ran = dlm(verb, "--all")
    assert (ran.code, ran.out) == (0, f"Nothing to {verb}.\n")
    dlm(verb, "--group", "g")
    dlm(verb, "--status", "waiting", "--group", "g")
    selections = [selection for _, selection, _ in dlm.twin.orders]
    assert selections == [
        Selection(phases=frozenset(phases)),
        Selection(phases=frozenset(phases), group="g"),
        Selection(phases=frozenset({Phase.WAITING}), group="g"),
    ]


def test_of_a_whole_status_refusals_are_not_told(dlm: Runner) -> None:
    """They were not named; only when all refuse it is a failure."""
    dlm.twin.keep("https://h/a", Phase.COMPLETED)
    assert dlm("pause", "--status", "completed").code == 1
    dlm.twin.keep("https://h/b", Phase.PENDING)
    ran = dlm("pause", "--status", "completed", "--status", "pending")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "Paused    20000000 b\n"


def test_many_orders_are_counted(dlm: Runner) -> None:
    """Beyond twenty, one line says what came of them."""
    for number in range(30):
        dlm.twin.keep(f"https://h/{number}", Phase.RUNNING if number < 4 else Phase.PENDING)
    assert dlm("pause", "--all").out == "Paused 30.\n"
    assert dlm("resume", "--all").out == "Resumed 30.\n"
    assert len(dlm("cancel", "--all", "--json").objects) == 30


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_now_is_a_lane(dlm: Runner, verb: str) -> None:
    """--now puts it ahead of everything."""
    dlm.twin.keep("https://h/a", Phase.FAILED)
    assert dlm(verb, "--now", "1").code == 0
    assert dlm.twin.orders[0][2] is Lane.NOW
    assert dlm.twin.stories[DownloadId("1".ljust(16, "0"))][-1].cause.value == "retried"


def test_a_download_that_ended_before_it_heard_is_told(dlm: Runner) -> None:
    """The order came too late: how it stands now is said, and the order failed."""
    running = dlm.twin.keep("https://h/a", Phase.RUNNING)

    class Late(DownloadsTwin):
        def let_go(self) -> None:
            self.downloads[running.id] = replace(running, phase=Phase.COMPLETED)

    ran = Runner(Late(downloads=dlm.twin.downloads, stories=dlm.twin.stories), dlm._capture)("cancel", running.id)
    assert ran.code == 1
    assert "it is completed by now" in ran.err


def test_remove_can_take_all_of_a_status(dlm: Runner) -> None:
    """Without references; what is refused is told as a sentence."""
    done = dlm.twin.keep("https://h/a", Phase.COMPLETED, path="/target/a")
    assert dlm("remove", "--status", "completed").out == "Removed   10000000 a; /target/a is kept\n"
    assert dlm.twin.removed == [(done.id, False)]
    held = dlm.twin.keep("https://h/b", Phase.RUNNING, group="held")
    ran = dlm("remove", held.id, "--delete-files")
    assert (ran.code, ran.out) == (1, "")
    assert "b: another dlm is fetching it right now" in ran.err


# --- move, edit, limit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "place"), [("1", 1), ("top", 1), ("2", 2), ("up", 2), ("down", 4), ("bottom", 1_000_000_000)])
def test_move_takes_places_and_words(dlm: Runner, word: str, place: int) -> None:
    """A number, an end, or a step from where it stands."""
    ids = [dlm.twin.keep(f"https://h/{number}").id for number in range(5)]
    ran = dlm("move", ids[2], word)
    assert ran.code == 0
    assert dlm.twin.moves == [(ids[2], place)]
    assert f"to place {min(place, 5)} of 5" in ran.out
    assert dlm("move", "--json", ids[2], word).objects[0]["of"] == 5


def test_move_of_what_runs_is_refused(dlm: Runner) -> None:
    """In a sentence."""
    dlm.twin.keep("https://h/a", Phase.RUNNING)
    ran = dlm("move", "1", "top")
    assert (ran.code, ran.err) == (1, "dlm: it is not queued\n")


def test_edit_changes_what_is_named(dlm: Runner, tmp_path: Path) -> None:
    """Values are understood as for get, paths belong to this directory, and secrets are not repeated."""
    dlm.twin.keep("https://h/a")
    ran = dlm("edit", "1", "--limit-rate", "1M", "-d", "sub", "--no-netrc", "--user", "me:secret", "--priority", "high")
    assert ran.code == 0
    ((_, change),) = dlm.twin.changes
    assert change.fields == {"limit_rate": MIB, "directory": str(tmp_path / "sub"), "netrc": False, "user": "me:secret"}
    assert (change.priority, change.group, change.start_at) == (Priority.HIGH, None, None)
    assert "limit rate 1.0 MiB/s" in ran.out
    assert "user me:***" in ran.out
    assert "secret" not in dlm("edit", "1", "--json", "--bearer", "secret").out


def test_an_address_is_replaced_or_added(dlm: Runner) -> None:
    """All of them by --url, one more by --add-mirror; what follows from it is said, and secrets are not repeated."""
    dlm.twin.keep("https://h/a")
    new = "https://user:secret@i/a?signature=hidden"
    ran = dlm("edit", "1", "--url", new, "--url", "https://j/a", "--add-mirror", "https://k/a?token=hidden")
    assert ran.code == 0, ran.err
    ((_, change),) = dlm.twin.changes
    assert change.fields == {"uris": (new, "https://j/a")}
    assert change.mirrors == ("https://k/a?token=hidden",)
    assert "url https://i/a?signature=***" in ran.out
    assert "mirror https://k/a?token=***; it is queued, and begins (dlm run)" in ran.out
    assert "secret" not in ran.out + ran.err
    assert "hidden" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (Phase.FAILED, "it is queued, and begins (dlm run)"),
        (Phase.PAUSED, "it is paused: dlm resume 1"),
        (Phase.RUNNING, "it runs, and the new address is offered to it"),
        (Phase.CANCELLED, "it is cancelled: dlm retry 1"),
        (Phase.COMPLETED, "it is completed: dlm retry 1"),
    ],
)
def test_what_follows_from_another_address_is_said(dlm: Runner, phase: Phase, words: str) -> None:
    """In every phase."""
    dlm.twin.keep("https://h/a", phase)
    assert words in dlm("edit", "1", "--add-mirror", "https://i/a").out


def test_an_edit_that_must_wait_is_refused(dlm: Runner) -> None:
    """What cannot change while it runs is one sentence."""
    dlm.twin.keep("https://h/a", Phase.RUNNING)
    ran = dlm("edit", "1", "-d", "/elsewhere")
    assert (ran.code, ran.err) == (1, "dlm: the directory cannot change while it runs: pause it first\n")


def test_limits_are_set_shown_and_lifted(dlm: Runner) -> None:
    """For all, for a host, for a download; without a rate they are shown."""
    assert dlm("limit").out == "All together  no limit\n"
    assert dlm("limit", "5M").out == "All together  5.0 MiB/s\n"
    assert dlm("limit", "2M", "--host", "example.org:8080").out == "example.org:8080  2.0 MiB/s\n"
    assert dlm("limit").out == "All together      5.0 MiB/s\nexample.org:8080  2.0 MiB/s\n"
    assert dlm("limit", "--json").objects == [{"total": 5 * MIB, "hosts": {"example.org:8080": 2 * MIB}}]
    assert dlm("limit", "off").out.startswith("All together      no limit")
    assert dlm("limit", "0", "--host", "example.org:8080").out == "example.org:8080  no limit\n"
    dlm.twin.keep("https://h/a", Phase.RUNNING)
    assert dlm("limit", "1M", "--download", "1").out == "10000000 a  1.0 MiB/s\n"
    assert dlm("limit", "--download", "1", "--json").objects[0]["limit"] == MIB
    assert dlm("limit", "off", "--download", "1").out == "10000000 a  no limit\n"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("example.org", ("example.org:443", "example.org:80")),
        ("Example.ORG:8080", ("example.org:8080",)),
        ("http://example.org/a/b", ("example.org:80",)),
        ("[::1]:8080", ("::1:8080",)),
    ],
)
def test_a_host_is_named_in_several_ways(text: str, keys: tuple[str, ...]) -> None:
    """A bare name means https and http."""
    assert hosts_of(text) == keys


# --- explain, bench, preview ------------------------------------------------------------------------------------------


def test_explain_tells_the_binding_constraint_first(dlm: Runner) -> None:
    """Then what would bind next; programs get the figures too."""
    dlm.twin.keep("https://h/a", Phase.RUNNING)
    dlm.twin.constraints = (
        Constraint("server", "the server gives no more", {"speed": 3 * MIB}),
        Constraint("rate", "the limit"),
    )
    assert dlm("explain", "1").out.splitlines() == [
        "10000000 a  running",
        "  the server gives no more",
        "Then:",
        "  the limit",
    ]
    facts = dlm("explain", "1", "--json").objects[0]["constraints"]
    assert facts[0] == {"kind": "server", "sentence": "the server gives no more", "facts": {"speed": 3 * MIB}}


def test_bench_is_a_table_and_a_choice(dlm: Runner) -> None:
    """A row for each trial, and what is opened from now on."""
    dlm.twin.trials = (Trial(1, 10.0 * MIB, 1, 1), Trial(2, 19.0 * MIB, 1, 2), Trial(4, 19.5 * MIB, 1, 3))
    ran = dlm("bench", "https://h/a", "--connections", "4,1,2", "--seconds", "1")
    assert ran.out.splitlines() == [
        "CONNECTIONS         SPEED    GAIN",
        "          1    10.0 MiB/s",
        "          2    19.0 MiB/s   +90 %",
        "          4    19.5 MiB/s    +3 %  the server served only 3",
        "dlm opens 2 connections to h:443 from now on.",
    ]
    assert dlm.twin.benched[0][1:] == ((1, 2, 4), 1.0)
    assert [each["event"] for each in dlm("bench", "--json", "https://h/a").objects] == ["trial"] * 3 + ["choice"]


def test_preview_shows_what_an_address_holds(dlm: Runner, tmp_path: Path) -> None:
    """Where it leads, without secrets, and where it would go; nothing is added."""
    ran = dlm("preview", "https://me:pw@h/a")
    assert "secret" not in ran.out
    assert "pw" not in ran.out
    assert f"Goes to       {tmp_path}/image.iso" in ran.out
    (tmp_path / "image.iso").write_bytes(b"")
    (facts,) = dlm("preview", "--json", "https://h/a").objects
    assert (facts["size"], facts["ranged"], facts["exists"], facts["etag"]) == (2**30, True, True, '"v1"')
    assert not dlm.twin.downloads


# --- events -----------------------------------------------------------------------------------------------------------


def test_events_tell_the_record(dlm: Runner) -> None:
    """Everything in order, or what came after a number."""
    dlm.twin.keep("https://h/a", Phase.PENDING)
    dlm("pause", "1")
    dlm("resume", "1")
    lines = dlm("events").out.splitlines()
    assert [text.split()[2:4] for text in lines] == [["10000000", "paused"], ["10000000", "pending"]]
    assert lines[0].endswith("a  a pause was asked for")
    (later,) = dlm("events", "--since", "1", "--json").objects
    assert (later["event"], later["seq"], later["to"]) == ("download_status_changed", 2, "pending")


def test_events_can_be_followed(dlm: Runner) -> None:
    """From now on, and until it ends; samples only when asked for."""
    download = dlm.twin.keep("https://h/a", Phase.RUNNING, size=100 * MIB)
    moving = ProgressMade(sample(download, 42 * MIB))
    over = ConnectionClosed(ConnectionEnded(download.id, 3, "h:443", 6 * MIB, 2.0, "it was lost"))
    warning = RuntimeWarned("window", "the window has closed")
    dlm.twin.happening = [DownloadAdded(download), moving, over, Lagged(3), warning, DownloadRemoved(download), None]

    def told(*argv: str) -> list[str]:
        return [each["event"] for each in dlm("events", "-f", "--json", *argv).objects]

    quiet = ["download_added", "lagged", "runtime_warning", "download_removed"]
    assert told() == quiet
    assert told("--progress") == [quiet[0], "download_progress", "connection_closed", *quiet[1:]]
    shown = dlm("events", "--follow", "--progress").out
    for text in (
        "3 events came faster than they were read",
        "the window has closed",
        "42.0 MiB of 100.0 MiB, 3.0 MiB/s, ×0",
        "number 3 to h:443 brought 6.0 MiB at 3.0 MiB/s; it was lost",
    ):
        assert text in shown


# --- completion -------------------------------------------------------------------------------------------------------


def test_ids_are_completed(dlm: Runner, isolated_environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the database, where there is one; without one, none is made."""
    dlm.twin.keep("https://h/a", name="a.iso")
    dlm.twin.keep("https://h/b", name="b.iso")
    monkeypatch.setenv("_DLM_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", "dlm pause 2")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert dlm().out.strip() == ""
    state = isolated_environment / ".local/state/dlm/dlm.db"
    state.parent.mkdir(parents=True)
    state.touch()
    assert dlm().out.split("\n")[:3] == ["plain", "20000000", "pending b.iso"]
