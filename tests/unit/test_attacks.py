"""The attack table at every surface: each attack at each door, and what was to be kept is as it was."""

from __future__ import annotations

import ast
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dlm.api.scope import Scope
from tests.api_client import Served, said
from tests.attacks import ATTACKS, HOST, ROWS, SURFACES, Attack, Knock, Surface, owner
from tests.house import URI, House, play

TESTS = Path(__file__).resolve().parent.parent
ELSEWHERE = {
    "D8": ("unit/test_api_page.py", "test_there_is_nothing_beside_the_table"),
    "D9": ("browser/test_page.py", "test_what_strangers_write_is_never_markup"),
    "D17": ("integration/test_daemon.py", "test_only_the_owner_reaches_the_socket"),
    "D19": ("integration/test_streams.py", "test_a_hundred_listen_and_one_never_reads"),
    "D20": ("integration/test_grpc_doors.py", "test_no_method_without_a_token"),
}
"""Rows that are tested where what they need is at hand."""


def besieged(tmp_path: Path, story: Callable[[Served], Awaitable[None]]) -> None:
    """Run a story with a served house in which one download waits, paused; it is as it was when the story ends."""

    async def played(house: House) -> None:
        served = Served(house, str(tmp_path))
        body = said({"uris": [URI + "?token=canary"], "paused": True, "headers": {"X-Key": "canary"}, "bearer": "canary"})
        assert (await served.ask("POST", "/api/v1/downloads", body=body)).status == 201
        before = await house.all()
        await story(served)
        assert await house.all() == before

    play(played)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.row}-{attack.name}")
def test_attack(tmp_path: Path, attack: Attack, surface: Surface) -> None:
    """At no door of the surface does it come through, nor does it learn anything."""

    async def story(served: Served) -> None:
        for number, door in enumerate(surface.doors):
            made = attack.made(served, door)
            if made is None:
                continue
            # Another peer each time: trying tokens is an attack of its own.
            knock = Knock(made.host, made.token, made.headers, made.query, f"192.0.2.{number}")
            answer = await surface.knock(served, door, knock)
            assert answer.status == surface.refusal(attack.status), (door, answer)
            told = answer.body + repr(answer.headers).encode()
            assert not [word for word in (URI, "canary", *served.token.values()) if word.encode() in told], (door, told)
            assert "location" not in answer.headers

    besieged(tmp_path, story)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_the_same_knock_without_an_attack(tmp_path: Path, surface: Surface) -> None:
    """Is let in at every door: so it was the attack that was refused, and not the way in which it was made."""

    async def story(served: Served) -> None:
        for door in surface.doors:
            if door.method == "GET":
                own = [("Origin", f"http://{HOST}"), ("Sec-Fetch-Site", "same-origin")]
                answer = await surface.knock(served, door, owner(served, headers=own))
                assert answer.status in {101, 200, 404}, (door, answer)

    besieged(tmp_path, story)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
@pytest.mark.parametrize("peers", ["192.0.2.7", "2001:db8::{:x}", "::ffff:192.0.2.7"], ids=["one", "network", "mapped"])
def test_d16_many_tokens(tmp_path: Path, surface: Surface, peers: str) -> None:
    """D16: after ten wrong ones the next get 429, at every door, from all of a network of addresses; a right one is let in."""

    async def story(served: Served) -> None:
        door = surface.doors[0]
        for number in range(10):
            answer = await surface.knock(served, door, Knock(token=f"wrong{number}", peer=peers.format(number)))
            assert answer.status == surface.refusal(401)
        for each in SURFACES:
            answer = await each.knock(served, each.doors[0], Knock(token="wrong", peer=peers.format(99)))
            assert answer.status == each.refusal(429), each.name
            right = await each.knock(served, each.doors[0], owner(served, peer=peers.format(99)))
            assert right.status not in {each.refusal(401), each.refusal(429)}, each.name
        other = await surface.knock(served, door, Knock(token="wrong", peer="198.51.100.1"))
        assert other.status == surface.refusal(401)

    besieged(tmp_path, story)


@pytest.mark.parametrize("surface", [each for each in SURFACES if each.name != "websocket"], ids=lambda each: each.name)
def test_d21_frames(tmp_path: Path, surface: Surface) -> None:
    """D21, D9: every answer, the refused and the good ones, keeps out of frames, scripts of others and guessed media types."""

    async def story(served: Served) -> None:
        for door in surface.doors:
            for knock in (owner(served), Knock(token=None), Knock(host="evil.test"), Knock(token="wrong")):
                answer = await surface.knock(served, door, knock)
                assert answer.headers["x-frame-options"] == "DENY"
                assert answer.headers["x-content-type-options"] == "nosniff"
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'self';")
                assert "frame-ancestors 'none'" in policy
                assert "access-control-allow-origin" not in answer.headers
                assert "set-cookie" not in answer.headers

    # What is asked in good faith may change what is there.
    play(lambda house: story(Served(house, str(tmp_path))))


def test_d14_no_code_of_strangers() -> None:
    """D14: nothing in dlm turns text into code, and what answers clients starts no program and loads no objects."""
    found: set[tuple[str, object]] = set()
    for path in (TESTS.parent / "src/dlm").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec", "compile"}:
                found.add((path.name, node.func.id))
            if isinstance(node, ast.Import | ast.ImportFrom) and path.parent.name == "api":
                names = {each.name for each in node.names} | {getattr(node, "module", None)}
                found |= {(path.name, name) for name in names & {"subprocess", "pickle", "marshal", "shelve", "ctypes"}}
            if isinstance(node, ast.keyword) and node.arg == "shell" and getattr(node.value, "value", True) is not False:
                found.add((path.name, "shell"))
    assert found == {("value.py", "exec")}, "the methods of our own classes are made there, when they are defined"


def test_every_scope_is_tried_at_every_door() -> None:
    """D5: the table of attacks has a token too low for whatever needs one above the lowest."""
    needed = {door.needs for surface in SURFACES for door in surface.doors}
    assert needed == {*Scope, None}


def test_every_row_has_a_test() -> None:
    """A row of the table that nobody tests is a row that nobody keeps."""
    texts = {path: path.read_text() for path in TESTS.rglob("test_attacks*.py")}
    here = {row.upper() for text in texts.values() for row in re.findall(r"def test_(d\d+)_", text)}
    found = here | {attack.row for attack in ATTACKS}
    for row, (file, name) in ELSEWHERE.items():
        if row == "D20" and not (TESTS.parent / "src/dlm/api/grpc").exists():
            found.add(row)  # there is no such protocol here
        elif f"def {name}(" in (TESTS / file).read_text():
            found.add(row)
    assert ROWS.keys() - found == set()
    assert found - ROWS.keys() == set()
