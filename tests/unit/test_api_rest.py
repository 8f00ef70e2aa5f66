"""REST, as a client sees it: adding, seeing, ordering, bad bodies, keys of idempotency, conditions, the schema."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path

import pytest

from dlm.api.asks import SpecIn
from dlm.api.commands import COMMANDS
from dlm.api.openapi import document
from dlm.api.reading import WITHHELD
from dlm.api.rest import LARGEST, ROOT
from dlm.api.scope import Scope
from dlm.model.download import DownloadSpec
from dlm.model.phase import Phase
from tests.api_client import Served, said
from tests.house import URI, House, play

DOWNLOADS = f"{ROOT}/downloads"


def served(tmp_path: Path, story: Callable[[Served], Awaitable[None]]) -> None:
    """Run a story with a served house, in virtual time."""

    async def played(house: House) -> None:
        await story(Served(house, str(tmp_path)))

    play(played)


async def added(house: Served, **facts: object) -> str:
    """The id of a download that was added through the API."""
    reply = await house.ask("POST", DOWNLOADS, body=said({"uris": [URI], **facts}))
    assert reply.status == 201, reply.body
    return str(reply.json["download"]["download_id"])


def test_a_download_is_added_seen_and_carried_out(tmp_path: Path) -> None:
    """From the first POST to the finished file."""

    async def story(house: Served) -> None:
        id = await added(house, output="mine.bin", priority="high", group="g")
        told = (await house.ask("GET", f"{DOWNLOADS}/{id[:6]}")).json["download"]
        assert (told["status"], told["priority"], told["group"], told["directory"]) == ("pending", "high", "g", "/d")
        await house.downloads.run(stay=False)
        told = (await house.ask("GET", f"{DOWNLOADS}/{id}")).json
        assert (told["download"]["status"], told["download"]["path"]) == ("completed", "/d/mine.bin")
        assert [step["to"] for step in told["transitions"]][-1] == "completed"

    served(tmp_path, story)


def test_many_are_added_at_once_or_none(tmp_path: Path) -> None:
    """One that cannot be carried out as it is written keeps the others out as well."""

    async def story(house: Served) -> None:
        rows = [{"uris": [f"mem://host/{n}.bin"]} for n in range(1000)]
        reply = await house.ask("POST", f"{DOWNLOADS}/bulk", body=said({"downloads": rows}))
        assert (reply.status, len(reply.json["added"])) == (201, 1000)
        bad = [*rows[:3], {"uris": ["nowhere://x"]}]
        assert (await house.ask("POST", f"{DOWNLOADS}/bulk", body=said({"downloads": bad}))).status == 422
        assert len(await house.house.all()) == 1000

    served(tmp_path, story)


def test_pages_lead_through_everything(tmp_path: Path) -> None:
    """Newest first, each once; the last page says that it is the last."""

    async def story(house: Served) -> None:
        rows = [{"uris": [f"mem://host/{n}.bin"], "paused": n % 2 == 0} for n in range(25)]
        await house.ask("POST", f"{DOWNLOADS}/bulk", body=said({"downloads": rows}))
        seen: list[str] = []
        query = "limit=10"
        while True:
            page = (await house.ask("GET", DOWNLOADS, query=query)).json
            seen += [each["uri"] for each in page["downloads"]]
            if page["next"] is None:
                break
            query = f"limit=10&before={page['next']}"
        assert seen == [f"mem://host/{n}.bin" for n in reversed(range(25))]
        paused = (await house.ask("GET", DOWNLOADS, query="phase=paused&limit=1000")).json["downloads"]
        assert len(paused) == 13
        found = (await house.ask("GET", DOWNLOADS, query="text=host/7.bin")).json["downloads"]
        assert [each["uri"] for each in found] == ["mem://host/7.bin"]
        named = (await house.ask("GET", DOWNLOADS, query="sort=name&limit=3")).json
        on = (await house.ask("GET", DOWNLOADS, query=f"sort=name&limit=2&before={named['next']}")).json
        told = [each["uri"][11:] for page in (named, on) for each in page["downloads"]]
        assert told == ["0.bin", "1.bin", "2.bin", "3.bin", "4.bin"]
        largest = (await house.ask("GET", DOWNLOADS, query="sort=-name&limit=1")).json["downloads"]
        assert largest[0]["uri"] == "mem://host/24.bin"

    served(tmp_path, story)


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("GET", "", "limit=0", 400),
        ("GET", "", "limit=1001", 400),
        ("GET", "", "limit=٣", 400),
        ("GET", "", "phase=asleep", 400),
        ("GET", "", "before=x", 400),
        ("GET", "", "sort=speed", 400),
        ("GET", "", "sort=", 400),
        ("GET", "", "sort=--size", 400),
        ("GET", "", "sort=size&before=0000000000000000.InRleHQi", 400),  # of a text
        ("GET", "", "sort=name&before=0000000000000000.MQ", 400),  # of a number
        ("GET", "", "sort=size&before=0000000000000000.TmFO", 400),  # NaN
        ("GET", "", "sort=size&before=0000000000000000.MWU5OTk", 400),  # 1e999
        ("GET", "", "sort=size&before=0000000000000000.dHJ1ZQ", 400),  # true
        ("GET", "", "sort=size&before=0000000000000000.W1tbW1s", 400),  # no JSON
        ("GET", "", "sort=size&before=0000000000000000.1", 400),  # no base64
        ("GET", "", "before=0000000000000000.MQ", 400),  # of another order
        ("GET", "", "sort=size&before=0000000000000000.MQ", 404),
        ("GET", "", "unknown=1", 400),
        ("GET", "/ffffffffffffffff", "", 404),
        ("GET", "/..%2f..%2fetc%2fpasswd", "", 404),
        ("GET", "/' OR 1=1 --", "", 404),
        ("PUT", "", "", 405),
        ("POST", "/ffffffffffffffff/pause", "", 404),
        ("DELETE", "/ffffffffffffffff", "delete_files=maybe", 400),
    ],
)
def test_bad_questions_get_problem_documents(tmp_path: Path, method: str, path: str, query: str, status: int) -> None:
    """Each with a sentence, as RFC 9457 has it."""

    async def story(house: Served) -> None:
        reply = await house.ask(method, DOWNLOADS + path, query=query.encode().decode("latin-1"))
        assert reply.status == status
        assert reply.headers["content-type"] == "application/problem+json"
        assert {"title", "status", "detail"} <= reply.json.keys()

    served(tmp_path, story)


BAD_BODIES = {
    "empty": b"",
    "not JSON": b"uris",
    "a list": b"[]",
    "null": b"null",
    "no address": b"{}",
    "no addresses": b'{"uris": []}',
    "a number": b'{"uris": [1]}',
    "an empty address": b'{"uris": [""]}',
    "an unknown member": b'{"uris": ["mem://host/file.bin"], "outptu": "x"}',
    "deep": b'{"uris": ' + b"[" * 100_000,
    "deep and closed": b'{"uris": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge number": b'{"uris": ["mem://host/file.bin"], "connections": 1e400}',
    "long number": b'{"uris": ["mem://host/file.bin"], "connections": ' + b"9" * 5000 + b"}",
    "not Unicode": b'{"uris": ["mem://host/\xff"]}',
    "a header that injects": b'{"uris": ["mem://host/file.bin"], "headers": {"X-A": "b\\r\\nX-C: d"}}',
    "a header name that injects": b'{"uris": ["mem://host/file.bin"], "headers": {"X: y\\r\\nZ": "b"}}',
    "an agent that injects": b'{"uris": ["mem://host/file.bin"], "user_agent": "a\\r\\nB: c"}',
    "an address that injects": b'{"uris": ["mem://host/a\\r\\nb"]}',
    "an output above": b'{"uris": ["mem://host/file.bin"], "output": "../x"}',
    "an absolute output": b'{"uris": ["mem://host/file.bin"], "output": "/etc/x"}',
    "standard output": b'{"uris": ["mem://host/file.bin"], "output": "-"}',
    "a directory above": b'{"uris": ["mem://host/file.bin"], "directory": ".."}',
    "another directory": b'{"uris": ["mem://host/file.bin"], "directory": "/etc"}',
    "a sibling directory": b'{"uris": ["mem://host/file.bin"], "directory": "/d-evil"}',
    "a zero byte": b'{"uris": ["mem://host/file.bin"], "directory": "/d/a\\u0000b"}',
    "two logins": b'{"uris": ["mem://host/file.bin"], "user": "a:b", "bearer": "c"}',
    "a bad digest": b'{"uris": ["mem://host/file.bin"], "checksum": "sha-256=12"}',
    "a bad range": b'{"uris": ["mem://host/file.bin"], "range": "9-1"}',
    "a lone surrogate": b'{"uris": ["mem://host/\\ud800"]}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_bad_bodies_are_refused_and_nothing_is_added(tmp_path: Path, body: bytes) -> None:
    """With a status of the client's, quickly, and without a trace in the queue."""

    async def story(house: Served) -> None:
        began = time.process_time()
        reply = await house.ask("POST", DOWNLOADS, body=body)
        assert time.process_time() - began < 5
        assert 400 <= reply.status < 500, reply.body
        assert await house.house.all() == []

    served(tmp_path, story)


def test_large_bodies_are_not_read(tmp_path: Path) -> None:
    """Neither when their length is stated nor when it is not."""

    async def story(house: Served) -> None:
        body = b'{"uris": ["' + b"x" * LARGEST + b'"]}'
        stated = await house.ask("POST", DOWNLOADS, body=b"{}", headers=[("Content-Length", str(100_000_000))])
        unstated = await house.ask("POST", DOWNLOADS, body=body)
        assert (stated.status, unstated.status) == (413, 413)
        million = json.dumps({"downloads": [{"uris": ["mem://host/file.bin"]}] * 10_001}).encode()
        assert (await house.ask("POST", f"{DOWNLOADS}/bulk", body=million)).status == 400

    served(tmp_path, story)


@pytest.mark.parametrize("name", sorted(WITHHELD))
def test_what_is_the_owners_cannot_be_chosen_from_afar(tmp_path: Path, name: str) -> None:
    """Nor changed afterwards."""

    async def story(house: Served) -> None:
        assert (await house.ask("POST", DOWNLOADS, body=said({"uris": [URI], name: "x"}))).status == 400
        id = await added(house)
        assert (await house.ask("PATCH", f"{DOWNLOADS}/{id}", body=said({name: "x"}))).status == 400

    served(tmp_path, story)


def test_every_field_of_a_spec_is_offered_or_withheld() -> None:
    """A new field has to be decided on: nothing gets in, or is left out, by being forgotten."""
    offered = set(SpecIn.__struct_fields__) | {"uris"}
    assert {each.name for each in fields(DownloadSpec)} == offered | WITHHELD.keys()
    assert not offered & WITHHELD.keys()


def test_orders_move_downloads(tmp_path: Path) -> None:
    """Pause, resume, cancel, retry, one by one and several at once; a refusal is told with its reason."""

    async def story(house: Served) -> None:
        id = await added(house)
        for order, status in (("pause", "paused"), ("resume", "pending"), ("cancel", "cancelled"), ("retry", "pending")):
            reply = await house.ask("POST", f"{DOWNLOADS}/{id}/{order}")
            assert (reply.status, reply.json["download"]["status"]) == (200, status)
        other = await added(house, output="other.bin")
        reply = await house.ask("POST", f"{ROOT}/orders", body=said({"order": "pause", "ids": [id, other]}))
        assert [each["download"]["status"] for each in reply.json["ordered"]] == ["paused", "paused"]
        await house.ask("POST", f"{DOWNLOADS}/{id}/cancel")
        refused = (await house.ask("POST", f"{DOWNLOADS}/{id}/pause")).json
        assert refused["refusal"]
        assert (await house.ask("POST", f"{ROOT}/orders", body=said({"order": "pause"}))).status == 400
        assert (await house.ask("DELETE", f"{DOWNLOADS}/{id}")).status == 200
        assert len(await house.house.all()) == 1

    served(tmp_path, story)


def test_an_edit_changes_what_is_given(tmp_path: Path) -> None:
    """And a rate of 0 lifts the limit."""

    async def story(house: Served) -> None:
        id = await added(house, limit_rate=1000)
        reply = await house.ask("PATCH", f"{DOWNLOADS}/{id}", body=said({"priority": "low", "limit_rate": 0}))
        assert (reply.json["priority"], reply.json["limit_rate"]) == ("low", None)
        outside = await house.ask("PATCH", f"{DOWNLOADS}/{id}", body=said({"directory": "/etc"}))
        assert outside.status == 400

    served(tmp_path, story)


def test_limits_are_set_and_lifted(tmp_path: Path) -> None:
    """For all together, and for a host."""

    async def story(house: Served) -> None:
        await house.ask("PUT", f"{ROOT}/limits", body=said({"rate": 5000}))
        reply = await house.ask("PUT", f"{ROOT}/limits", body=said({"rate": 100, "host": "example.org:443"}))
        assert reply.json == {"total": 5000, "hosts": {"example.org:443": 100}}
        assert (await house.ask("PUT", f"{ROOT}/limits", body=said({"rate": None}))).json["total"] is None

    served(tmp_path, story)


def test_the_same_key_is_answered_as_before(tmp_path: Path) -> None:
    """Also while the first is under way; another request under that key is an error; without a key each stands for itself."""

    async def story(house: Served) -> None:
        key = [("Idempotency-Key", "k1")]
        body = said({"uris": [URI], "paused": True})
        first, second = await asyncio.gather(*(house.ask("POST", DOWNLOADS, body=body, headers=key) for _ in range(2)))
        third = await house.ask("POST", DOWNLOADS, body=body, headers=key)
        assert first.body == second.body == third.body
        assert first.json["known"] is False
        other = await house.ask("POST", DOWNLOADS, body=said({"uris": ["mem://host/2"]}), headers=key)
        assert other.status == 422
        stranger = await house.ask("POST", DOWNLOADS, body=body, headers=key, token=house.token[Scope.ADD])
        assert stranger.status == 422
        assert (await house.ask("POST", DOWNLOADS, body=body, headers=[("Idempotency-Key", "k" * 256)])).status == 400

    served(tmp_path, story)


def test_a_failed_request_is_not_kept_under_its_key(tmp_path: Path) -> None:
    """What failed may be tried again with the same key."""

    async def story(house: Served) -> None:
        key = [("Idempotency-Key", "k1")]
        path = f"{DOWNLOADS}/ffff/pause"
        assert (await house.ask("POST", path, headers=key)).status == 404
        assert (await house.ask("POST", path, headers=key)).status == 404

    served(tmp_path, story)


def test_what_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    """If-None-Match with the tag of the last answer (RFC 9110, 13.1.2)."""

    async def story(house: Served) -> None:
        id = await added(house)
        first = await house.ask("GET", f"{DOWNLOADS}/{id}")
        again = await house.ask("GET", f"{DOWNLOADS}/{id}", headers=[("If-None-Match", f'W/"x", {first.headers["etag"]}')])
        assert (again.status, again.body) == (304, b"")
        await house.ask("POST", f"{DOWNLOADS}/{id}/pause")
        after = await house.ask("GET", f"{DOWNLOADS}/{id}", headers=[("If-None-Match", first.headers["etag"])])
        assert after.status == 200

    served(tmp_path, story)


def test_no_secret_is_told(tmp_path: Path) -> None:
    """Whatever a download was added with, no answer repeats it."""

    async def story(house: Served) -> None:
        secrets = {"user": "me:hidden1", "headers": {"X-Key": "hidden2"}}
        reply = await house.ask(
            "POST", DOWNLOADS, body=said({"uris": ["mem://you:hidden3@host/file.bin?token=hidden4"], **secrets})
        )
        id = reply.json["download"]["download_id"]
        replies = [reply, await house.ask("GET", f"{DOWNLOADS}/{id}"), await house.ask("GET", DOWNLOADS)]
        assert all(b"hidden" not in each.body for each in replies)

    served(tmp_path, story)


def test_the_schema_has_every_command_and_every_scope() -> None:
    """OpenAPI 3.1, made of the same table, with every reference defined."""
    made = document()
    text = json.dumps(made)
    assert made["openapi"] == "3.1.0"
    operations = {op["operationId"]: op for path in made["paths"].values() for op in path.values()}
    assert operations.keys() == {command.name for command in COMMANDS}
    for command in COMMANDS:
        assert command.scope.value in operations[command.name]["description"]
    names = set(made["components"]["schemas"])
    used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= names


def test_the_health_of_the_daemon_is_told_to_anybody_and_its_queue_to_readers(tmp_path: Path) -> None:
    """A probe needs no token, and learns nothing but that it works."""

    async def story(house: Served) -> None:
        await added(house)
        assert (await house.ask("GET", "/health", token=None)).json == {"status": "ok"}
        assert (await house.ask("GET", "/health")).json["queue"] == {Phase.PENDING.value: 1}

    served(tmp_path, story)


def test_many_additions_hold_nobody_up(tmp_path: Path) -> None:
    """While thousands are read and told, everything else has its turn many times, and not once or twice."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def story(house: Served) -> None:
        async with house.application.running():
            counting = asyncio.create_task(count())
            body = {"downloads": [{"uris": [f"mem://host/{number}"], "paused": True} for number in range(2000)]}
            reply = await house.ask("POST", f"{ROOT}/downloads/bulk", body=said(body))
            counting.cancel()
        assert (reply.status, len(reply.json["added"])) == (201, 2000)
        assert turns > 80

    served(tmp_path, story)
