"""The verbs of the queue as processes of their own, on one database, against a real server."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunDlm
from tests.hostile import Content, HostileServer, content
from tests.running import RunningDlm, json_lines, until

LARGE = content(3_000_001, seed=3)


@pytest.fixture
def slow() -> Iterator[HostileServer]:
    """A server that takes minutes for its file, after a quick beginning."""
    with HostileServer(LARGE, bytes_per_second=20_000, headstart=400_000) as server:
        yield server


def told(dlm: RunDlm, *argv: str, code: int = 0) -> list[dict[str, Any]]:
    """What a verb tells in JSON."""
    result = dlm(*argv, "--json")
    assert result.returncode == code, result.stderr
    return json_lines(result.stdout)


def status(dlm: RunDlm, id: str) -> str:
    """How a download stands."""
    (facts,) = told(dlm, "show", id)
    shown: str = facts["status"]
    return shown


def test_what_is_added_is_carried_by_run(hostile: HostileServer, dlm: RunDlm, tmp_path: Path, content: Content) -> None:
    """add, list, run, list, show, remove: the files are there, the failure has its code, the story is told."""
    added = dlm("add", "-d", "in", hostile.url("/a.bin"), hostile.url("/b.bin"), hostile.url("/c.bin", "status-404"))
    assert added.returncode == 0, added.stderr
    assert re.fullmatch(r"(Queued    [0-9a-f]{8} [abc]\.bin\n){3}", added.stdout)
    assert [each["status"] for each in told(dlm, "list")] == ["pending"] * 3
    again = dlm("add", "-d", "in", hostile.url("/a.bin"))
    assert re.fullmatch(r"Known     [0-9a-f]{8} a\.bin  pending\n", again.stdout)

    ran = dlm("run", "-j", "2")
    assert ran.returncode == 3, ran.stderr
    assert ran.stderr.splitlines()[-1] == "2 done, 1 failed."
    assert sum(line.startswith("✓") for line in ran.stderr.splitlines()) == 2
    for name in ("a.bin", "b.bin"):
        assert (tmp_path / "in" / name).read_bytes() == content.data

    failed, done, _ = told(dlm, "list")
    assert (failed["status"], failed["error"]["kind"], done["status"]) == ("failed", "NotFound", "completed")
    history = dlm("show", done["download_id"]).stdout.partition("History\n")[2]
    assert "the file has its name" in history
    assert dlm("remove", "--status", "failed").stdout.startswith("Removed")
    assert dlm("run").stderr == "The queue is empty: dlm add URL puts something in.\n"


def test_orders_reach_what_another_process_carries(slow: HostileServer, dlm: RunDlm, tmp_path: Path) -> None:
    """A running download is paused, resumed, limited, explained and cancelled from elsewhere; edits that must wait say so."""
    (added,) = told(dlm, "add", slow.url("/a.bin"))
    id = added["download_id"]
    with RunningDlm("run", "--stay", cwd=tmp_path) as running:
        until(lambda: status(dlm, id) == "running")
        until(lambda: told(dlm, "list")[0]["speed"])
        (explained,) = told(dlm, "explain", id[:6])
        assert explained["constraints"][0]["sentence"]
        refused = dlm("edit", id, "-d", "elsewhere")
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1
        assert dlm("limit", "100K", "--download", id).returncode == 0

        assert dlm("pause", id).stdout.startswith("Paused ")
        assert status(dlm, id) == "paused"
        assert dlm("edit", id, "--limit-rate", "0", "--connections", "3").returncode == 0
        assert dlm("resume", id, "--now").stdout.startswith("Resumed ")
        until(lambda: status(dlm, id) == "running")
        assert dlm("cancel", id).stdout.startswith("Cancelled ")
        running.send(signal.SIGINT)
        code, _, err = running.end()
    assert code == 130
    assert "paused," in err
    assert "cancelled; dlm retry" in err
    assert err.splitlines()[-1] == "Stopped; nothing is left in the queue."
    assert not (tmp_path / "a.bin.part").exists()


@pytest.mark.parametrize(("verb", "code", "words"), [("pause", 130, "paused,"), ("cancel", 1, "cancelled; dlm retry")])
def test_a_get_that_is_stopped_from_elsewhere_says_so(
    verb: str, code: int, words: str, slow: HostileServer, dlm: RunDlm, tmp_path: Path
) -> None:
    """It ends with a sentence, and not as if it had failed."""
    with RunningDlm("get", slow.url("/a.bin"), cwd=tmp_path) as running:
        until(lambda: [each["status"] for each in told(dlm, "list")] == ["running"])
        assert dlm(verb, "--all").returncode == 0
        ended, _, err = running.end()
    assert ended == code
    assert words in err.splitlines()[-1]


def test_a_stopped_run_gives_everything_back(slow: HostileServer, dlm: RunDlm, tmp_path: Path) -> None:
    """Ctrl-C: it says how many are left, and the next run goes on where it stopped."""
    dlm("add", slow.url("/a.bin"), slow.url("/b.bin"), slow.url("/c.bin"))
    with RunningDlm("run", "-j", "1", cwd=tmp_path) as running:
        until(lambda: any(each["downloaded"] > 100_000 for each in told(dlm, "list")))
        running.send(signal.SIGINT)
        code, _, err = running.end()
    assert code == 130
    assert err.splitlines()[-1] == "Stopped; 3 left in the queue. Go on with: dlm run --jobs 1"
    stories = [told(dlm, "show", each["download_id"])[0] for each in told(dlm, "list")]
    assert {each["status"] for each in stories} == {"pending"}
    assert "yielded" in [step["cause"] for step in stories[-1]["transitions"]]


def test_the_order_of_the_queue_can_be_changed(hostile: HostileServer, dlm: RunDlm) -> None:
    """move by place and by word; run follows it."""
    added = told(dlm, "add", *(hostile.url(f"/{name}.bin") for name in "abc"))
    a, b, c = (each["download_id"] for each in added)
    assert told(dlm, "move", c, "top")[0]["position"] == 1
    assert told(dlm, "move", b, "up")[0]["position"] == 2
    assert told(dlm, "move", b, "bottom")[0]["position"] == 3
    ran = told(dlm, "run", "-j", "1")
    assert [each["download_id"] for each in ran if each["event"] == "result"] == [c, a, b]
    assert ran[-1]["event"] == "queue_ended"
    assert dlm("move", a, "1").returncode == 1


def test_events_are_recorded_and_followed(hostile: HostileServer, dlm: RunDlm, tmp_path: Path) -> None:
    """What one process does, another tells as it happens; the record can be read from any number on."""
    with RunningDlm("events", "--follow", "--json", cwd=tmp_path) as following:
        time.sleep(1.0)  # it says nothing before something happens
        dlm("get", "-q", hostile.url("/a.bin"))
        recorded = told(dlm, "events")
        assert [each["to"] for each in recorded] == ["scheduled", "running", "completing", "completed"]
        assert told(dlm, "events", "--since", str(recorded[1]["seq"])) == recorded[2:]
        time.sleep(1.0)
        following.send(signal.SIGINT)
        code, out, err = following.end()
    assert (code, err) == (0, "")
    assert [each for each in map(json.loads, out.splitlines()) if each["event"] == "download_status_changed"] == recorded


def test_an_address_can_be_looked_at(hostile: HostileServer, dlm: RunDlm, tmp_path: Path, content: Content) -> None:
    """preview tells size and name, and leaves nothing behind."""
    (facts,) = told(dlm, "preview", hostile.url("/a.bin"))
    assert (facts["size"], facts["path"], facts["exists"]) == (len(content.data), str(tmp_path / "a.bin"), False)
    assert list(tmp_path.iterdir()) == []
    assert told(dlm, "list") == []


def test_a_host_can_be_measured(dlm: RunDlm) -> None:
    """bench tells a trial for each number of connections, and what it remembers; a small file tells nothing."""
    with HostileServer(content(6_000_000, seed=4)) as server:
        *trials, choice = told(dlm, "bench", server.url("/a.bin"), "--connections", "1,2", "--seconds", "0.5")
        assert [each["connections"] for each in trials] == [1, 2]
        assert all(each["speed"] > 0 for each in trials)
        assert choice["connections"] in {1, 2}
    with HostileServer(content(1000, seed=4)) as server:
        refused = dlm("bench", server.url("/a.bin"))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)


def test_a_start_in_the_future_waits(hostile: HostileServer, dlm: RunDlm, tmp_path: Path) -> None:
    """Until then it waits, with the moment told; an edit brings it forward."""
    (added,) = told(dlm, "add", "--start-at", "+2h", hostile.url("/a.bin"))
    assert added["status"] == "waiting"
    assert "in 2 h" in dlm("list").stdout
    assert dlm("resume", "--all").stdout == "Nothing to resume.\n"
    assert dlm("resume", added["download_id"]).stdout.startswith("Resumed")
    assert dlm("run").returncode == 0
    assert (tmp_path / "a.bin").exists()


def test_ten_thousand_are_added_and_listed(dlm: RunDlm, tmp_path: Path) -> None:
    """In one command each, and the list shows a page of them."""
    (tmp_path / "list").write_text("".join(f"https://host{n % 7}.invalid/{n}.bin\n" for n in range(10_000)))
    assert dlm("add", "-i", "list", timeout=120).stdout == "Queued 10,000 downloads.\n"
    page = told(dlm, "list", "-n", "50")
    older = told(dlm, "list", "-n", "50", "--after", page[-1]["download_id"])
    assert [each["uri"].rpartition("/")[2] for each in page + older] == [f"{n}.bin" for n in range(9999, 9899, -1)]
    assert dlm("pause", "--all").stdout == "Paused 10,000.\n"
    assert dlm("resume", "--status", "paused").stdout == "Resumed 10,000.\n"
