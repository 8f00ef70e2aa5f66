"""What each method does, and how it fails: over loopback, with a house behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import grpc

from dlm.api.grpc.generated import downloads_pb2 as pb
from dlm.api.grpc.generated import downloads_pb2_grpc as stubs
from dlm.model.phase import Phase
from dlm.model.rank import Lane
from dlm.model.recursion import Recursion
from tests.grpc_client import Called, bearer, call, drained, event, first, new, refused
from tests.house import URI

UNKNOWN = bytes([0x98, 0x7D, 1])
"""Member 2003 of a message, which is 1."""


def test_a_download_is_added_seen_and_listed(tmp_path: Path) -> None:
    """All that was said is kept; the same once more is known."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        asked = new(paused=True, priority=pb.PRIORITY_HIGH, group="iso", limit_rate=7, headers={"X-A": "b"}, directory="/d/sub")
        (added,) = (await stub.Add(asked, metadata=metadata)).added
        shown = (await stub.Get(pb.GetRequest(id=added.download_id), metadata=metadata)).download
        assert (shown.phase, shown.priority, shown.group, shown.limit_rate) == (pb.PHASE_PAUSED, pb.PRIORITY_HIGH, "iso", 7)
        assert (shown.directory, shown.uri, added.known) == ("/d/sub", URI, False)
        assert not shown.HasField("size")
        (kept,) = await called.house.all()
        assert kept.spec.headers == (("X-A", "b"),)
        assert (await stub.Add(asked, metadata=metadata)).added[0].known
        story = await stub.Get(pb.GetRequest(id=shown.download_id[:12]), metadata=metadata)
        assert story.download == shown
        assert not story.HasField("checkpoint")
        assert list((await stub.List(pb.ListRequest(), metadata=metadata)).downloads) == [shown]

    call(tmp_path, story)


def test_a_list_comes_in_pages_and_by_what_is_wanted(tmp_path: Path) -> None:
    """The newest first; `next` leads on, and is not there at the end."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        wanted = [pb.NewDownload(uris=[f"mem://host/{n}"], paused=n % 2 == 0, group="g" if n < 3 else None) for n in range(5)]
        added = (await stub.Add(pb.AddRequest(downloads=wanted), metadata=metadata)).added
        newest = [each.download_id for each in added][::-1]
        page = await stub.List(pb.ListRequest(limit=3), metadata=metadata)
        rest = await stub.List(pb.ListRequest(limit=3, before=page.next), metadata=metadata)
        assert [each.download_id for each in (*page.downloads, *rest.downloads)] == newest
        assert (page.HasField("next"), rest.HasField("next")) == (True, False)
        for conditions, many in (
            (pb.ListRequest(phases=[pb.PHASE_PAUSED]), 3),
            (pb.ListRequest(phases=[pb.PHASE_PAUSED, pb.PHASE_PENDING]), 5),
            (pb.ListRequest(group="g"), 3),
            (pb.ListRequest(text="host/4"), 1),
            (pb.ListRequest(directory="/elsewhere"), 0),
        ):
            assert len((await stub.List(conditions, metadata=metadata)).downloads) == many, conditions

    call(tmp_path, story)


def test_what_does_not_fit_is_told_to_be_left_out(tmp_path: Path) -> None:
    """It is done all the same; a page ends earlier, and `next` leads on."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        for round_ in range(2):
            long = [f"mem://host/{round_}/{n}/" + "x" * 10_000 for n in range(300)]
            wanted = pb.AddRequest(downloads=[pb.NewDownload(uris=[uri]) for uri in long])
            assert len((await stub.Add(wanted, metadata=metadata)).added) == 300
        seen, before = set[str](), None
        while seen == set() or before:
            page = await stub.List(pb.ListRequest(limit=1000, before=before), metadata=metadata)
            seen |= {each.download_id for each in page.downloads}
            before = page.next or None
        assert len(seen) == 600
        ordered = await stub.Pause(pb.OrderRequest(everybody=True), metadata=metadata)
        assert ordered.left_out > 0
        assert len(ordered.ordered) + ordered.left_out == 600
        assert set(await called.house.phases()) == {Phase.PAUSED}
        await stub.Remove(pb.RemoveRequest(everybody=True), metadata=metadata)
        short = [pb.NewDownload(uris=[f"mem://host/{n}"]) for n in range(1100)]
        await stub.Add(pb.AddRequest(downloads=short), metadata=metadata)
        ordered = await stub.Pause(pb.OrderRequest(everybody=True), metadata=metadata)
        assert (len(ordered.ordered), ordered.left_out) == (1000, 100)

    call(tmp_path, story)


def test_orders_are_carried_out(tmp_path: Path) -> None:
    """One answer for each that was meant, with its refusal where it was refused."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        (added,) = (await stub.Add(new(), metadata=metadata)).added
        named = pb.OrderRequest(ids=[added.download_id])
        for method, phase in ((stub.Pause, Phase.PAUSED), (stub.Resume, Phase.PENDING), (stub.Cancel, Phase.CANCELLED)):
            (ordered,) = (await method(named, metadata=metadata)).ordered
            assert ordered.transition.to_phase == pb.Phase.Value(f"PHASE_{phase.name}")
            assert await called.house.phases() == [phase]
        (ordered,) = (await stub.Pause(named, metadata=metadata)).ordered
        assert ordered.refusal
        (ordered,) = (await stub.Retry(named, metadata=metadata)).ordered
        assert await called.house.phases() == [Phase.PENDING]
        removed = await stub.Remove(pb.RemoveRequest(phases=[pb.PHASE_PENDING]), metadata=metadata)
        assert len(removed.ordered) == 1
        assert await called.house.all() == []

    call(tmp_path, story)


def test_an_edit_changes_what_is_set_and_clears_what_is_named(tmp_path: Path) -> None:
    """What is neither stays. What cannot be taken away is refused, and so is what is changed as well."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        asked = new(paused=True, limit_rate=7, headers={"X-A": "b"}, referer="http://r/", group="g")
        (added,) = (await stub.Add(asked, metadata=metadata)).added

        def edit(*cleared: str, id: str = added.download_id, **change: Any) -> Any:
            request = pb.EditRequest(id=id, cleared=cleared, change=pb.Change(**change) if change else None)
            return stub.Edit(request, metadata=metadata)

        edited = await edit("limit_rate", "headers", priority=pb.PRIORITY_LOW, mirrors=["mem://host/second"])
        assert (edited.priority, edited.HasField("limit_rate"), edited.group) == (pb.PRIORITY_LOW, False, "g")
        assert list(edited.uris) == [URI, "mem://host/second"]
        (kept,) = await called.house.all()
        assert (kept.spec.headers, kept.spec.limit_rate, kept.spec.referer) == ((), None, "http://r/")
        assert list((await edit(uris=["mem://host/third"])).uris) == ["mem://host/third"]
        for calling, said in (
            (edit("limit_rate", limit_rate=3), "limit_rate"),
            (edit("resume"), "resume"),
            (edit("uris"), "uris"),
            (edit("nothing"), "nothing"),
            (edit(directory="/etc"), "/etc"),
            (edit(id="../x", retries=1), "id"),
            (edit(retries=10_001), "retries"),
        ):
            code, sentence = await refused(calling)
            assert (code, said in sentence) == (grpc.StatusCode.INVALID_ARGUMENT, True), sentence
        talk = stub.Control(metadata=metadata)
        change = pb.Change(recursive=pb.Recursion(depth=0, include=["*.iso"], newer=True))
        await talk.write(pb.Command(number=5, edit=pb.EditRequest(id=added.download_id, change=change)))
        answer = await talk.read()
        assert (answer.number, answer.edit.download_id) == (5, added.download_id)
        (kept,) = await called.house.all()
        assert kept.spec.recursive == Recursion(0, ("*.iso",), (), True)

    call(tmp_path, story)


def test_a_download_may_go_before_all_others(tmp_path: Path) -> None:
    """And a folder with all that is below it: a message that is there and empty is not one that is not."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        await stub.Add(new(now=True), metadata=metadata)
        await stub.Add(new("mem://host/folder/", recursive=pb.Recursion(), follow=False), metadata=metadata)
        first, second = sorted(await called.house.all(), key=lambda each: each.added)
        assert (first.lane, first.spec.recursive, first.spec.follow) == (Lane.NOW, None, True)
        assert (second.lane, second.spec.recursive, second.spec.follow) == (Lane.AUTOMATIC, Recursion(), False)

    call(tmp_path, story)


def test_members_that_are_not_known_are_refused(tmp_path: Path) -> None:
    """A newer client is told, wherever they stand: what it wanted may have been a digest."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        wanted = pb.NewDownload.FromString(new().downloads[0].SerializeToString() + UNKNOWN)
        for calling in (
            stub.Add(pb.AddRequest(downloads=[wanted]), metadata=metadata),
            stub.List(pb.ListRequest.FromString(UNKNOWN), metadata=metadata),
            first(stub.StreamEvents(pb.EventsRequest.FromString(UNKNOWN), metadata=metadata)),
        ):
            code, said = await refused(calling)
            assert (code, "does not know" in said) == (grpc.StatusCode.INVALID_ARGUMENT, True), said
        talk = stub.Control(metadata=metadata)
        for command in (pb.Command(number=1), pb.Command(number=1, list=pb.ListRequest())):
            await talk.write(pb.Command.FromString(command.SerializeToString() + UNKNOWN))
            answer = await talk.read()
            assert (answer.number, "does not know" in answer.failure.message) == (1, True)
        assert await called.house.all() == []

    call(tmp_path, story)


def test_errors_have_their_status_and_their_sentence(tmp_path: Path) -> None:
    """The same sentences as REST has, and dlm's word for the error."""

    async def story(called: Called) -> None:
        stub, metadata = await called.stub(), called.pass_for()
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        for calling, code, said in (
            (stub.Get(pb.GetRequest(id="ffffffffffffffff"), metadata=metadata), grpc.StatusCode.NOT_FOUND, "ffff"),
            (stub.Get(pb.GetRequest(), metadata=metadata), invalid, "id"),
            (stub.Pause(pb.OrderRequest(), metadata=metadata), invalid, "everybody"),
            (stub.Remove(pb.RemoveRequest(), metadata=metadata), invalid, "everybody"),
            (stub.Add(pb.AddRequest(), metadata=metadata), invalid, "downloads"),
            (stub.Add(new(directory="/etc"), metadata=metadata), invalid, "/etc"),
            (stub.Add(new(output="../../x"), metadata=metadata), invalid, "not within"),
            (stub.Add(new("gopher://x/"), metadata=metadata), invalid, "gopher"),
            (stub.Add(new(user="a:b", bearer="c"), metadata=metadata), invalid, "choose one"),
            (stub.List(pb.ListRequest(limit=1001), metadata=metadata), invalid, "1000"),
            (stub.List(pb.ListRequest.FromString(bytes([8, 77])), metadata=metadata), invalid, "77"),
        ):
            found, sentence = await refused(calling)
            assert (found, said in sentence) == (code, True), sentence
        assert await called.house.all() == []

    call(tmp_path, story)


def test_control_answers_on_one_stream(tmp_path: Path) -> None:
    """Each command is answered under its number, a failure ends nothing, and events come once they are wanted."""

    async def story(called: Called) -> None:
        stub = await called.stub()
        talk = stub.Control(metadata=called.pass_for())

        numbers = count(1)

        async def say(**command: Any) -> pb.Answer:
            number = next(numbers)
            await talk.write(pb.Command(number=number, **command))
            answer: pb.Answer = await talk.read()
            while answer.WhichOneof("answer") == "event":
                if answer.event.WhichOneof("event") != "download_metrics":
                    heard.append(answer.event)
                answer = await talk.read()
            assert answer.number == number
            return answer

        heard: list[pb.Event] = []
        added = (await say(add=new(paused=True))).add.added[0]
        assert (await say(get=pb.GetRequest(id="00"))).failure.kind == "DownloadNotFound"
        assert (await say()).failure.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        assert (await say(get=pb.GetRequest(id=added.download_id))).get.download.uri == URI
        assert heard == []
        assert (await say(watch=pb.ProgressRequest())).WhichOneof("answer") == "watching"
        assert called.feed.readers == 1
        named = pb.OrderRequest(ids=[added.download_id])
        assert (await say(resume=named)).order.ordered[0].transition.to_phase == pb.PHASE_PENDING
        while not heard or not heard[-1].HasField("download_status_changed"):
            heard.append((await talk.read()).event)
        assert heard[-1].download_status_changed.to_phase == pb.PHASE_PENDING
        await say(watch=pb.ProgressRequest(group="nobody's"))
        heard.clear()
        await say(cancel=named)
        await say(remove=pb.RemoveRequest(everybody=True))
        assert (await say(list=pb.ListRequest())).list == pb.Page()
        assert heard == []
        await talk.done_writing()
        assert await talk.read() is grpc.aio.EOF
        assert await talk.code() is grpc.StatusCode.OK
        assert called.feed.readers == 0

    call(tmp_path, story)


def test_the_daemon_serves_it(tmp_path: Path) -> None:
    """With --grpc, beside its socket, until it is told to stop; a client that listens is told."""
    state, files = tmp_path / "s" / "dlm.db", tmp_path / "files"
    program = [sys.executable, "-m", "dlm", "serve", "--grpc", ":0", "--state", str(state), "--dir", str(files)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        try:
            lines = [daemon.stdout.readline() for _ in range(2)]
            address = lines[1].strip().partition("grpc://")[2].rstrip("/")
            token = (tmp_path / "s" / "token").read_text().strip()
            asyncio.run(_listen_until_it_stops(address, token, daemon.pid))
            assert daemon.wait(10) == 0
        finally:
            daemon.kill()


async def _listen_until_it_stops(address: str, token: str, daemon: int) -> None:
    async with asyncio.timeout(30), grpc.aio.insecure_channel(address) as channel:
        stub = stubs.DownloadsStub(channel)
        stream = stub.StreamEvents(pb.EventsRequest(), metadata=bearer(token))
        await stream.initial_metadata()
        await stub.Add(new("http://127.0.0.1:9/x", paused=True), metadata=bearer(token))
        await event(stream, "download_added")
        os.kill(daemon, signal.SIGTERM)
        code, said = await refused(drained(stream))
        assert (code, said) == (grpc.StatusCode.UNAVAILABLE, "dlm is stopping")


def test_where_it_is_not_installed_the_extra_is_named(tmp_path: Path) -> None:
    """A sentence, and no traceback."""
    (tmp_path / "grpc.py").write_text("raise ModuleNotFoundError(name='grpc')")
    places = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    ended = subprocess.run(
        [sys.executable, "-m", "dlm", "serve", "--grpc", ":0", "--state", str(tmp_path / "s" / "dlm.db")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert "pip install 'dlm[grpc]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_it_grpc_is_not_imported() -> None:
    """It costs megabytes that only who asked for it pays."""
    program = "import sys, dlm.app, dlm.api.application, dlm.api.serving; assert 'grpc' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
