"""Who gets in: the head of a request, tokens, and every command by every scope."""

from __future__ import annotations

import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlm.api.admission import Head, Refusal, bearer, host_name, refusal
from dlm.api.attempts import FREE, LAST_WAIT, Attempts
from dlm.api.command import Command
from dlm.api.commands import COMMANDS
from dlm.api.rest import ROOT
from dlm.api.scope import Scope
from dlm.api.tokens import Tokens
from dlm.model.error import Conflict, InvalidRequest, StateUnusable
from tests.api_client import Served
from tests.house import House, play, seconds

PATHS = [command.path.replace("{id}", "ffffffffffffffff") for command in COMMANDS]


def head(host: str = "127.0.0.1:8840", origin: str | None = None, **facts: object) -> Head:
    """The head of a plain request."""
    plain: dict[str, object] = {"site": None, "query": "", "secure": False, "local": False}
    return Head(hosts=[host], origins=[] if origin is None else [origin], **{**plain, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8840", "[::1]:8840", "[::1]", "localhost:1", "LOCALHOST", "192.0.2.1", "nas.example.org:80"],
)
def test_addresses_and_names_of_ours_are_served(host: str) -> None:
    """An address cannot be rebound, and what was configured is ours."""
    assert refusal(head(host), ["nas.example.org"]) is None


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8840", "localhost.evil.test", "127.0.0.1.evil.test", "", ":8840", "nas.example.org.evil.test"]
    + ["127.0.0.1:x", "[::1", "[::1]x", "[::1]:x", "a b", "nas.example.org@evil.test", "0x7f.1"],
)
def test_other_hosts_are_refused(host: str) -> None:
    """A name that a stranger chose may lead here by a trick of the DNS."""
    assert refusal(head(host), ["nas.example.org"]) is Refusal.WRONG_HOST


def test_no_host_or_two_are_refused() -> None:
    """What is ambiguous is not interpreted."""
    assert refusal(Head([], [], None, "", False, False), []) is Refusal.WRONG_HOST
    assert refusal(Head(["localhost", "localhost"], [], None, "", False, False), []) is Refusal.WRONG_HOST


@pytest.mark.parametrize(
    ("origin", "site", "expected"),
    [
        ("http://127.0.0.1:8840", None, None),
        ("http://127.0.0.1:8840", "same-origin", None),
        ("https://127.0.0.1:8840", None, Refusal.FOREIGN_ORIGIN),
        ("http://127.0.0.1", None, Refusal.FOREIGN_ORIGIN),
        ("http://127.0.0.1:8840.evil.test", None, Refusal.FOREIGN_ORIGIN),
        ("http://evil.test", None, Refusal.FOREIGN_ORIGIN),
        ("null", None, Refusal.FOREIGN_ORIGIN),
        ("", None, Refusal.FOREIGN_ORIGIN),
        (None, "cross-site", Refusal.FOREIGN_ORIGIN),
        (None, "same-site", Refusal.FOREIGN_ORIGIN),
        (None, "none", None),
    ],
)
def test_only_our_own_page_may_ask(origin: str | None, site: str | None, expected: Refusal | None) -> None:
    """A browser says which page asks."""
    assert refusal(head(origin=origin, site=site), []) is expected


@pytest.mark.parametrize("query", ["token=x", "a=b&token=x", "TOKEN=x", "access_token=x", "token"])
def test_a_token_in_the_address_is_refused(query: str) -> None:
    """Logs and histories keep addresses."""
    assert refusal(head(query=query), []) is Refusal.TOKEN_IN_ADDRESS


@given(st.text())
def test_no_host_makes_it_stumble(text: str) -> None:
    """Whatever is sent, it is an own host or it is refused."""
    assert refusal(head(text), []) in {None, Refusal.WRONG_HOST}
    name = host_name(text)
    assert name is None or name == name.lower()


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (["Bearer abc"], "abc"),
        (["bearer  abc "], "abc"),
        (["Basic abc"], None),
        (["Bearer"], None),
        (["Bearer a", "Bearer b"], None),
        ([], None),
    ],
)
def test_a_token_is_read_from_one_header(values: list[str], token: str | None) -> None:
    """RFC 6750, 2.1."""
    assert bearer(values) == token


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_the_first_token_is_the_owners_and_for_nobody_elses_eyes(tmp_path: Path) -> None:
    """It is made once, kept in a file of mode 0600, and worth everything; its file and the list hold no other secret."""
    folder = tmp_path / "state"
    tokens = Tokens(str(folder))
    text = tokens.first(1.0)
    assert tokens.first(2.0) == text
    assert tokens.scope_of(text) is Scope.ADMIN
    assert Tokens(str(folder)).scope_of(text) is Scope.ADMIN
    for name in ("token", "tokens.json"):
        assert stat.S_IMODE(os.stat(folder / name).st_mode) == 0o600
    assert text not in (folder / "tokens.json").read_text()


def test_a_rotated_token_is_worth_nothing(tmp_path: Path) -> None:
    """In a process that has read the file before as well."""
    tokens, other = Tokens(str(tmp_path)), Tokens(str(tmp_path))
    before = tokens.first(1.0)
    assert other.scope_of(before) is Scope.ADMIN
    after = tokens.rotate(2.0)
    assert other.scope_of(before) is None
    assert other.scope_of(after) is Scope.ADMIN


def test_tokens_are_made_and_revoked_by_name(tmp_path: Path) -> None:
    """A name stands for one token, and has to be one."""
    tokens = Tokens(str(tmp_path))
    text = tokens.make("browser", Scope.ADD, 1.0)
    assert tokens.scope_of(text) is Scope.ADD
    with pytest.raises(Conflict):
        tokens.make("browser", Scope.READ, 2.0)
    for name in ("", " ", "a\nb"):
        with pytest.raises(InvalidRequest):
            tokens.make(name, Scope.READ, 2.0)
    tokens.revoke("browser")
    assert tokens.scope_of(text) is None
    with pytest.raises(InvalidRequest):
        tokens.revoke("browser")


@pytest.mark.parametrize("content", ["", "{}x", "[1]", '[{"name": "a"}]', '[{"name":"a","scope":"root","digest":"","made":1}]'])
def test_a_broken_list_lets_nobody_in(tmp_path: Path, content: str) -> None:
    """Guessing would let somebody in."""
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(StateUnusable):
        Tokens(str(tmp_path)).scope_of("x")


def test_scopes_are_a_ladder() -> None:
    """Each allows what is below it, and nothing above."""
    ladder = [Scope.READ, Scope.ADD, Scope.CONTROL, Scope.ADMIN]
    for high, scope in enumerate(ladder):
        assert [scope.allows(each) for each in ladder] == [low <= high for low in range(4)]


def test_many_wrong_tokens_have_to_wait() -> None:
    """Ten are free; then the wait doubles, up to five minutes, for that peer alone."""

    async def story(house: House) -> None:
        attempts = Attempts(house.clock)
        for _ in range(FREE - 1):
            attempts.failed("a")
        assert attempts.wait("a") == 0
        attempts.failed("a")
        assert attempts.wait("a") == pytest.approx(1.0)
        await seconds(2)
        assert attempts.wait("a") == 0
        for _ in range(60):
            attempts.failed("a")
        assert attempts.wait("a") == pytest.approx(LAST_WAIT)
        assert attempts.wait("b") == 0

    play(story)


# --- every command ----------------------------------------------------------------------------------------------------


def asked_by(tmp_path: Path, story: Callable[[Served], Awaitable[None]]) -> None:
    """Run a story with a served house, in virtual time."""
    play(lambda house: story(Served(house, str(tmp_path))))


def body_of(command: Command) -> bytes | None:
    """A body that is JSON, if no more."""
    return None if command.body is None else b"{}"


def test_no_command_without_a_token(tmp_path: Path) -> None:
    """Every row of the table answers 401, and says how to get one."""

    async def story(served: Served) -> None:
        for command, path in zip(COMMANDS, PATHS, strict=True):
            reply = await served.ask(command.method, ROOT + path, token=None, body=body_of(command))
            assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer realm="dlm"'), command.name
            assert reply.json["status"] == 401

    asked_by(tmp_path, story)


def test_every_command_by_every_scope(tmp_path: Path) -> None:
    """A token below what the row names is told 403; any other gets past the door."""

    async def story(served: Served) -> None:
        for command, path in zip(COMMANDS, PATHS, strict=True):
            for scope in Scope:
                reply = await served.ask(command.method, ROOT + path, token=served.token[scope], body=body_of(command))
                assert (reply.status == 403) == (not scope.allows(command.scope)), (command.name, scope)
                assert reply.status < 500, (command.name, reply.body)

    asked_by(tmp_path, story)


def test_whatever_changes_something_needs_more_than_reading(tmp_path: Path) -> None:
    """And nothing is changed by GET."""
    for command in COMMANDS:
        assert (command.method == "GET") == (command.scope in {Scope.READ, Scope.ADMIN}), command.name
